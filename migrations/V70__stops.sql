-- What operators have stopped, with author, reason and end: a lane, a vendor account, an account. Who muted an alarm, and
-- who decided about a dead letter.
CREATE TABLE stops (
  kind      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  object    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reason    VARCHAR(255) NOT NULL,
  by_name   VARCHAR(254) NOT NULL,
  details   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  since_ms  BIGINT UNSIGNED NOT NULL,
  until_ms  BIGINT UNSIGNED NULL,
  PRIMARY KEY (kind, object)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

ALTER TABLE alarm_mutes ADD COLUMN by_name VARCHAR(254) NOT NULL DEFAULT '';
ALTER TABLE dead_letters ADD COLUMN decided_by VARCHAR(254) NULL, ADD COLUMN decided_ms BIGINT UNSIGNED NULL;
