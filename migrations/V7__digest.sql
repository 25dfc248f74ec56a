-- What became of messages, by Korean day and cause, counted in the transaction that accepts or ends them. Rows with
-- status 0 count acceptances by the day of acceptance, all others ends by the day of the end. `since_ms` is the earliest
-- acceptance counted in the row, `samples` are the first five message ids of a failed or expired row, 16 bytes each.
CREATE TABLE results_daily (
  account_id  INT UNSIGNED NOT NULL,
  day         DATE NOT NULL,
  test        TINYINT NOT NULL,
  status      TINYINT UNSIGNED NOT NULL,
  channel     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code        CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lane        TINYINT UNSIGNED NOT NULL,
  total       BIGINT UNSIGNED NOT NULL,
  since_ms    BIGINT UNSIGNED NOT NULL,
  samples     VARBINARY(80) NOT NULL DEFAULT '',
  PRIMARY KEY (account_id, day, test, status, channel, code, lane),
  KEY day (day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Who wants the daily digest, how and where; no row: not wanted.
CREATE TABLE digest_settings (
  account_id    INT UNSIGNED NOT NULL PRIMARY KEY,
  enabled       TINYINT NOT NULL,
  send_by       VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  email         VARCHAR(254) NULL,
  callback_uri  VARCHAR(2048) NULL,
  language      CHAR(2) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  always        TINYINT NOT NULL,
  updated_ms    BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One digest a day and account; the row is claimed before it is sent. A claim whose lease has run out is uncertain.
CREATE TABLE digests (
  account_id  INT UNSIGNED NOT NULL,
  day         DATE NOT NULL,
  state       VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  tries       SMALLINT UNSIGNED NOT NULL,
  claim       BINARY(8) NOT NULL,
  lease_ms    BIGINT UNSIGNED NOT NULL,
  sent_by     VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL,
  error       VARCHAR(255) NULL,
  updated_ms  BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (account_id, day),
  KEY open (state, day),
  KEY day (day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
