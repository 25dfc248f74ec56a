"""Watch's own page, for the night when all else is down: what it finds, alarms with their history, mutes, instances;
mute, acknowledge, log level. It lives from watch's memory where Kafka, MySQL or Redis are away.

    GET  /            the page; with ?token= of `ims watch open` it lets a browser in
    POST /mute        {"name", "until", "reason"}
    POST /acknowledge {"name"}
    POST /log-level   {"process", "level", "minutes"}

Actions need the cookie and the header `x-ims-watch`, which no form of a foreign page can send.
"""

from __future__ import annotations

import html
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.channels.common import Fault, read_time
from shared.domain.errors import Unavailable
from shared.following import reading
from shared.operating import alarms, functions
from shared.operating.common import MINUTE_MS
from shared.runtime import Context, logs
from shared.runtime.announcing import ANY
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.runtime.settings import SecretSettings, load
from shared.stores.watch import Mute
from shared.watch import entry
from shared.watch.desk import Desk

PATHS = frozenset({"GET /", "POST /mute", "POST /acknowledge", "POST /log-level"})
"""POST / is where ticks come."""
BY = "watch"
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
log = logs.get(__name__)
Json = dict[str, Any]


class Site:
    """The page and its actions; `desk` is made on first use."""

    paths = PATHS

    def __init__(self, desk: Callable[[Context], Desk]) -> None:
        self._desk = desk

    async def __call__(self, request: Request, ims: Context) -> Response:
        """Answer a request to one of the paths."""
        try:
            return await self._answer(request, ims)
        except Problem as problem:
            return problem.response()
        except Unavailable as error:
            return Problem(503, error.detail or "Not now.", retry_after=5).response()

    async def _answer(self, request: Request, ims: Context) -> Response:
        keys = entry.keys_of(load(SecretSettings).secret_keys.get_secret_value())
        now, path = time.time(), request.scope["path"]
        if path == "/" and entry.holds(keys, "link", request.query_params.get("token", ""), now):
            return _let_in(keys, now)
        if not entry.holds(keys, "cookie", request.cookies.get(entry.COOKIE, ""), now):
            raise Problem(401, "Open it by a link of `ims watch open`.")
        if path == "/":
            return await self._page(ims)
        if "x-ims-watch" not in request.headers:
            raise Problem(403, "Actions need the header x-ims-watch.")
        return reading.answer(await ACTIONS[path](request, self._desk(ims), ims))

    async def _page(self, ims: Context) -> Response:
        status = await self._desk(ims).status()
        nonce = secrets.token_urlsafe(12)
        headers = {name: value.replace("{nonce}", nonce) for name, value in HEADERS.items()}
        return Response(page(status, nonce), headers=headers, media_type="text/html; charset=utf-8")


def _let_in(keys: tuple[bytes, ...], now: float) -> Response:
    answer = RedirectResponse("/", 303, headers={"cache-control": "no-store"})
    word = entry.token(keys, "cookie", int(now) + entry.COOKIE_S)
    answer.set_cookie(entry.COOKIE, word, max_age=entry.COOKIE_S, httponly=True, samesite="strict", path="/")
    return answer


# --- actions ----------------------------------------------------------------------------------------------------------


class Silence(alarms.Silence):
    """A mute, with its alarm."""

    name: str


class Named(alarms.Taken):
    """An alarm."""

    name: str


class Level(functions.Level):
    """A level, with its process."""

    process: str


async def _mute(request: Request, desk: Desk, ims: Context) -> Json:
    now = ims.now_ms()

    async def faults(wish: Silence) -> Iterable[Fault]:
        return alarms.until_faults(wish.until, now)

    wish = await reading.body(request, Silence, faults)
    if wish.name not in alarms.NAMES:
        raise reading.not_found("alarm")
    kept = await desk.memory.mute(Mute(wish.name, read_time(wish.until) or 0, wish.reason, BY, now), now)
    log.info("audit", action="alarm.mute", name=wish.name, until=wish.until, reason=wish.reason)
    return {"name": wish.name, "until": wish.until, "kept_in_mysql": kept}


async def _acknowledge(request: Request, desk: Desk, ims: Context) -> Json:
    wish = await reading.body(request, Named)
    taken = await desk.memory.acknowledge(wish.name, wish.subject, BY, ims.now_ms())
    log.info("audit", action="alarm.acknowledge", name=wish.name, subject=wish.subject)
    return {"name": wish.name, "acknowledged": taken}


async def _level(request: Request, _: Desk, ims: Context) -> Json:
    wish = await reading.body(request, Level)
    if wish.process not in functions.PROCESSES:
        raise reading.not_found("function")
    until = ims.now_ms() + wish.minutes * MINUTE_MS
    where = f"{wish.process}|{wish.instance or ANY}|{wish.logger}"
    await functions.want(ims.redis, where, wish.level, until, BY, wish.process)
    log.info("audit", action="function.log-level", process=wish.process, level=wish.level, minutes=wish.minutes)
    return {"process": wish.process, "level": wish.level, "until": iso(until)}


