-- Templates with their versions. `used` is the version that messages use; it stays while the next is in review.
CREATE TABLE templates (
  template_id  BINARY(16) NOT NULL PRIMARY KEY,
  account_id   INT UNSIGNED NOT NULL,
  channel      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name         VARCHAR(200) NOT NULL,
  latest       INT UNSIGNED NOT NULL,
  used         INT UNSIGNED NULL,
  created_ms   BIGINT UNSIGNED NOT NULL,
  updated_ms   BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY own (account_id, channel, code),
  KEY code (account_id, code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE template_versions (
  template_id  BINARY(16) NOT NULL,
  version      INT UNSIGNED NOT NULL,
  state        VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  states       TEXT NOT NULL,
  content      MEDIUMTEXT NOT NULL,
  variables    TEXT NOT NULL,
  comments     MEDIUMTEXT NOT NULL,
  created_ms   BIGINT UNSIGNED NOT NULL,
  updated_ms   BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (template_id, version),
  KEY queue (state, template_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
