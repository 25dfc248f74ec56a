-- Addresses of every channel: a push token or the endpoint of a browser has up to 2,048 characters. Few messages share the
-- first hundred characters of their addresses without sharing all of them.
ALTER TABLE messages
  DROP KEY recipient,
  MODIFY recipient VARCHAR(2048) NOT NULL,
  ADD KEY recipient (account_id, recipient(100)),
  ADD COLUMN skips VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL;
-- `skips`: the places of the plan that cannot carry the message, each with its code: `0:1001,2:2005`. Its hops have a row
-- with the state `skipped` and no vendor.
