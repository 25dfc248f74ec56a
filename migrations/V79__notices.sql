-- What clients are told beside reports, if they ask for it (`accounts.events`): an address that became bad, a limit that is
-- nearly used up. `quiet`: kept to be shown only.
ALTER TABLE accounts ADD COLUMN events TEXT NULL;
CREATE TABLE notices (
  notice_id   BINARY(16) NOT NULL PRIMARY KEY,
  account_id  INT UNSIGNED NOT NULL,
  type        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  data        TEXT NOT NULL,
  state       VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  tries       TINYINT UNSIGNED NOT NULL DEFAULT 0,
  due_ms      BIGINT UNSIGNED NOT NULL,
  created_ms  BIGINT UNSIGNED NOT NULL,
  KEY due (state, due_ms),
  KEY own (account_id, type, created_ms),
  KEY created (created_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
