-- What became of alarms: each that fired or ended, and who acknowledged, muted or unmuted it.
CREATE TABLE alarm_history (
  history_id  BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject     VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  severity    VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  text        VARCHAR(512) NOT NULL,
  by_name     VARCHAR(254) NOT NULL DEFAULT '',
  at_ms       BIGINT UNSIGNED NOT NULL,
  KEY at (at_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- An alarm that somebody has taken on; it holds for the outage that began then.
CREATE TABLE alarm_acks (
  name      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject   VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  since_ms  BIGINT UNSIGNED NOT NULL,
  by_name   VARCHAR(254) NOT NULL,
  at_ms     BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (name, subject)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
