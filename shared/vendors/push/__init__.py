"""What the push services have in common: apps with their keys, devices, tokens, and one message to many devices."""
