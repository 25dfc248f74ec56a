"""The second factor: time-based codes (RFC 6238, SHA-1, six digits, 30 s) and ten recovery codes, each good once.

A code counts once, and a time step only forward, so what was typed at enrolment opens nothing afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import unicodedata

from shared.accounts.secrets import factors_place, ring
from shared.stores import people
from shared.stores.sessions import Person
from shared.stores.sql import Connection

STEP_S = 30
DRIFT = 1
"""Steps before and after that are taken, for clocks that differ."""
RECOVERY = 10
RECOVERY_BYTES = 5
ISSUER = "IMS"


def plain(text: str) -> str:
    """A code as it is compared: full-width signs, blanks and hyphens make no difference."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())


def new_secret() -> str:
    """Base32, 160 bits."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def sealed(secret: str, person_id: bytes) -> str:
    """As it is stored."""
    return ring().seal(secret, factors_place(person_id))


def uri(secret: str, email: str) -> str:
    """What an authenticator app reads from a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(stored: str, person_id: bytes, code: str, now_ms: int) -> int | None:
    """The time step whose code it is; None for a wrong one."""
    import pyotp

    totp = pyotp.TOTP(ring().open(stored, factors_place(person_id)))
    now = now_ms // 1000 // STEP_S
    given = plain(code)
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode()):
            return step
    return None


def _hash(code: str, person_id: bytes) -> str:
    return hashlib.sha256(person_id + plain(code).encode()).hexdigest()


def new_recovery(person_id: bytes) -> tuple[list[str], str]:
    """Ten codes, and how they are stored: 40 random bits each need no slow hash behind a lock-out."""
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY)]
    shown = [f"{code[:4]}-{code[4:]}" for code in codes]
    return shown, json.dumps([_hash(code, person_id) for code in codes])


def use(conn: Connection, person_id: bytes, code: str, now_ms: int) -> int | None:
    """Use a code up; how many recovery codes are left, None for a code that opens nothing. The person's row is locked,
    so that one code cannot be used twice at once."""
    person = people.by_id(conn, person_id, "FOR UPDATE")
    if person is None or person.totp is None:
        return None
    kept = json.loads(person.recovery or "[]")
    step = step_of(person.totp, person_id, code, now_ms)
    if step is not None:
        return len(kept) if people.step_forward(conn, person_id, step, now_ms) else None
    wanted = _hash(code, person_id)
    if not any(hmac.compare_digest(one, wanted) for one in kept):
        return None
    left = [one for one in kept if one != wanted]
    people.change(conn, person_id, now_ms, recovery=json.dumps(left))
    return len(left)


def required(person: Person) -> bool:
    """Whether signing in asks for a code."""
    return person.totp is not None
