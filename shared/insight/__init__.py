"""Statistics: what became of messages, counted under the minute of their acceptance; kept in MongoDB."""
