"""Errors, each named for what the caller does next."""

from __future__ import annotations


class ImsError(Exception):
    """The root of all errors that IMS raises on purpose."""


class Invalid(ImsError):
    """The client's fault: `pointer` names the field (a JSON pointer), `code` is stable, `detail` says how to fix it."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}")
        self.pointer, self.code, self.detail = pointer, code, detail


class Rejected(ImsError):
    """Permanent: trying again cannot help. `code` is an IMS result code (shared/domain/codes.py)."""

    def __init__(self, code: str, detail: str = "", raw_code: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code, self.detail, self.raw_code = code, detail, raw_code


class Unavailable(ImsError):
    """Nothing happened, try later: `retry_after` is in seconds."""

    def __init__(self, detail: str = "", retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.detail, self.retry_after = detail, retry_after


class Overloaded(Unavailable):
    """Too much at once: the caller should slow down (429)."""


class ClientWaits(Overloaded):
    """One client's own quota or key stands in the way: that client waits, and the vendor is well for all others."""


class Uncertain(ImsError):
    """It may have happened: ask before acting again."""
