"""Who signs in to the local console: a tenant's owner and an operator, with passwords made at the first start."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from local.options import Options

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

TENANT, OPERATOR = "owner@demo.example", "operator@demo.example"
NAMES = {TENANT: "데모 담당자", OPERATOR: "데모 운영자"}


def users(options: Options) -> dict[str, dict[str, str]]:
    """What demo.json says of them; it stays the same over restarts."""
    import pyotp

    return {
        "tenant": {"email": TENANT, "password": options.home.secret("tenant_password")},
        "operator": {
            "email": OPERATOR,
            "password": options.home.secret("operator_password"),
            "totp_secret": options.home.secret("operator_totp", pyotp.random_base32()),
        },
    }


def seed(options: Options, cursor: Cursor, account: int, ring: str) -> None:
    """Insert who is missing; a password that was changed stays so, a ring that is new seals the second factor anew."""
    from argon2 import PasswordHasher

    from shared.accounts import secrets

    known = secrets.read_keys(ring)
    if not known:
        return
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    for where, one in zip((account, 0), users(options).values(), strict=True):
        person = hashlib.sha256(f"person {one['email']}".encode()).digest()[:16]
        now = int(time.time() * 1000)
        totp = _sealed(secrets.Ring(known), person, one.get("totp_secret"))
        cursor.execute("SELECT totp FROM people WHERE email = %s", (one["email"],))
        row: Any = cursor.fetchone()
        if row is None:
            values = (person, one["email"], NAMES[one["email"]], hasher.hash(one["password"]), totp, now, now)
            cursor.execute(
                "INSERT INTO people (person_id, email, name, password, totp, created_ms, updated_ms)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                values,
            )
            cursor.execute(
                "INSERT INTO members (account_id, person_id, roles, created_ms, updated_ms)"
                " VALUES (%s, %s, 'owner', %s, %s)",
                (where, person, now, now),
            )
        elif row[0] and not _opens(secrets.Ring(known), person, row[0]):
            cursor.execute("UPDATE people SET totp = %s WHERE email = %s", (totp, one["email"]))


def _where(person: bytes) -> str:
    return f"totp:{person.hex()}"


def _sealed(ring: Any, person: bytes, secret: str | None) -> str | None:
    return None if secret is None else ring.seal(secret, _where(person))


def _opens(ring: Any, person: bytes, kept: str) -> bool:
    from shared.accounts.secrets import Unreadable

    try:
        return bool(ring.open(kept, _where(person)))
    except Unreadable:
        return False
