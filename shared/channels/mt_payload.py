"""What a text message is once it is filled in: all that a vendor of text messages needs."""

from __future__ import annotations

from typing import NamedTuple


class MtPayload(NamedTuple):
    """`kind` is the type that was asked for (auto, sms, lms, mms); the one that holds stands on the Outbound."""

    sender: str
    text: str
    subject: str | None = None
    files: tuple[str, ...] = ()
    kind: str = "auto"
    international: bool = False

    def shared_key(self) -> tuple[str, str | None, tuple[str, ...]]:
        """One call has one sender, subject and set of images; texts may differ."""
        return self.sender, self.subject, self.files
