"""Sending, the same for every channel: claim the hops, call the vendor, record the answer, say what came of it."""

from shared.sending.handler import send

__all__ = ["send"]
