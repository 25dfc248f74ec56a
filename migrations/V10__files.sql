-- Until when a file is needed, rounded up to a day later: `retention` removes it some time after. Added in steps, so that
-- no row is written anew and what is uploaded meanwhile has its time.
ALTER TABLE files ADD COLUMN used_ms BIGINT UNSIGNED NOT NULL DEFAULT 0;
ALTER TABLE files ALTER COLUMN used_ms SET DEFAULT (created_ms);
-- Which requests use the files of before was written nowhere: a reservation may be a year ahead.
UPDATE files SET used_ms = FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) + 366 * 86400000;
ALTER TABLE files ADD KEY used (used_ms);
