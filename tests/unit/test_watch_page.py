"""Watch's own page with every server away: who is let in, what it shows, what it keeps until MySQL is back."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from shared.domain.errors import Unavailable
from shared.runtime import settings
from shared.stores import alarms as history
from shared.stores import watch as store
from shared.stores.watch import Mute
from shared.watch import entry
from shared.watch.alarms import Alarm
from shared.watch.memory import Memory
from shared.watch.site import Site, page
from shared.watch.tick import turned

NOW = int(time.time() * 1000)
RING = base64.b64encode(bytes(range(32))).decode()
KEYS = entry.keys_of(RING)
ALARM = Alarm("ImsMysqlDown", "primary", "critical", "<b>down</b>", 1, NOW, NOW, firing=True)


class Server:
    """MySQL, which may be away."""

    def __init__(self) -> None:
        self.away, self.mutes, self.told = True, dict[str, int](), list[Any]()

    async def __call__(self, fn: Any, *args: Any) -> Any:
        if self.away:
            raise Unavailable("away")
        if fn is store.mute:
            self.mutes[args[0]] = args[1]
        elif fn is history.note:
            self.told += args[0]
        elif fn is store.load:
            return store.Saved(1, "{}", [], dict(self.mutes))
        return None


class NoRedis:
    """Redis, which is away."""

    async def get(self, _: str) -> bytes:
        raise ConnectionError


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("IMS_SECRET_KEYS", RING)
    settings.reset()
    yield
    settings.reset()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def memory(server: Server) -> Memory:
    return Memory(server, NoRedis, 50)


STATUS = {
    "at_ms": NOW, "away": ["Kafka", "MySQL"], "findings": [], "failed": {"kafka": "no broker"}, "mutes": {},
    "alarms": [{"state": "firing", "name": "ImsMysqlDown", "subject": "p", "text": "<script>alert(1)</script>",
                "since_ms": NOW, "told_ms": None, "acknowledged": None}],
    "lanes": [("auth", None, None)], "instances": [], "history": [],
}  # fmt: skip


async def call(memory: Memory, method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Any:
    async def status() -> Any:
        return STATUS

    site = Site(lambda _: SimpleNamespace(status=status, memory=memory))  # type: ignore[arg-type, return-value]
    lines = [
        (k.replace("_", "-").encode(), v.encode()) for k, v in {"content_type": "application/json", **headers}.items()
    ]
    scope = {"type": "http", "method": method, "path": path, "headers": lines, "query_string": query.encode()}

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    ims = SimpleNamespace(now_ms=lambda: NOW)
    return await site(Request({**scope, "client": ("127.0.0.1", 1)}, receive), ims)  # type: ignore[arg-type]


def cookie(seconds: int = 60) -> str:
    return f"{entry.COOKIE}={entry.token(KEYS, 'cookie', int(time.time()) + seconds)}"


async def test_a_link_lets_a_browser_in_and_nothing_else_does(memory: Memory) -> None:
    link = entry.token(KEYS, "link", int(time.time()) + 60)
    answer = await call(memory, "GET", "/", query=f"token={link}")
    assert answer.status_code == 303
    assert "httponly" in answer.headers["set-cookie"].lower()
    for query, given in (
        ("", ""),
        (f"token={link}x", ""),
        (f"token={entry.token(KEYS, 'link', int(time.time()) - 1)}", ""),
        (f"token={entry.token(KEYS, 'cookie', int(time.time()) + 60)}", ""),
        ("", f"{entry.COOKIE}={link}"),
        ("", cookie(-1)),
        ("token=", f"{entry.COOKIE}=9999999999."),
    ):
        assert (await call(memory, "GET", "/", query=query, cookie=given)).status_code == 401, (query, given)
    assert not entry.holds((), "link", link, 0), "without keys nobody is let in"


async def test_the_page_shows_what_strangers_wrote_as_text(memory: Memory) -> None:
    answer = await call(memory, "GET", "/", cookie=cookie())
    text = answer.body.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "away: Kafka, MySQL" in text
    assert len(page(STATUS, "n").encode()) < 60_000


async def test_an_action_needs_the_header_that_no_form_can_send(memory: Memory, server: Server) -> None:
    wish = {"name": "ImsMysqlDown", "until": "2999-01-01T00:00:00Z", "reason": "x"}
    assert (await call(memory, "POST", "/mute", wish, cookie=cookie())).status_code == 403
    assert (await call(memory, "POST", "/mute", wish, x_ims_watch="1")).status_code == 401
    assert (await call(memory, "POST", "/mute", wish, cookie=cookie(), x_ims_watch="1")).status_code == 422
    assert not server.mutes


async def test_a_mute_holds_while_mysql_is_away_and_reaches_it_later(memory: Memory, server: Server) -> None:
    until = NOW + 3_600_000
    assert not await memory.mute(Mute("ImsMysqlDown", until, "known", "watch", NOW), NOW)
    assert (await memory.fresh()).mutes == {"ImsMysqlDown": until}
    server.away = False
    assert (await memory.fresh()).mutes == {"ImsMysqlDown": until}
    assert server.mutes == {"ImsMysqlDown": until}


async def test_what_happens_while_mysql_is_away_is_told_when_it_is_back(memory: Memory, server: Server) -> None:
    await memory.happened(turned({}, {ALARM.key: ALARM}, NOW))
    assert [event.event for event in await memory.history(5)] == ["firing"]
    server.away = False
    await memory.fresh()
    await memory.happened([])
    assert [event.event for event in server.told] == ["firing"]
    await memory.happened([])
    assert len(server.told) == 1


def test_the_page_leaves_ticks_alone() -> None:
    """They are POSTs to the same path."""
    assert "GET /" in Site.paths
    assert "POST /" not in Site.paths


def test_only_turns_are_history() -> None:
    from dataclasses import replace

    ended = replace(ALARM, firing=False, ended_ms=NOW)
    assert turned({ALARM.key: ALARM}, {ALARM.key: ALARM}, NOW) == []
    assert [e.event for e in turned({ALARM.key: ALARM}, {ALARM.key: ended}, NOW)] == ["ended"]
    assert turned({ALARM.key: ended}, {ALARM.key: ended}, NOW) == []
