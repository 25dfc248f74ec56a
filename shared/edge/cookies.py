"""The cookies of people who signed in: the session's, signed, and the browser's, by which it is known again.

The session's cookie is a JWT (HS256) with the session's id and no right in it: what it may do is looked up. Its keys
are made from IMS_SECRET_KEYS, so a ring that is rotated goes on reading what the key before has signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.accounts import secrets
from shared.runtime.settings import PeopleSettings, SecretSettings, load

DEVICE_S = 400 * 86_400
"""The longest that browsers keep a cookie."""
ALGORITHM = "HS256"


def _name(of: str) -> str:
    return f"__Host-{of}" if load(PeopleSettings).cookie_secure else of


def session_token(request: Request) -> str:
    """The session's cookie, or nothing."""
    return request.cookies.get(_name("ims"), "")


def device_token(request: Request) -> str:
    """The browser's cookie, or nothing."""
    return request.cookies.get(_name("ims-device"), "")[:100]


def console_url() -> str:
    """Where the console is: links in mails begin so."""
    return load(PeopleSettings).console_url.rstrip("/")


@lru_cache(maxsize=4)
def _keys(text: str) -> tuple[bytes, ...]:
    return tuple(hmac.digest(key, b"ims session", "sha256") for key in secrets.read_keys(text))


def _signing() -> tuple[bytes, ...]:
    secrets.ring()  # Unavailable, with the way out, where there is none
    return _keys(load(SecretSettings).secret_keys.get_secret_value())


def signed(session_id: bytes, now_ms: int) -> str:
    """A session's cookie."""
    from joserfc import jwk, jwt

    lasts = load(PeopleSettings).session_hours * 3600
    claims = {"sid": session_id.hex(), "iat": now_ms // 1000, "exp": int(now_ms // 1000 + lasts)}
    return jwt.encode({"alg": ALGORITHM}, claims, jwk.OctKey.import_key(_signing()[0]))


def read(token: str, now_ms: int) -> bytes | None:
    """The session's id in a cookie of ours that has not run out; None for any other text."""
    from joserfc import errors, jwk, jwt

    if len(token) > 1000:
        return None
    for key in _signing():
        try:
            claims = jwt.decode(token, jwk.OctKey.import_key(key), algorithms=[ALGORITHM]).claims
            if int(claims["exp"]) * 1000 > now_ms:
                return UUID(hex=claims["sid"]).bytes
        except (errors.JoseError, ValueError, KeyError, TypeError):
            continue
    return None


def csrf(session_id: bytes) -> str:
    """What a change by cookie must show in `x-csrf-token`."""
    return _csrf(_signing()[0], session_id)


def is_csrf(given: str, session_id: bytes) -> bool:
    """Whether it is that of the session."""
    return any(hmac.compare_digest(given.encode(), _csrf(key, session_id).encode()) for key in _signing())


def _csrf(key: bytes, session_id: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, b"csrf" + session_id, "sha256")[:24]).decode()


def device(token: str) -> bytes:
    """How a browser is stored."""
    return hashlib.sha256(token.encode()).digest()


def keep(response: Response, session_id: bytes, device_text: str, now_ms: int) -> None:
    """Let the browser keep both."""
    settings = load(PeopleSettings)
    response.set_cookie(
        _name("ims"), signed(session_id, now_ms), max_age=int(settings.session_hours * 3600), path="/",
        secure=settings.cookie_secure, httponly=True, samesite="strict",
    )  # fmt: skip
    response.set_cookie(
        _name("ims-device"), device_text, max_age=DEVICE_S, path="/",
        secure=settings.cookie_secure, httponly=True, samesite="strict",
    )  # fmt: skip


def forget(response: Response) -> None:
    """Let the browser drop the session's."""
    settings = load(PeopleSettings)
    response.delete_cookie(_name("ims"), path="/", secure=settings.cookie_secure, httponly=True, samesite="strict")
