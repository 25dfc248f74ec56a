"""What a mail is once it is filled in: all that a vendor of e-mail needs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple


class Part(NamedTuple):
    """An attached file, in the order of `files`; with `inline`, the picture that the HTML shows as `cid:<inline>`."""

    name: str
    media_type: str
    inline: str = ""


class EmailPayload(NamedTuple):
    """`html` empty: text only. `unsubscribe`: empty for none, `ours`, or the client's own URL.

    `account_id` and `domain` say whose DKIM keys sign; `return_path` is the domain that bounces come back to.
    """

    sender: str
    name: str
    subject: str
    text: str
    html: str = ""
    reply_to: str = ""
    cc: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    files: tuple[str, ...] = ()
    unsubscribe: str = ""
    account_id: int = 0
    domain: str = ""
    return_path: str = ""

    def shared_key(self) -> Hashable:
        """Mails of one call have the sender and the files alike."""
        return self.sender, self.files
