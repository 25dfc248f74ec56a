"""What every accepting function does: know the caller, hold the Idempotency-Key, count the limits, publish in groups."""
