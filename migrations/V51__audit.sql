-- Who changed, or looked at, what: rows are only added; each holds the hash of the one before.
CREATE TABLE audit (
  seq           BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  at_ms         BIGINT UNSIGNED NOT NULL,
  actor_kind    VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor_name    VARCHAR(254) NOT NULL,
  address       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  account_id    INT UNSIGNED NOT NULL,
  username      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  action        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  object        VARCHAR(300) NOT NULL,
  before_json   MEDIUMTEXT NULL,
  after_json    MEDIUMTEXT NULL,
  purpose       VARCHAR(500) NULL,
  previous      BINARY(32) NOT NULL,
  hash          BINARY(32) NOT NULL,
  KEY account (account_id, seq),
  KEY at (at_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- the newest row's number and hash; writers wait for each other here
CREATE TABLE audit_head (
  one           TINYINT NOT NULL PRIMARY KEY,
  seq           BIGINT UNSIGNED NOT NULL,
  hash          BINARY(32) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, UNHEX(REPEAT('00', 32)));
