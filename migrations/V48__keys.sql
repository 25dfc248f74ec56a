-- Keys that accounts make, change and see themselves: a name that is no secret, when a key was last used, and the end of
-- its secret by which its owner knows it.
ALTER TABLE api_keys
  ADD COLUMN key_id       BINARY(16) NULL FIRST,
  ADD COLUMN ending       VARCHAR(4) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  ADD COLUMN last_used_ms BIGINT UNSIGNED NULL,
  ADD COLUMN updated_ms   BIGINT UNSIGNED NOT NULL DEFAULT 0;
UPDATE api_keys SET key_id = LEFT(UNHEX(SHA2(CONCAT('key id ', HEX(key_hash)), 256)), 16), updated_ms = created_ms;
ALTER TABLE api_keys
  MODIFY COLUMN key_id BINARY(16) NOT NULL DEFAULT (UNHEX(REPLACE(UUID(), '-', ''))),
  ADD UNIQUE KEY id (key_id),
  DROP KEY account,
  ADD KEY own (account_id, key_id);
