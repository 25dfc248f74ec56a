-- An index over the beginning of a column does not keep its entries in the order of the ids, so a search sorted all messages
-- of its recipient. A column of its own for the beginning does; it is computed, and stored only in the index.
ALTER TABLE messages
  DROP KEY recipient,
  ADD COLUMN recipient_head VARCHAR(100) AS (LEFT(recipient, 100)) VIRTUAL,
  ADD KEY recipient (account_id, recipient_head);
