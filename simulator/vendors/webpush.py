"""A browser and its push service: it makes subscriptions, checks VAPID, decrypts, and shows."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from simulator.http import Refusal, Reply, Request, json
from simulator.store import Record
from simulator.vendors.base import Item, Operation, Submission
from simulator.vendors.pushing import ACCOUNT, PushService, claims

MAX_BYTES = 4096
DAY_S = 86_400
SEED = b"the simulator's browsers"
_PUSH = re.compile(r"/push/([A-Za-z0-9_-]{1,128})").fullmatch
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch


class WebPushVendor(PushService):
    """See simulator/vendors/base.py. A subscription's keys follow from its id, so that they outlive a restart."""

    name = "webpush"
    raw_codes: Mapping[str, str] = {
        "1002": "413",
        "1009": "400",
        "3001": "503",
        "3002": "429",
        "3004": "403",
        "5001": "410",
    }

    def operation(self, request: Request) -> Operation:
        """`POST /subscribe` stands in for an upload."""
        if request.method == "POST" and request.path == "/subscribe":
            return "upload"
        if request.method == "POST" and _PUSH(request.path):
            return "send"
        raise Refusal(Reply(404, b""))

    def account(self, request: Request, now_ms: int) -> str:
        """VAPID by the public key that is said beside it; the subscription's key, where it was made with one."""
        if request.path == "/subscribe":
            return ACCOUNT
        given = dict(re.findall(r"([tk])=([A-Za-z0-9_.-]+)", request.headers.get("authorization", "")))
        try:
            from joserfc.jwk import ECKey

            point = _decoded(given["k"])
            key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": _b64(point[1:33]), "y": _b64(point[33:65])})
            _, told = claims(given["t"], key)
            if not now_ms // 1000 < int(told["exp"]) <= now_ms // 1000 + DAY_S:
                raise ValueError("exp is over a day ahead, or past")
            host = request.headers.get("host", "")
            if told.get("aud") not in (f"http://{host}", f"https://{host}"):
                raise ValueError("aud is not this origin")
        except Exception as error:
            raise Refusal(json(401, {"error": f"bad VAPID: {error!r}"})) from error
        return ACCOUNT

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """A new subscription; `{"id": "magic-5001"}` chooses its name."""
        try:
            wish = orjson.loads(request.body or b"{}")
        except orjson.JSONDecodeError:
            wish = {}
        name = str(wish.get("id") or "browser") + "-" + secrets.token_hex(8)
        endpoint = f"http://{request.headers.get('host', '')}/vendors/webpush/push/{name}"
        _, public, auth = keys_of(name)
        keys = {"p256dh": _b64(public), "auth": _b64(auth)}
        return json(201, {"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """One encrypted message."""
        found = _PUSH(request.path)
        name, headers = (found[1] if found else ""), request.headers
        if not headers.get("ttl", "").isdigit():
            raise Refusal(json(400, {"error": "TTL is missing"}))
        if headers.get("topic") and not _TOPIC(headers["topic"]):
            raise Refusal(json(400, {"error": "bad Topic"}))
        if len(request.body) > MAX_BYTES:
            raise Refusal(Reply(413, b""))
        said = self._decrypted(name, request)
        shown = said.get("notification") or {}
        to = f"http://{headers.get('host', '')}/vendors/webpush{request.path}"
        extra = self.phone(
            to,
            name,
            title=shown.get("title"),
            image=shown.get("image"),
            data=said.get("data") or {},
            collapse=headers.get("topic"),
            priority=headers.get("urgency"),
            ttl=headers["ttl"],
            tag=shown.get("tag") or said.get("tag"),
        )
        item = Item(to, "", "webpush", shown.get("body") or "", headers.get("topic", ""), "", extra)
        return Submission(f"m-{now_ms:x}{serial:x}", request.path, [item])

    def _decrypted(self, name: str, request: Request) -> dict[str, Any]:
        import http_ece

        private, _, auth = keys_of(name)
        try:
            if request.headers.get("content-encoding") != "aes128gcm":
                raise ValueError("not aes128gcm")
            said = http_ece.decrypt(request.body, private_key=private, auth_secret=auth, version="aes128gcm")
            found = orjson.loads(said)
        except Exception as error:
            raise Refusal(json(400, {"error": f"cannot decrypt: {error!r}"})) from error
        return found if isinstance(found, dict) else {}

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """201 with the message's own address, or a status."""
        (record,) = records
        if not record.refused:
            return Reply(201, b"", ((b"location", f"/message/{record.group}".encode()),))
        retry = ((b"retry-after", b"1"),) if record.raw == "429" else ()
        return Reply(int(record.raw), b"", retry)

    def failure(self, status: int, text: str) -> Reply:
        """A status says it all."""
        return Reply(status, text.encode())


def keys_of(name: str) -> tuple[Any, bytes, bytes]:
    """A subscription's private key, its public point, and its secret."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    number = int.from_bytes(hashlib.sha256(SEED + name.encode()).digest(), "big") % (2**255) + 1
    private = ec.derive_private_key(number, ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return private, public, hashlib.sha256(b"auth" + SEED + name.encode()).digest()[:16]


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
