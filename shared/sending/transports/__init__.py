"""The transports that come with the product; see shared/sending/calls.py."""
