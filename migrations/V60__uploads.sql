-- Bulk files (api_user, `upload`): what they are and how far their check and their sending have come. `facts` is what was
-- found in the file, `settings` what its owner wants; `sketch` holds the smallest hashes of its recipients, by which the
-- same list is known again. `generation` counts the checks: parts of older ones are not looked at. `erase_ms`: when all of
-- it is removed.
CREATE TABLE uploads (
  upload_id      BINARY(16) NOT NULL,
  account_id     INT UNSIGNED NOT NULL,
  test           TINYINT UNSIGNED NOT NULL,
  channel        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lane           VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name           VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  state          VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  why            VARCHAR(1000) CHARACTER SET utf8mb4 NULL,
  version        INT UNSIGNED NOT NULL DEFAULT 1,
  generation     INT UNSIGNED NOT NULL DEFAULT 0,
  size           BIGINT UNSIGNED NOT NULL DEFAULT 0,
  digest         BINARY(32) NULL,
  settings       MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
  facts          MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
  content_hash   BINARY(16) NULL,
  people_hash    BIGINT UNSIGNED NULL,
  sketch         BLOB NULL,
  last_row       INT UNSIGNED NOT NULL DEFAULT 0,
  row_count      INT UNSIGNED NOT NULL DEFAULT 0,
  good           INT UNSIGNED NOT NULL DEFAULT 0,
  faults         INT UNSIGNED NOT NULL DEFAULT 0,
  twice          INT UNSIGNED NOT NULL DEFAULT 0,
  opted_out      INT UNSIGNED NOT NULL DEFAULT 0,
  blank          INT UNSIGNED NOT NULL DEFAULT 0,
  progress       DECIMAL(5,4) NOT NULL DEFAULT 0,
  accepted       INT UNSIGNED NOT NULL DEFAULT 0,
  left_out       INT UNSIGNED NOT NULL DEFAULT 0,
  created_by     VARCHAR(254) CHARACTER SET utf8mb4 NOT NULL,
  sent_by        VARCHAR(254) CHARACTER SET utf8mb4 NULL,
  created_ms     BIGINT UNSIGNED NOT NULL,
  updated_ms     BIGINT UNSIGNED NOT NULL,
  sent_ms        BIGINT UNSIGNED NULL,
  ended_ms       BIGINT UNSIGNED NULL,
  erase_ms       BIGINT UNSIGNED NULL,
  owner          BINARY(8) NULL,
  lease_until_ms BIGINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (upload_id),
  KEY account (account_id, test, upload_id),
  KEY work (state, lease_until_ms),
  KEY sent (account_id, sent_ms),
  KEY erase (erase_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- The bytes of a file, 1 MiB a row.
CREATE TABLE upload_chunks (
  upload_id BINARY(16) NOT NULL,
  n         INT UNSIGNED NOT NULL,
  body      MEDIUMBLOB NOT NULL,
  PRIMARY KEY (upload_id, n)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- A run of checked rows: the good ones as recipients, the others with their faults, both packed. Good ones are sent as one
-- request, whose id is noted before it is accepted. `state`: 0 waits, 1 begun, 2 sent.
CREATE TABLE upload_parts (
  upload_id   BINARY(16) NOT NULL,
  generation  INT UNSIGNED NOT NULL,
  first_row   INT UNSIGNED NOT NULL,
  last_row    INT UNSIGNED NOT NULL,
  good        INT UNSIGNED NOT NULL,
  bad         INT UNSIGNED NOT NULL,
  good_rows   MEDIUMBLOB NULL,
  bad_rows    MEDIUMBLOB NULL,
  state       TINYINT UNSIGNED NOT NULL DEFAULT 0,
  request_id  BINARY(16) NULL,
  left_out    MEDIUMTEXT CHARACTER SET utf8mb4 NULL,
  PRIMARY KEY (upload_id, generation, first_row),
  KEY unsent (upload_id, generation, state, first_row)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
