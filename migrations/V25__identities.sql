-- contract: the view of the same name serves functions of the version before.
-- What an account may speak as: sender numbers, Kakao profiles, e-mail domains, push apps, RCS brands and chatbots.
-- `secrets` are sealed (shared/accounts/secrets.py); `purpose`: send, or optout for 080 numbers.
CREATE TABLE identities (
  identity_id  BINARY(16) NOT NULL DEFAULT (UNHEX(REPLACE(UUID(), '-', ''))) PRIMARY KEY,
  account_id   INT UNSIGNED NOT NULL,
  channel      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'mt',
  kind         VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'number',
  value        VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  purpose      VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'send',
  state        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'approved',
  reason       VARCHAR(1000) NULL,
  proof        VARCHAR(1024) NOT NULL DEFAULT '[]',
  settings     VARCHAR(8192) NOT NULL DEFAULT '{}',
  secrets      MEDIUMTEXT NULL,
  checked      TEXT NULL,
  version      INT UNSIGNED NOT NULL DEFAULT 1,
  decided_by   VARCHAR(64) NULL,
  decided_ms   BIGINT UNSIGNED NULL,
  created_ms   BIGINT UNSIGNED NOT NULL,
  updated_ms   BIGINT UNSIGNED NOT NULL DEFAULT 0,
  UNIQUE KEY own (account_id, channel, kind, value),
  KEY queue (state, identity_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO identities (account_id, value, state, created_ms, updated_ms)
  SELECT account_id, number, state, created_ms, created_ms FROM senders;
RENAME TABLE senders TO former_senders;
-- The numbers among them, for functions of the version before and for scripts that insert sender numbers.
CREATE SQL SECURITY INVOKER VIEW senders AS
  SELECT account_id, value AS number, state, created_ms FROM identities
  WHERE channel = 'mt' AND kind = 'number' AND purpose = 'send';
