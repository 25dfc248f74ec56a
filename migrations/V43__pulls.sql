-- Vendor accounts whose results must be asked for: how far that has come, and who asks now. Written by collect.
CREATE TABLE pulls (
  vendor          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  account         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  owner           BINARY(8) NOT NULL,
  lease_until_ms  BIGINT UNSIGNED NOT NULL,
  place           MEDIUMTEXT CHARACTER SET utf8mb4 NULL,
  PRIMARY KEY (vendor, account, channel)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
