"""The demo account and the vendors' addresses, put into MySQL again and again without harm; and `.ims/demo.json`."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import string
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from local import seed_people
from local.options import Options
from local.ports import Ports
from local.probes import HOST
from shared import flow
from shared.vendors.registry import REGISTRY

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

    from shared.accounts.secrets import Ring

USERNAME = "demo"
SENDERS = ("0215441234", "15991234")
OPTOUT = "0801234567"
SENDER_KEY = "demo" + "0" * 36
IDENTITIES: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    *(("mt", "number", number, "send", {}) for number in SENDERS),
    ("mt", "number", OPTOUT, "optout", {"optout": True}),
    ("kakao", "profile", SENDER_KEY, "send", {"optout": OPTOUT}),
    ("email", "domain", "demo.example", "send", {}),
    ("push", "app", "demo-app", "send", {}),
    ("rcs", "brand", "demo-brand", "send", {}),
    ("rcs", "chatbot", SENDERS[0], "send", {"brand_id": "demo-brand"}),
)
"""What the demo account speaks as: channel, kind, value, purpose, settings."""
TEMPLATES: tuple[tuple[str, str, str], ...] = (
    ("ORDER_SHIPPED", "approved", "#{name}님, 주문 #{order}이(가) 발송되었습니다."),
    ("NOT_YET", "in_review", "#{name}님, 아직 심사 중인 문구입니다."),
)
"""Its AlimTalk templates: code, state at every vendor, text."""
KEYS = {"live": True, "test": True, "admin": False}
"""Kind of key → whether it belongs to the demo account (operators' keys belong to none)."""
BASE62 = string.ascii_letters + string.digits
KEY_LENGTH = 32
SECRET_BYTES = 24

PUSH = ("fcm", "apns", "webpush", "devices")
"""Push services, and all devices of a user. Apps bring their own keys."""
VENDORS: tuple[tuple[str, str, int, int], ...] = (
    ("solapi", "main", 100, 0),
    ("nhn", "main", 50, 0),
    ("smtp", "main", 100, 0),
    ("solapi", "test", 100, 1),
    ("nhn", "test", 50, 1),
    ("smtp", "test", 100, 1),
    *((vendor, name, 100, sandbox) for vendor in PUSH for name, sandbox in (("main", 0), ("test", 1))),
)
"""Vendor, account, weight, sandbox (for test keys). Locally all of them are the simulator."""
PRICES_ABROAD = {"US": "20.00", "JP": "70.00", "*": "110.00"}
"""KRW a part of a text to these countries, and to all others."""
VENDOR_SECRETS = {
    "solapi": ("api_key", "api_secret", "webhook_secret"),
    "nhn": ("app_key", "secret_key", "webhook_secret"),
    "smtp": ("username", "password", "return_key"),
    **dict.fromkeys(PUSH, ()),
}
VENDOR_OPTIONS: dict[str, dict[str, str]] = {"smtp": {"tls": "none"}}
"""Settings that are no secrets: the simulator's mail server has no certificate."""
HTTP2 = ("fcm", "apns")
"""Vendors that are called over HTTP/2."""


def seed(options: Options, env: Mapping[str, str]) -> None:
    """Insert what is missing, and write demo.json."""
    address = options.mysql_url or env["IMS_MYSQL_URL"]
    with _connection(address) as connection, connection.cursor() as cursor:
        box = _ring(env)
        account, signing = _account(options, cursor, box)
        _keys(options, cursor, account)
        _identities(cursor, account)
        _templates(cursor, account)
        _keys_of_identities(options, cursor, account, box)
        _vendors(options, cursor, env, box)
        _prices(cursor)
        seed_people.seed(options, cursor, account, env.get("IMS_SECRET_KEYS", ""))
        connection.commit()
    options.home.write(options.home.demo_file, json.dumps(_demo(options, env, address, signing), indent=1) + "\n")


def key(options: Options, kind: str) -> str:
    """The demo account's key of a kind: live, test or admin. It stays the same over restarts."""
    random = "".join(secrets.choice(BASE62) for _ in range(KEY_LENGTH))
    return options.home.secret(f"{kind}_key", f"ims_{kind}_{random}")


def webhook_secret(options: Options) -> str:
    """The secret that signs the demo account's reports at first."""
    return options.home.secret(
        "callback_secret", f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    )


@contextlib.contextmanager
def _connection(address: str) -> Iterator[Connection[Any]]:
    import pymysql

    url = urlsplit(address)
    connection = pymysql.connect(
        host=url.hostname or HOST,
        port=url.port or 3306,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        database=url.path.lstrip("/"),
        charset="utf8mb4",
    )
    try:
        yield connection
    finally:
        connection.close()


def _ring(env: Mapping[str, str]) -> Ring | None:
    """What seals: the platform's keys, where it has them."""
    from shared.accounts import secrets

    known = secrets.read_keys(env.get("IMS_SECRET_KEYS", ""))
    return secrets.Ring(known) if known else None


def _account(options: Options, cursor: Cursor, box: Ring | None) -> tuple[int, str]:
    """The account's number and the secret that signs its reports: MySQL's, should it have been changed there.

    One that this platform's keys cannot open is set anew."""
    from shared.accounts import at_rest, secrets

    cursor.execute(
        "INSERT INTO accounts (username, callback_secrets, created_ms) VALUES (%s, '[]', %s) "
        "ON DUPLICATE KEY UPDATE account_id = account_id",
        (USERNAME, _now_ms()),
    )
    cursor.execute("SELECT account_id, callback_secrets FROM accounts WHERE username = %s", (USERNAME,))
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - inserted above
    account, where = int(row[0]), at_rest.callback_place(int(row[0]))
    for kept in map(at_rest.read, json.loads(row[1])[:1]):
        if isinstance(kept, str):
            return account, kept
        with contextlib.suppress(secrets.Unreadable):
            if box is not None:
                return account, box.open(kept.sealed, where)
    signing = webhook_secret(options)
    stored = signing if box is None else at_rest.written(box.keep(signing, where, _now_ms()))
    cursor.execute("UPDATE accounts SET callback_secrets = %s WHERE account_id = %s", (json.dumps([stored]), account))
    return account, signing


def _keys(options: Options, cursor: Cursor, account: int) -> None:
    rows = [
        (hashlib.sha256(key(options, kind).encode()).digest(), account if owned else None, kind, USERNAME, _now_ms())
        for kind, owned in KEYS.items()
    ]
    cursor.executemany(
        "INSERT INTO api_keys (key_hash, account_id, kind, name, created_ms) VALUES (%s, %s, %s, %s, %s) "
        "ON DUPLICATE KEY UPDATE key_hash = key_hash",
        rows,
    )


def _identities(cursor: Cursor, account: int) -> None:
    cursor.executemany(
        "INSERT INTO identities (account_id, channel, kind, value, purpose, settings, created_ms, updated_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE value = value",
        [
            (account, channel, kind, value, purpose, json.dumps(settings), _now_ms(), _now_ms())
            for channel, kind, value, purpose, settings in IDENTITIES
        ],
    )


def _templates(cursor: Cursor, account: int) -> None:
    for code, state, text in TEMPLATES:
        template_id = hashlib.sha256(f"{account}:kakao:{code}".encode()).digest()[:16]
        used = 1 if state == "approved" else None
        cursor.execute(
            "INSERT INTO templates (template_id, account_id, channel, code, name, latest, used, created_ms, updated_ms)"
            " VALUES (%s, %s, 'kakao', %s, %s, 1, %s, %s, %s) ON DUPLICATE KEY UPDATE code = code",
            (template_id, account, code, code, used, _now_ms(), _now_ms()),
        )
        content = {"sender_key": SENDER_KEY, "kind": "BA", "emphasis": "none", "text": text}
        states = dict.fromkeys(("nhn", "solapi"), state)
        variables = ["name", "order"] if "#{order}" in text else ["name"]
        cursor.execute(
            "INSERT INTO template_versions (template_id, version, state, states, content, variables, comments,"
            " created_ms, updated_ms) VALUES (%s, 1, %s, %s, %s, %s, '[]', %s, %s)"
            " ON DUPLICATE KEY UPDATE version = version",
            (template_id, state, json.dumps(states), json.dumps(content, ensure_ascii=False), json.dumps(variables),
             _now_ms(), _now_ms()),
        )  # fmt: skip


def _keys_of_identities(options: Options, cursor: Cursor, account: int, box: Ring | None) -> None:
    """The keys that IMS makes for a domain and an app: once, and anew where this platform's ring cannot open them."""
    from local import demo_app
    from shared.accounts import keys, secrets

    if box is None:
        return
    cursor.execute(
        "SELECT identity_id, kind, settings, secrets FROM identities "
        "WHERE account_id = %s AND kind IN ('domain', 'app')",
        (account,),
    )
    for identity_id, kind, settings, kept in cursor.fetchall():
        given, said = demo_app.keys(options) if kind == "app" else ({}, {})
        held = json.loads(kept) if kept else {}
        if held and set(given) <= set(held) and secrets.opens(box, held, secrets.Place(account, identity_id)):
            continue
        private, public = keys.made(kind)
        private, public = {**private, **given}, {**public, **said}
        sealed = secrets.sealed(box, private, secrets.Place(account, identity_id), _now_ms())
        cursor.execute(
            "UPDATE identities SET settings = %s, secrets = %s WHERE identity_id = %s",
            (json.dumps({**json.loads(settings), **public}), json.dumps(sealed), identity_id),
        )


def _vendors(options: Options, cursor: Cursor, env: Mapping[str, str], box: Ring | None) -> None:
    """Weights and switches stay as an operator set them; addresses and secrets follow this platform."""
    rows = [
        (
            vendor,
            name,
            channel,
            address_of(options, vendor, env),
            weight,
            sandbox,
            json.dumps(_stored(vendor_settings(options, vendor, name), (channel, vendor, name), box)),
        )
        for vendor, name, weight, sandbox in VENDORS
        for channel in channels_of(vendor)
    ]
    cursor.executemany(
        "INSERT INTO vendor_accounts (vendor, account, channel, base_url, weight, sandbox, settings)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE base_url = VALUES(base_url), settings = VALUES(settings)",
        rows,
    )


def _stored(settings: Mapping[str, Any], place: tuple[str, str, str], box: Ring | None) -> Mapping[str, Any]:
    from shared.accounts import at_rest

    if box is None:
        return settings
    return at_rest.changed_settings(box, {}, settings, at_rest.VendorPlace(*place), _now_ms())


def address_of(options: Options, vendor: str, env: Mapping[str, str]) -> str:
    """Where a vendor is: a path of the simulator, at the port that speaks what it speaks, or its mail server."""
    if vendor == "smtp":
        return f"smtp://{urlsplit(env['IMS_VENDOR_URL']).hostname or HOST}:{options.ports['smtp']}"
    base = env.get("IMS_VENDOR_HTTP2_URL") if vendor in HTTP2 else None
    return f"{base or env['IMS_VENDOR_URL']}/vendors/{vendor}"


def _prices(cursor: Cursor) -> None:
    """What texts abroad cost, where nobody has entered other prices."""
    cursor.executemany(
        "INSERT INTO prices (channel, vendor, type, country, from_ms, amount) VALUES ('mt', %s, 'sms', %s, 0, %s)"
        " ON DUPLICATE KEY UPDATE country = country",
        [(vendor, country, amount) for vendor in ("solapi", "nhn") for country, amount in PRICES_ABROAD.items()],
    )


def channels_of(vendor: str) -> list[str]:
    """The channels that a vendor has adapters for."""
    return [channel for known, channel in REGISTRY if known == vendor]


def vendor_settings(options: Options, vendor: str, account: str) -> dict[str, str]:
    """The credentials of one vendor account, by the adapter's own names."""
    secrets_of = {name: options.home.secret(f"{vendor}_{account}_{name}") for name in VENDOR_SECRETS[vendor]}
    return {**secrets_of, **VENDOR_OPTIONS.get(vendor, {})}


def simulator_secrets(options: Options) -> str:
    """The same credentials as the simulator wants them: JSON {vendor: {account: {setting: value}}}."""
    from local import demo_app

    known: dict[str, dict[str, dict[str, str]]] = {}
    for vendor, account, *_ in VENDORS:
        if VENDOR_SECRETS[vendor]:
            known.setdefault(vendor, {})[account] = vendor_settings(options, vendor, account)
    return json.dumps({**known, **demo_app.public_keys(options)})


def _demo(options: Options, env: Mapping[str, str], mysql: str, signing: str) -> dict[str, Any]:
    """api.md's demo.json; what this platform does not run is null."""
    ports: Ports = options.ports
    redis = (options.redis_url or env["IMS_REDIS_URL"]).rstrip("/")
    return {
        "gateway": f"http://{HOST}:{ports['gateway']}",
        "console": f"http://{HOST}:{ports['gateway']}/console/",
        "watch": f"http://{HOST}:{ports.process(_watch())}",
        "username": USERNAME,
        "live_key": key(options, "live"),
        "test_key": key(options, "test"),
        "admin_key": key(options, "admin"),
        "webhook_secret": signing,
        "simulator": env["IMS_VENDOR_URL"],
        "mysql": mysql,
        "mysql_replica": env.get("IMS_MYSQL_REPLICA_URL"),
        "redis": redis if redis.count("/") > 2 else f"{redis}/0",
        "kafka": options.kafka_bootstrap or env["IMS_KAFKA_BOOTSTRAP"],
        "mongodb": env.get("IMS_MONGODB_URL"),
        "console_users": seed_people.users(options),
    }


def _watch() -> flow.Process:
    return next(process for process in flow.processes() if process.name == "watch")


def _now_ms() -> int:
    return int(time.time() * 1000)
