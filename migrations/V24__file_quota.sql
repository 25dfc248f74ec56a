-- How much of uploaded files an account may keep; NULL: the installation's IMS_FILES_COUNT and IMS_FILES_BYTES. The index
-- tells count, bytes and ages without reading a file.
ALTER TABLE accounts ADD COLUMN files_count INT UNSIGNED NULL, ADD COLUMN files_bytes BIGINT UNSIGNED NULL;
ALTER TABLE files ADD KEY quota (account_id, test, used_ms, size), DROP KEY account;
