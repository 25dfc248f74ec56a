-- What `store` writes: history, never decisions. All of it can be written twice without harm (`seen` knows the events).
CREATE TABLE seen (
  event_id  BINARY(16) NOT NULL PRIMARY KEY,
  seen_ms   BIGINT UNSIGNED NOT NULL,
  KEY seen_ms (seen_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Reports that their client has not taken at the first try: enough to rebuild the retries after a loss of Redis.
CREATE TABLE reports (
  message_id       BINARY(16) NOT NULL PRIMARY KEY,
  account_id       INT UNSIGNED NOT NULL,
  username         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  webhook_id       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  callback_uri     VARCHAR(2048) NOT NULL,
  state            VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  tries            TINYINT UNSIGNED NOT NULL,
  next_due_ms      BIGINT UNSIGNED NULL,
  first_failed_ms  BIGINT UNSIGNED NULL,
  last_status      SMALLINT UNSIGNED NULL,
  last_error       VARCHAR(255) NULL,
  updated_ms       BIGINT UNSIGNED NOT NULL,
  data             MEDIUMTEXT NOT NULL,
  KEY pending (state, next_due_ms),
  KEY account (account_id, state),
  KEY webhook (webhook_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One row per failed or late try of a unit (a message or a batch), for GET /v1/messages/{id} and callback health.
CREATE TABLE attempts (
  attempt_id   BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  account_id   INT UNSIGNED NOT NULL,
  webhook_id   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  attempt      TINYINT UNSIGNED NOT NULL,
  outcome      VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status       SMALLINT UNSIGNED NULL,
  error        VARCHAR(255) NULL,
  duration_ms  INT UNSIGNED NOT NULL,
  messages     SMALLINT UNSIGNED NOT NULL,
  at_ms        BIGINT UNSIGNED NOT NULL,
  KEY webhook (webhook_id),
  KEY account (account_id, at_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Outcomes that changed nothing (late, repeated, of an older hop): the part of a trail that no row shows.
CREATE TABLE trail (
  trail_id    BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  message_id  BINARY(16) NOT NULL,
  hop         TINYINT UNSIGNED NOT NULL,
  state       VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code        CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NULL,
  raw_code    VARCHAR(32) NULL,
  raw_text    VARCHAR(255) NULL,
  via         VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  cause       BINARY(16) NULL,
  at_ms       BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY once (message_id, hop, state, cause)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE usage_daily (
  account_id  INT UNSIGNED NOT NULL,
  day         DATE NOT NULL,
  lane        TINYINT UNSIGNED NOT NULL,
  channel     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  accepted    BIGINT UNSIGNED NOT NULL DEFAULT 0,
  delivered   BIGINT UNSIGNED NOT NULL DEFAULT 0,
  failed      BIGINT UNSIGNED NOT NULL DEFAULT 0,
  price       DECIMAL(16,2) NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, day, lane, channel, type)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE vendor_hourly (
  vendor   VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  account  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  hour_ms  BIGINT UNSIGNED NOT NULL,
  state    VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code     CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  total    BIGINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (vendor, account, hour_ms, state, code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE dead_letters (
  dead_id    BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  event_id   VARCHAR(64) NOT NULL,
  topic      VARCHAR(64) NOT NULL,
  reason     VARCHAR(255) NOT NULL,
  headers    TEXT NOT NULL,
  body       MEDIUMBLOB NOT NULL,
  state      VARCHAR(12) NOT NULL DEFAULT 'waiting',
  at_ms      BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY once (event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
