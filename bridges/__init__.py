"""Long-lived processes between the outside and the functions: Kafka source, cron source, expired Redis keys."""
