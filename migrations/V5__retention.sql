-- Due work by lane, so that taking one lane's reads no other's; a backlog's accounts are found by leaps over this index.
ALTER TABLE due DROP KEY due, DROP KEY backlog, ADD KEY due (lane, due_ms), ADD KEY backlog (kind, lane, account_id);

-- Which results of a hop `store` has counted (a bit each, shared/stores/history.py): told again, they count once.
ALTER TABLE hops ADD COLUMN counted TINYINT UNSIGNED NOT NULL DEFAULT 0;

-- How far each task of `retention` has come: everything before `place` has been looked at.
CREATE TABLE retention (
  task        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  place       BINARY(16) NOT NULL DEFAULT '',
  removed     BIGINT UNSIGNED NOT NULL DEFAULT 0,
  updated_ms  BIGINT UNSIGNED NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Requests that were not final when retention passed them, and when it looks at them again.
CREATE TABLE retention_later (
  task        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  request_id  BINARY(16) NOT NULL,
  again_ms    BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (task, request_id),
  KEY again (task, again_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What lets the oldest rows be found without reading the others.
ALTER TABLE idempotency ADD KEY expires (expires_ms);
ALTER TABLE usage_daily ADD KEY day (day);
ALTER TABLE vendor_hourly ADD KEY hour (hour_ms);
ALTER TABLE dead_letters ADD COLUMN replayed_ms BIGINT UNSIGNED NULL, ADD KEY state (state, at_ms);
