-- What watch knows: its alarms, who is not to be told of them, and one row for its state and for whose turn it is.
CREATE TABLE alarms (
  name       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject    VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  severity   VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  text       VARCHAR(512) NOT NULL,
  value      BIGINT NOT NULL,
  since_ms   BIGINT UNSIGNED NOT NULL,
  seen_ms    BIGINT UNSIGNED NOT NULL,
  firing     TINYINT NOT NULL,
  clear_ms   BIGINT UNSIGNED NULL,
  ended_ms   BIGINT UNSIGNED NULL,
  told_ms    BIGINT UNSIGNED NULL,
  sms_ms     BIGINT UNSIGNED NULL,
  trying_ms  BIGINT UNSIGNED NULL,
  fired      INT UNSIGNED NOT NULL,
  PRIMARY KEY (name, subject)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Nobody is told of an alarm until then.
CREATE TABLE alarm_mutes (
  name        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  until_ms    BIGINT UNSIGNED NOT NULL,
  reason      VARCHAR(255) NOT NULL DEFAULT '',
  created_ms  BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- `version` grows with every save: the newest of MySQL's, Redis' and a process's own state counts.
CREATE TABLE watch_state (
  id              TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  version         BIGINT UNSIGNED NOT NULL,
  marks           TEXT NOT NULL,
  holder          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  lease_until_ms  BIGINT UNSIGNED NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO watch_state (id, version, marks) VALUES (1, 0, '{}');

-- When something was last alive: `schedule` at each tick, `watch` to see how far the replica is behind.
CREATE TABLE heartbeats (
  name   VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  at_ms  BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
