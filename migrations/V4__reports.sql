-- A try is told once or several times, but happened once.
ALTER TABLE attempts DROP KEY webhook, ADD UNIQUE KEY once (webhook_id, attempt, at_ms);
