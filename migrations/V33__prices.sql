-- What a delivered message costs us at a vendor, per charged unit, in KRW: the contract's prices, from a moment on.
-- account '' stands for every account of the vendor, country '*' for every one outside Korea that has no row of its own.
-- Where there is no row, the adapter's list price holds (shared/vendors/<vendor>/<channel>.py).
CREATE TABLE prices (
  channel     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  vendor      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  account     VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  type        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  country     VARCHAR(2) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'KR',
  from_ms     BIGINT UNSIGNED NOT NULL,
  amount      DECIMAL(12,4) NOT NULL,
  PRIMARY KEY (channel, vendor, account, type, country, from_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
