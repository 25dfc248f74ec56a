"""DKIM signatures, relaxed/relaxed, by RSA-SHA256 and by Ed25519-SHA256 (RFC 6376, 8463).

Every header of ours is signed, and those that a relay or a thief could add are signed once more than they stand there
(oversigned), so that a second `From` or `Subject` breaks the signature. No `l=`: nothing can be added to the body.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

OVERSIGNED = ("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "List-Unsubscribe",
              "List-Unsubscribe-Post", "MIME-Version", "Content-Type")  # fmt: skip
_BLANKS = re.compile(rb"[ \t]+")
_FOLD = re.compile(r"\r\n[ \t]+|[ \t]+")


class Key(NamedTuple):
    """One signing key: `algorithm` is rsa-sha256 or ed25519-sha256, `private` a key of cryptography's."""

    algorithm: str
    selector: str
    private: Any


def body_hash(body: bytes) -> str:
    """The hash of a body, canonical: blanks collapsed, none at line ends, no empty lines at the end."""
    lines = [
        _BLANKS.sub(b" ", line).rstrip(b" ") if b" " in line or b"\t" in line else line for line in body.split(b"\r\n")
    ]
    while lines and not lines[-1]:
        lines.pop()
    canonical = b"".join(line + b"\r\n" for line in lines)
    return base64.b64encode(hashlib.sha256(canonical).digest()).decode()


def _canonical(name: str, value: str) -> str:
    return f"{name.lower()}:{_FOLD.sub(' ', value).strip(' ')}"


def sign(
    headers: Sequence[tuple[str, str]], body: bytes, domain: str, keys: Iterable[Key], now_ms: int
) -> list[tuple[str, str]]:
    """The signatures of a mail as headers, folded, one a key."""
    digest = body_hash(body)
    given = {name.lower() for name, _ in headers}
    names = [*(name for name, _ in headers), *(n for n in OVERSIGNED if n.lower() in given or n in ("Cc", "Reply-To"))]
    signed = "".join(f"{_canonical(name, value)}\r\n" for name, value in headers)
    listed = _folded(names)
    found = []
    for key in keys:
        value = (
            f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={domain};\r\n s={key.selector}; t={now_ms // 1000};\r\n"
            f" h={listed};\r\n bh={digest};\r\n b="
        )
        text = f"{signed}{_canonical('DKIM-Signature', value)}".encode()
        found.append(("DKIM-Signature", value + _pieces(_sealed(key, text))))
    return found


def _sealed(key: Key, text: bytes) -> str:
    if key.algorithm.startswith("ed25519"):
        raw = key.private.sign(hashlib.sha256(text).digest())
    else:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        raw = key.private.sign(text, PKCS1v15(), SHA256())
    return base64.b64encode(raw).decode()


def _folded(names: Sequence[str]) -> str:
    lines, line = [], ""
    for name in names:
        if line and len(line) + len(name) > 68:
            lines.append(line)
            line = ""
        line += name + ":"
    lines.append(line.rstrip(":"))
    return "\r\n  ".join(lines)


def _pieces(text: str) -> str:
    return "\r\n ".join(text[i : i + 72] for i in range(0, len(text), 72))


def loaded(secrets: dict[str, str], selectors: dict[str, str]) -> tuple[Key, ...]:
    """The keys of a domain out of its identity's secrets (PEM by name)."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    kinds = {"dkim_rsa": "rsa-sha256", "dkim_ed25519": "ed25519-sha256"}
    return tuple(
        Key(algorithm, selectors[name], load_pem_private_key(secrets[name].encode(), None))
        for name, algorithm in kinds.items()
        if name in secrets
    )
