"""Solapi: one message API for all of its channels (api.py), one file a channel."""
