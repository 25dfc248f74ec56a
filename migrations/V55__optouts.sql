-- Who wants no (more) messages of an account, and who has agreed to advertisements. Ended ones stay as history: `active` is
-- 1 while it holds and NULL afterwards, so that the key lets each hold once. channel '' stands for all channels.
CREATE TABLE optouts (
  optout_id     BINARY(16) NOT NULL PRIMARY KEY,
  account_id    INT UNSIGNED NOT NULL,
  channel       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  address_key   VARCHAR(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  address       VARCHAR(320) NOT NULL,
  scope         VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  source        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reason        VARCHAR(1000) NULL,
  evidence      VARCHAR(2000) NULL,
  message_id    BINARY(16) NULL,
  at_ms         BIGINT UNSIGNED NOT NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  ended_ms      BIGINT UNSIGNED NULL,
  ended_evidence VARCHAR(2000) NULL,
  active        TINYINT NULL DEFAULT 1,
  UNIQUE KEY own (account_id, address_key, channel, scope, active),
  KEY listed (account_id, optout_id),
  KEY holding (account_id, active, scope)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE consents (
  consent_id    BINARY(16) NOT NULL PRIMARY KEY,
  account_id    INT UNSIGNED NOT NULL,
  channel       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  address_key   VARCHAR(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  address       VARCHAR(320) NOT NULL,
  ads           TINYINT NOT NULL,
  night_ads     TINYINT NOT NULL,
  evidence      VARCHAR(2000) NULL,
  at_ms         BIGINT UNSIGNED NOT NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  ended_ms      BIGINT UNSIGNED NULL,
  active        TINYINT NULL DEFAULT 1,
  UNIQUE KEY own (account_id, address_key, channel, active),
  KEY listed (account_id, consent_id),
  KEY age (account_id, active, at_ms),
  KEY night (account_id, active, night_ads)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
