"""clients/python/ims_client: one module of the standard library alone."""

from __future__ import annotations

import keyword
from collections.abc import Iterable

from local.clients import Json, Operation, operations, snake

HEAD = '''# Generated from docs/openapi.yaml by `make clients`: change local/clients, not this file.
"""A client of IMS, by the standard library alone.

    ims = Client("ims_live_…", "http://127.0.0.1:30001")
    ims.send_mt({"sender": "0215441234", "text": "hi", "recipients": [{"to": "01012345678"}]})
    for message in ims.pages(ims.list_messages, to="01012345678"): ...

A refusal is a Problem (RFC 9457). What makes or changes something carries an Idempotency-Key, so it is tried again when
no answer came, and made once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
AGAIN = (429, 503)


class Problem(Exception):
    """What the API refused: `status`, `type`, `title`, `detail` and `errors` with a pointer each."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status} {body.get('title', '')}: {body.get('detail', '')}")
        self.status, self.body = status, body
        self.type: str = str(body.get("type", "")).rpartition("/")[2]
        self.errors: list[Json] = body.get("errors", [])


def verify(secret: str, body: bytes, headers: Mapping[str, str], tolerance_s: int = 300) -> Any:
    """A report or notice whose signature holds, as JSON; ValueError for any other."""
    name, stamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(stamp)) > tolerance_s:
        raise ValueError("too old, or from the future")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    if not any(hmac.compare_digest(wanted, one) for one in headers["webhook-signature"].split()):
        raise ValueError("the signature is not ours")
    return json.loads(body)


class Client:
    """Calls with one key. `tries`: how often a call is made at most while no answer comes, or it is told to wait."""

    def __init__(self, key: str, base_url: str = "http://127.0.0.1:30001", *, timeout: float = 30, tries: int = 4) -> None:
        self._key, self._base, self._timeout, self._tries = key, base_url.rstrip("/"), timeout, tries
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def pages(self, operation: Callable[..., Json], *args: Any, **query: Any) -> Iterator[Json]:
        """All items of a list, page by page."""
        cursor = None
        while True:
            page = operation(*args, **{**query, **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
        once: str | None = None,
    ) -> Any:
        given = [(k, _text(v)) for k, v in (query or {}).items() if v is not None]
        url = self._base + path + ("?" + urllib.parse.urlencode(given) if given else "")
        sent = {"authorization": f"Bearer {self._key}", **{k: v for k, v in (headers or {}).items() if v is not None}}
        if once is not None:
            sent["idempotency-key"] = once or str(uuid.uuid4())
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        safe = method in ("GET", "PUT", "DELETE") or once is not None
        for left in reversed(range(self._tries if safe else 1)):
            request = urllib.request.Request(url, body, sent, method=method)
            try:
                with self._open(request, timeout=self._timeout) as answer:
                    return _read(answer)
            except urllib.error.HTTPError as error:
                problem = _problem(error)
                waits = error.code in AGAIN or problem.type == "in-flight"
                if not left or not waits:
                    raise problem from None
                time.sleep(min(float(error.headers.get("retry-after") or 1), 30))
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if not left:
                    raise
                time.sleep(1)
        raise AssertionError


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(answer: Any) -> Any:
    raw = answer.read()
    if "json" in answer.headers.get("content-type", ""):
        return json.loads(raw)
    return raw.decode() if raw else None


def _problem(error: urllib.error.HTTPError) -> Problem:
    try:
        return Problem(error.code, json.loads(error.read()))
    except ValueError:
        return Problem(error.code, {"title": error.reason})


class Ims(Client):
    """Every operation, by its name in the OpenAPI document."""
'''


CALLS = {"None": "{}", "Any": "return {}", "str": "return str({})"}
"""What a method does with its call, by what it answers."""


def text(document: Json) -> str:
    """The module."""
    return HEAD + "".join(f"\n{_method(one)}" for one in operations(document))


def _method(one: Operation) -> str:
    arguments = ["self", *(f"{_name(place)}: str" for place in one.places)]
    if one.form:
        arguments.append("body: bytes")
    elif one.body is not None:
        arguments.append("body: Json" if one.body_required else "body: Json | None = None")
    named = [f"{_name(p['name'])}: Any = None" for p in (*one.query, *one.headers)]
    if one.form:
        named.append('content_type: str = "application/octet-stream"')
    if one.once:
        named.append('idempotency_key: str = ""')
    arguments += ["*", *named] if named else []
    result = "str" if one.text else "None" if one.result is None else "Any"
    lines = [
        f"    def {_name(one.name)}({', '.join(arguments)}) -> {result}:",
        f'        """{_sentence(one.summary)}"""',
        f"        {CALLS[result].format(', '.join(_passed(one)).join(('self._call(', ')')))}",
    ]
    return "\n".join(lines) + "\n"


def _passed(one: Operation) -> Iterable[str]:
    yield f'"{one.method}"'
    path = one.path
    for place in one.places:
        path = path.replace(f"{{{place}}}", f"{{urllib.parse.quote(str({_name(place)}), safe='')}}")
    yield f'{"f" if one.places else ""}"{path}"'
    if one.query:
        yield "{" + ", ".join(f'"{p["name"]}": {_name(p["name"])}' for p in one.query) + "}"
    if one.form or one.body is not None:
        yield "body=body"
    headers = [f'"{p["name"].lower()}": {_name(p["name"])}' for p in one.headers]
    headers += ['"content-type": content_type'] if one.form else []
    if headers:
        yield "headers={" + ", ".join(headers) + "}"
    if one.once:
        yield "once=idempotency_key"


def _name(name: str) -> str:
    made = snake(name)
    return f"{made}_" if keyword.iskeyword(made) else made


def _sentence(words: str) -> str:
    return (words or "No words").rstrip(".").replace('"', "'") + "."
