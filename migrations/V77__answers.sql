-- The beginning of what a callback answered to a try that failed: status line, headers and body, for the client to see.
ALTER TABLE attempts ADD COLUMN answer TEXT NULL;
