-- What became of a message at each device of its user; and since when a device is suspect or dead.
CREATE TABLE push_results (
  message_id  BINARY(16) NOT NULL,
  hop         TINYINT UNSIGNED NOT NULL,
  device_id   BINARY(16) NOT NULL,
  service     VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  last_signs  VARCHAR(8) NOT NULL,
  state       VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code        CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NULL,
  raw_code    VARCHAR(64) NULL,
  raw_text    VARCHAR(255) NULL,
  vendor_ref  VARCHAR(128) NULL,
  begun_ms    BIGINT UNSIGNED NOT NULL,
  at_ms       BIGINT UNSIGNED NULL,
  PRIMARY KEY (message_id, hop, device_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
ALTER TABLE devices ADD COLUMN state_ms BIGINT UNSIGNED NULL;
