-- Columns hold what may come, since nothing is cut any more: a recipient's variables up to 128 KiB of JSON, all headers
-- of a dead letter. Ids of events are told apart byte for byte.
ALTER TABLE messages MODIFY vars MEDIUMTEXT NULL;
ALTER TABLE dead_letters
  MODIFY headers MEDIUMTEXT NOT NULL,
  MODIFY event_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;
