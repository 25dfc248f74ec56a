-- The truth of every message. Ids are UUIDv7 as 16 bytes, so primary keys grow with time and the messages of a request
-- lie side by side (shared/domain/ids.py). `status`, `lane`: numbers of shared/domain (states.State, ids.Lane).
CREATE TABLE requests (
  request_id    BINARY(16) NOT NULL PRIMARY KEY,
  account_id    INT UNSIGNED NOT NULL,
  username      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lane          TINYINT UNSIGNED NOT NULL,
  test          TINYINT NOT NULL,
  request_ref   VARCHAR(255) NULL,
  callback_uri  VARCHAR(2048) NULL,
  plan          MEDIUMTEXT NOT NULL,
  on_uncertain  VARCHAR(8) CHARACTER SET ascii NOT NULL,
  max_price     DECIMAL(10,2) NULL,
  accepted_ms   BIGINT UNSIGNED NOT NULL,
  scheduled_ms  BIGINT UNSIGNED NULL,
  valid_ms      BIGINT UNSIGNED NULL,
  total         INT UNSIGNED NOT NULL,
  KEY account (account_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- A second request with the same key inside its 24 hours is refused here, whatever Redis remembers.
CREATE TABLE idempotency (
  account_id  INT UNSIGNED NOT NULL,
  key_hash    BINARY(16) NOT NULL,
  body_hash   BINARY(16) NOT NULL,
  request_id  BINARY(16) NOT NULL,
  expires_ms  BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (account_id, key_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE messages (
  message_id    BINARY(16) NOT NULL PRIMARY KEY,
  account_id    INT UNSIGNED NOT NULL,
  recipient     VARCHAR(254) NOT NULL,
  ref           VARCHAR(255) NULL,
  type          VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  vars          TEXT NULL,
  addresses     TEXT NULL,
  status        TINYINT UNSIGNED NOT NULL,
  hop           TINYINT UNSIGNED NOT NULL DEFAULT 0,
  step          TINYINT UNSIGNED NOT NULL DEFAULT 0,
  tries         TINYINT UNSIGNED NOT NULL DEFAULT 0,
  in_window     TINYINT NOT NULL DEFAULT 0,
  cancel        TINYINT NOT NULL DEFAULT 0,
  channel       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  vendor        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  vendor_account VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  code          CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NULL,
  cause         BINARY(16) NULL,
  price         DECIMAL(10,2) NOT NULL DEFAULT 0,
  sent_ms       BIGINT UNSIGNED NULL,
  finished_ms   BIGINT UNSIGNED NULL,
  feed_seq      BIGINT UNSIGNED NULL,
  reported_ms   BIGINT UNSIGNED NULL,
  report_tries  TINYINT UNSIGNED NOT NULL DEFAULT 0,
  report_status SMALLINT UNSIGNED NULL,
  KEY recipient (account_id, recipient),
  KEY ref (account_id, ref),
  KEY feed (account_id, feed_seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One vendor attempt; inserting the row is the claim, a claim without an answer is uncertain.
CREATE TABLE hops (
  message_id      BINARY(16) NOT NULL,
  hop             TINYINT UNSIGNED NOT NULL,
  channel         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  vendor          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  vendor_account  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type            VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state           VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code            CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NULL,
  raw_code        VARCHAR(32) NULL,
  raw_text        VARCHAR(255) NULL,
  vendor_ref      VARCHAR(128) NULL,
  claim           BINARY(8) NOT NULL,
  claimed_ms      BIGINT UNSIGNED NOT NULL,
  answered_ms     BIGINT UNSIGNED NULL,
  finished_ms     BIGINT UNSIGNED NULL,
  PRIMARY KEY (message_id, hop)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Messages of an account and lane that are in ims.send.* now; kept in the transaction that moves them.
CREATE TABLE windows (
  account_id  INT UNSIGNED NOT NULL,
  lane        TINYINT UNSIGNED NOT NULL,
  in_flight   INT NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, lane)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- The order of an account's final reports: the row's lock is held until the reports are committed, so none is skipped.
CREATE TABLE feeds (
  account_id  INT UNSIGNED NOT NULL PRIMARY KEY,
  seq         BIGINT UNSIGNED NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Work that leaves later, whole batches: an event and the topic it goes to. `due_ms` null: a backlog, freed by the window.
CREATE TABLE due (
  due_id      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  due_ms      BIGINT UNSIGNED NULL,
  kind        VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lane        TINYINT UNSIGNED NOT NULL,
  account_id  INT UNSIGNED NULL,
  request_id  BINARY(16) NULL,
  messages    INT UNSIGNED NOT NULL,
  topic       VARCHAR(64) CHARACTER SET ascii NOT NULL,
  type        VARCHAR(64) CHARACTER SET ascii NOT NULL,
  payload     MEDIUMBLOB NOT NULL,
  KEY due (due_ms),
  KEY backlog (kind, account_id, lane),
  KEY request (request_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
