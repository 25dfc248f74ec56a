"""The demo's push app: keys of its own at FCM and APNs, made once, which open nothing but the simulator."""

from __future__ import annotations

import json
from typing import Any

from local.options import Options

PROJECT, EMAIL = "demo-project", "ims@demo-project.iam.gserviceaccount.com"
KEY_ID, TEAM, TOPIC = "DEMOKEY001", "DEMOTEAM01", "example.demo.app"
SUBJECT = "mailto:ops@demo.example"


def keys(options: Options) -> tuple[dict[str, str], dict[str, Any]]:
    """Its secrets and settings, by the names of `/v1/identities`."""
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "client_email": EMAIL,
        "private_key": _private(options, "fcm"),
    }
    secrets = {"fcm_service_account": json.dumps(account), "apns_key": _private(options, "apns")}
    settings = {
        "apns_key_id": KEY_ID,
        "apns_team_id": TEAM,
        "apns_topic": TOPIC,
        "vapid_subject": SUBJECT,
    }
    return secrets, settings


def public_keys(options: Options) -> dict[str, dict[str, dict[str, str]]]:
    """What Google and Apple know of it, as the simulator wants it."""
    return {
        "fcm": {"main": {"client_email": EMAIL, "public_key": _public(options, "fcm")}},
        "apns": {"main": {"key_id": KEY_ID, "public_key": _public(options, "apns")}},
    }


def _private(options: Options, service: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    name = f"push_{service}_key"
    known = options.home.read(options.home.path / "secrets.json") or {}
    if name in known:
        return str(known[name])
    key: Any = rsa.generate_private_key(65537, 2048) if service == "fcm" else ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return options.home.secret(name, pem)


def _public(options: Options, service: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = load_pem_private_key(_private(options, service).encode(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
