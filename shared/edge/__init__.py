"""The HTTP edge: what callers may do (`scopes`). Who they are is found by callers.py."""
