-- Idempotency-Keys of what clients and operators make by POST (shared/edge/once.py): who is at it, whether it was made,
-- and the sealed answer, for 24 hours. `token` names the attempt that holds the key until `deadline_ms`.
CREATE TABLE kept_answers (
  owner       BINARY(16) NOT NULL,
  key_hash    BINARY(16) NOT NULL,
  token       BINARY(8) NOT NULL,
  deadline_ms BIGINT UNSIGNED NOT NULL,
  expires_ms  BIGINT UNSIGNED NOT NULL,
  made        TINYINT UNSIGNED NOT NULL DEFAULT 0,
  body_hash   BINARY(16) NULL,
  status      SMALLINT UNSIGNED NULL,
  answer      MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
  PRIMARY KEY (owner, key_hash),
  KEY expires (expires_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
