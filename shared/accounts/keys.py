"""The keys that IMS makes for an identity: DKIM keys of a domain, the VAPID key of a push app."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

RSA_BITS = 2048


def made(kind: str) -> tuple[dict[str, str], dict[str, Any]]:
    """(private keys by name, what is shown of them) for a new identity of a kind; most kinds have none."""
    if kind == "domain":
        private = new_keys()
        return private, {"public": public_parts(private)}
    if kind == "app":
        pem, public = vapid()
        return {"vapid_key": pem}, {"public_key": public}
    return {}, {}


def new_keys() -> dict[str, str]:
    """The private keys of a domain, PEM, by the names under which they are kept."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    made = {
        "dkim_rsa": rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
        "dkim_ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    return {name: _pem(key) for name, key in made.items()}


def _pem(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def public_parts(keys: Mapping[str, str]) -> dict[str, str]:
    """What DNS says of the keys: `p=` in base64 (RFC 6376: SubjectPublicKeyInfo; RFC 8463: the 32 bytes)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    parts = {}
    for name, pem in keys.items():
        public = load_pem_private_key(pem.encode(), None).public_key()
        raw = name == "dkim_ed25519"
        form = (Encoding.Raw, PublicFormat.Raw) if raw else (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        parts[name] = base64.b64encode(public.public_bytes(*form)).decode()
    return parts


def vapid() -> tuple[str, str]:
    """A key pair for Web Push (RFC 8292): PEM, and the public key as browsers take it."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return pem, base64.urlsafe_b64encode(point).decode().rstrip("=")
