-- Receipts that name their message only by the vendor's own reference find their hop by it.
ALTER TABLE hops
  MODIFY vendor_ref VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  ADD KEY vendor_ref (vendor_ref);

-- The receipt inbox: receipts that came before the answer that names their hop was written. Whoever writes the answer
-- takes them out.
CREATE TABLE receipt_inbox (
  vendor_ref      VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  channel         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  vendor          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  vendor_account  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state           VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code            CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  raw_code        VARCHAR(32) NULL,
  raw_text        VARCHAR(255) NULL,
  at_ms           BIGINT UNSIGNED NOT NULL,
  kept_ms         BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (vendor_ref, channel, vendor, vendor_account, state, code),
  KEY kept (kept_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- The number of the last question about an uncertain hop that was planned: told again, it is not asked again.
ALTER TABLE messages ADD COLUMN asked TINYINT UNSIGNED NOT NULL DEFAULT 0;
