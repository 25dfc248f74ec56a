"""What every accepting function does: know the caller, hold the key, count the limits, publish in groups."""