ACTIONS: dict[str, Callable[[Request, Desk, Context], Awaitable[Json]]] = {
    "/mute": _mute, "/acknowledge": _acknowledge, "/log-level": _level,
}  # fmt: skip


# --- the page ---------------------------------------------------------------------------------------------------------


STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem;max-width:75rem;color:#1a1f27;background:#fff}
table{border-collapse:collapse;margin-bottom:1.5rem}
th,td{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}
h2{font-size:1.05rem;margin:.5rem 0}.critical{color:#a1121f;font-weight:600}.warning{color:#7a4300}
@media(prefers-color-scheme:dark){body{color:#e8ebf0;background:#12161c}
.critical{color:#ff9a96}.warning{color:#f5b95c}}"""
SCRIPT = """async function act(path, body) {
  const answer = await fetch(path, {method: 'POST', headers: {'content-type': 'application/json', 'x-ims-watch': '1'},
    body: JSON.stringify(body)});
  const said = await answer.json();
  document.getElementById('said').textContent = answer.ok ? 'done' : said.detail + ' ' +
    (said.errors || []).map(e => e.pointer + ': ' + e.detail).join('; ');
}
const hours = n => new Date(Date.now() + n * 3600e3).toISOString();
document.addEventListener('click', event => {
  const b = event.target.closest('button'); if (!b) return;
  const reason = document.getElementById('reason').value || 'from the watch page';
  if (b.dataset.mute) act('/mute', {name: b.dataset.mute, until: hours(2), reason});
  if (b.dataset.ack) act('/acknowledge', {name: b.dataset.ack});
  if (b.id === 'level') act('/log-level', {process: document.getElementById('process').value,
    level: document.getElementById('to').value, minutes: 15, reason});
});"""


def page(status: Json, nonce: str) -> str:
    """The page as HTML; whatever comes from outside is text in it."""
    options = "".join(f"<option>{html.escape(name)}</option>" for name in functions.PROCESSES)
    levels = "".join(f"<option>{level}</option>" for level in ("debug", "info", "warning", "error"))
    away = ", ".join(status["away"]) or "nothing"
    parts = [
        _table("Findings now", ("severity", "alarm", "what", "since"), map(_finding, status["findings"])),
        _table("Alarms", ("state", "alarm", "what", "since", "taken on", "told", ""), map(_alarm, status["alarms"])),
        _table("Could not be looked at", ("check", "why"), status["failed"].items()),
        _table("Muted", ("alarm", "until"), ((n, iso(at)) for n, at in status["mutes"].items())),
        _table("Lanes", ("lane", "oldest (s)", "events waiting"), status["lanes"]),
        _table("Instances", ("process", "instance", "state", "version", "level"), map(_instance, status["instances"])),
        _table("History", ("at", "alarm", "subject", "event", "by"), map(_event, status["history"])),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>IMS watch</title><style nonce="{nonce}">{STYLE}'
        f"</style><h1>IMS watch</h1><p>as of {iso(status['at_ms'])} · away: {html.escape(away)}</p>"
        f'<p role="status" id="said"></p><p><label>Reason <input id="reason" maxlength="255"></label> '
        f'<label>Log level of <select id="process">{options}</select></label> <select id="to" aria-label="level">'
        f'{levels}</select> <button id="level">set for 15 min</button></p>{"".join(parts)}'
        f'<script nonce="{nonce}">{SCRIPT}</script></html>'
    )


class Raw(str):
    """HTML of our own."""


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    listed = [list(row) for row in rows]
    if not listed:
        return f"<h2>{title}</h2><p>none</p>"
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in listed)
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if isinstance(value, Raw):
        return f"<td>{value}</td>"
    text = html.escape("–" if value is None else str(value))
    kind = f' class="{text}"' if text in ("critical", "warning") else ""
    return f"<td{kind}>{text}</td>"


def _finding(found: Json) -> list[Any]:
    return [found["severity"], f"{found['name']}/{found['subject']}", found["text"], None]


def _alarm(alarm: Json) -> list[Any]:
    name = html.escape(alarm["name"], quote=True)
    acts = f'<button data-ack="{name}">acknowledge</button> <button data-mute="{name}">mute 2 h</button>'
    told = iso(alarm["told_ms"])
    where = f"{alarm['name']}/{alarm['subject']}"
    return [alarm["state"], where, alarm["text"], iso(alarm["since_ms"]), alarm["acknowledged"], told, Raw(acts)]


def _instance(one: Json) -> list[Any]:
    return [one["process"], one["instance"], one["state"], one["version"], one["level"]]


def _event(event: Json) -> list[Any]:
    return [event["at"], event["name"], event["subject"], event["event"], event["by"]]
