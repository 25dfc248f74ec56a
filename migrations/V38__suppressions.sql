-- Addresses that an account may not mail any more: bounced hard or complained (every lane, 5002), or unsubscribed
-- (advertisements and bulk, 1007). `address_key` is what addresses are compared by, `address` how it was written.
CREATE TABLE suppressions (
  suppression_id BINARY(16) NOT NULL DEFAULT (UNHEX(REPLACE(UUID(), '-', ''))) PRIMARY KEY,
  account_id   INT UNSIGNED NOT NULL,
  channel      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  address_key  VARCHAR(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  address      VARCHAR(320) NOT NULL,
  reason       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail       VARCHAR(1024) NULL,
  raw_code     VARCHAR(64) NULL,
  message_id   BINARY(16) NULL,
  created_ms   BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY own (account_id, channel, address_key, reason),
  KEY listed (account_id, suppression_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
