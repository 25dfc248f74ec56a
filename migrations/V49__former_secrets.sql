-- Secrets that a rotation has replaced, with the time until which they still sign beside the new one.
ALTER TABLE accounts ADD COLUMN former_secrets TEXT NULL;
