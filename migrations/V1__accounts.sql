-- Clients, their keys and sender numbers, and the vendor accounts that carry their messages. Times: ms since 1970 UTC.
CREATE TABLE accounts (
  account_id        INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  username          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  enabled           TINYINT NOT NULL DEFAULT 1,
  callback_uri      VARCHAR(2048) NULL,
  callback_enabled  TINYINT NOT NULL DEFAULT 1,
  callback_batch    SMALLINT UNSIGNED NOT NULL DEFAULT 1,
  callback_secrets  TEXT NOT NULL,
  send_window       INT UNSIGNED NOT NULL DEFAULT 20000,
  rate_per_second   INT UNSIGNED NULL,
  daily_limit       INT UNSIGNED NULL,
  created_ms        BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY username (username)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE api_keys (
  key_hash    BINARY(32) NOT NULL PRIMARY KEY,
  account_id  INT UNSIGNED NULL,
  kind        VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name        VARCHAR(64) NOT NULL DEFAULT '',
  scopes      TEXT NULL,
  ip_allow    TEXT NULL,
  expires_ms  BIGINT UNSIGNED NULL,
  revoked_ms  BIGINT UNSIGNED NULL,
  created_ms  BIGINT UNSIGNED NOT NULL,
  KEY account (account_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE senders (
  account_id  INT UNSIGNED NOT NULL,
  number      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'approved',
  created_ms  BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (account_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE vendor_accounts (
  vendor    VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  account   VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel   VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  base_url  VARCHAR(512) NOT NULL,
  weight    INT UNSIGNED NOT NULL DEFAULT 100,
  enabled   TINYINT NOT NULL DEFAULT 1,
  sandbox   TINYINT NOT NULL DEFAULT 0,
  settings  TEXT NOT NULL,
  PRIMARY KEY (channel, vendor, account)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE files (
  file_id     BINARY(16) NOT NULL PRIMARY KEY,
  account_id  INT UNSIGNED NOT NULL,
  name        VARCHAR(255) NOT NULL,
  media_type  VARCHAR(64) NOT NULL,
  size        INT UNSIGNED NOT NULL,
  width       SMALLINT UNSIGNED NULL,
  height      SMALLINT UNSIGNED NULL,
  body        MEDIUMBLOB NOT NULL,
  created_ms  BIGINT UNSIGNED NOT NULL,
  KEY account (account_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
