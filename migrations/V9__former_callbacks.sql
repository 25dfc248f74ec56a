-- Addresses that an account's callback has left: replays of old reports go to the present one instead.
CREATE TABLE former_callbacks (
  account_id  INT UNSIGNED NOT NULL,
  digest      BINARY(16) NOT NULL,
  left_ms     BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (account_id, digest)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
