-- Exports: what is asked for, how far it has come, who is at it (`token`, until `lease_ms`), and the file, in compressed
-- parts, until `expires_ms`.
CREATE TABLE exports (
  export_id    BINARY(16) NOT NULL PRIMARY KEY,
  account_id   INT UNSIGNED NOT NULL,
  test         TINYINT NOT NULL,
  what         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  filters      TEXT NOT NULL,
  purpose      VARCHAR(500) NOT NULL,
  author       VARCHAR(254) NOT NULL,
  state        VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  found        INT UNSIGNED NOT NULL DEFAULT 0,
  parts        INT UNSIGNED NOT NULL DEFAULT 0,
  size         BIGINT UNSIGNED NOT NULL DEFAULT 0,
  place        BINARY(16) NOT NULL,
  token        BINARY(8) NULL,
  lease_ms     BIGINT UNSIGNED NOT NULL DEFAULT 0,
  created_ms   BIGINT UNSIGNED NOT NULL,
  updated_ms   BIGINT UNSIGNED NOT NULL,
  expires_ms   BIGINT UNSIGNED NOT NULL,
  KEY own (account_id, export_id),
  KEY expires (expires_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE export_parts (
  export_id   BINARY(16) NOT NULL,
  part        INT UNSIGNED NOT NULL,
  expires_ms  BIGINT UNSIGNED NOT NULL,
  body        MEDIUMBLOB NOT NULL,
  PRIMARY KEY (export_id, part),
  KEY expires (expires_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
