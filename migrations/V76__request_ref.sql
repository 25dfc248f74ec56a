-- Requests by their client's own name for them, in the order of their ids.
ALTER TABLE requests ADD KEY request_ref (account_id, request_ref);
