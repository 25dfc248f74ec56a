-- Files that test keys uploaded: all that test keys see of an account's files.
ALTER TABLE files ADD COLUMN test TINYINT NOT NULL DEFAULT 0;
