"""The runtime around a handler: what is read, merged, published and answered; logs and traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kafka.errors import MessageSizeTooLargeError
from starlette.exceptions import HTTPException

from shared.domain.errors import Overloaded, Unavailable
from shared.domain.events import MAX_BYTES, Dead, Due, Event, Finished, Outcome, Report, Result, Tick
from shared.runtime import bus, logs, settings, trace
from shared.runtime import context as runtime_context
from shared.runtime.context import Context, use
from shared.runtime.events import PING, event_function
from shared.runtime.server import read_event


class FakeBus:
    """Remembers what was published."""

    def __init__(self) -> None:
        self.published: list[Event] = []

    async def publish(self, events: Sequence[Event]) -> None:
        self.published.extend(events)


@pytest.fixture
def ims() -> Iterator[Any]:
    context = Context("test")
    context.__dict__["bus"] = FakeBus()
    use(context)
    yield context
    use(Context("ims"))


def attributes(kind: str, **more: str) -> dict[str, str]:
    return {"id": "e1", "type": kind, "source": "/test", "specversion": "1.0", **more}


def due(*ids: str) -> Due:
    return Due(kind="timeout", ids=list(ids))


def test_a_start_builds_what_the_function_names_and_a_part_that_fails_keeps_none_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            raise Unavailable(name)

    built: list[str] = []
    monkeypatch.setattr(runtime_context, "calm_collector", lambda: built.append("calm"))
    context = Context("test")
    context.__dict__.update(db=Away(), redis=Away(), bus=Away())
    context.warm(("http",))
    assert isinstance(context.__dict__["http"], httpx2.AsyncClient)
    assert built == ["calm"]


async def test_what_a_handler_returns_is_published(ims: Any) -> None:
    async def handler(event: Due, ims: Context) -> list[Event]:
        return [due("out")]

    await event_function(handler).receive(attributes(Due.TYPE), due("in").model_dump_json().encode())  # type: ignore[attr-defined]
    assert [e.ids for e in ims.bus.published] == [["out"]]


async def test_the_event_id_is_the_cause_of_every_result(ims: Any) -> None:
    causes = []

    async def handler(event: Outcome, ims: Context) -> None:
        causes.extend(r.cause for r in event.results)

    one = Result(id="0" * 32, hop=1, state="sent", code="0000", at=1)
    event = Outcome(channel="mt", vendor="v", account="a", via="answer", results=[one, one])
    await event_function(handler).receive(attributes(Outcome.TYPE), event.model_dump_json().encode())  # type: ignore[attr-defined]
    assert causes == ["e1", "e1"]


@pytest.mark.parametrize(("error", "status"), [(Unavailable("x"), 503), (Overloaded("x"), 429)])
async def test_errors_tell_the_source_what_to_do(ims: Any, error: Exception, status: int) -> None:
    async def handler(event: Due, ims: Context) -> None:
        raise error

    with pytest.raises(HTTPException) as caught:
        await event_function(handler).receive(attributes(Due.TYPE), due("a").model_dump_json().encode())  # type: ignore[attr-defined]
    assert caught.value.status_code == status


@pytest.mark.parametrize("body", [b"not json", b'{"ids": 3}', b"\xff\xfe"])
async def test_what_cannot_be_read_goes_to_the_dead_letters_and_is_done(ims: Any, body: bytes) -> None:
    async def handler(event: Due, ims: Context) -> None:
        raise AssertionError("must not be called")

    await event_function(handler).receive(attributes(Due.TYPE), body)  # type: ignore[attr-defined]
    assert [type(e) for e in ims.bus.published] == [Dead]


@pytest.mark.parametrize(("size", "cause", "status"), [
    (MAX_BYTES, MessageSizeTooLargeError(), 422), (9, MessageSizeTooLargeError(), 503), (MAX_BYTES, None, 503),
])  # fmt: skip
async def test_what_cannot_be_read_and_is_too_large_for_a_dead_letter_is_left_to_the_source(
    ims: Any, size: int, cause: Exception | None, status: int
) -> None:
    """A small one is refused for the size of another: it is tried again."""

    async def handler(event: Due, ims: Context) -> None:
        raise AssertionError("must not be called")

    async def publish(events: Sequence[Event]) -> None:
        raise Unavailable("Kafka") from cause

    ims.bus.publish = publish
    with pytest.raises(HTTPException) as caught:
        await event_function(handler).receive(attributes("com.other.v1"), b"x" * size)  # type: ignore[attr-defined]
    assert caught.value.status_code == status
    assert (caught.value.detail == "no handler for the type com.other.v1") is (status == 422)


async def test_an_unknown_type_goes_to_the_dead_letters(ims: Any) -> None:
    async def handler(event: Due, ims: Context) -> None:
        raise AssertionError("must not be called")

    await event_function(handler).receive(attributes("com.other.v1"), b"{}")  # type: ignore[attr-defined]
    assert isinstance(ims.bus.published[0], Dead)


@pytest.mark.parametrize(("code", "reason"), [({"knativeerrorcode": "400"}, "HTTP 400"), ({}, "no answer")])
async def test_what_a_source_gave_up_on_is_handled_as_a_dead_letter(
    ims: Any, code: dict[str, str], reason: str
) -> None:
    seen: list[Event] = []

    async def handler(events: list[Due | Dead], ims: Context) -> None:
        seen.extend(events)

    given_up = attributes(Due.TYPE, knativeerrordest="http://route", **code)
    await event_function(handler).receive(given_up, due("a").model_dump_json().encode())  # type: ignore[attr-defined]
    assert isinstance(seen[0], Dead)
    assert seen[0].reason == f"given up by the source: {reason}"
    assert ims.bus.published == []


async def test_a_cron_function_takes_pingsources_own_type(ims: Any) -> None:
    seen: list[Event] = []

    async def handler(event: Tick, ims: Context) -> None:
        seen.append(event)

    await event_function(handler).receive(attributes(PING), b"{}")  # type: ignore[attr-defined]
    assert isinstance(seen[0], Tick)


def test_a_record_is_a_binary_cloudevent() -> None:
    ((topic, value, headers),) = bus.records(due("a"), "/ims/test", "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    names = dict(headers)
    assert topic == "ims.outcome.realtime"
    assert Due.model_validate_json(value).ids == ["a"]
    assert names["ce_type"] == Due.TYPE.encode()
    assert names["ce_traceparent"].startswith(b"00-1111")
    assert {"ce_id", "ce_source", "ce_specversion", "content-type"} <= names.keys()


def test_an_event_too_large_for_a_record_is_halved_until_it_fits() -> None:
    reports = [
        Report(account_id=1, username="demo", callback_uri=None, data={"message_id": str(n), "text": "x" * 3000})
        for n in range(500)
    ]
    parts = bus.records(Finished(reports=reports), "/ims/test", None)
    ids = [r.data["message_id"] for _, value, _ in parts for r in Finished.model_validate_json(value).reports]
    assert all(len(value) <= 512 * 1024 for _, value, _ in parts)
    assert ids == [str(n) for n in range(500)]


@pytest.mark.parametrize("broken", [None, "", "00-zz", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "x" * 500])
def test_a_broken_traceparent_begins_a_new_trace(broken: str | None) -> None:
    span = trace.start(broken)
    assert len(span.trace_id) == 32
    assert int(span.trace_id, 16)


def test_a_trace_goes_on_with_a_new_span() -> None:
    given = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    span = trace.start(given)
    assert span.trace_id == "a" * 32
    assert span.span_id != "b" * 16


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to 01012345678 failed", "to 010****5678 failed"),
        ("to 010-1234-5678", "to 010-****5678"),
        ("key ims_live_abcdef", "key ims_live_***"),
        ("whsec_c2VjcmV0", "whsec_***"),
        ("key ims_test_ab-cd_ef, then", "key ims_test_***, then"),
        ("0193b0a1-7c11-7a00-8000-000000000080", "0193b0a1-7c11-7a00-8000-000000000080"),
    ],
)
def test_logs_hide_numbers_and_secrets(text: str, masked: str) -> None:
    assert logs.mask(text) == masked


def post(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}


FORWARDED = ((b"x-forwarded-host", b"gateway:8080"), (b"x-forwarded-for", b"10.0.0.7:51234"), (b"x-call-id", b"1"))
"""What OpenFaaS' gateway adds."""


@pytest.mark.parametrize(
    "more", [((b"content-length", b"0"),), ((b"transfer-encoding", b"chunked"),), ((b"x-topic", b"cron-function"),)]
)
def test_an_empty_post_is_a_tick_to_a_function_that_takes_ticks(more: tuple[tuple[bytes, bytes], ...]) -> None:
    scope = post(*FORWARDED, *more)
    attributes, data = read_event(scope, b"", ticks=True) or ({}, b"")
    assert (attributes["type"], data) == (Tick.TYPE, b"{}")
    assert read_event(scope, b"", ticks=False) is None


@pytest.mark.parametrize("headers", [(), ((b"content-type", b"application/json"),), ((b"ce-id", b"1"),)])
def test_a_post_that_is_no_event_is_none(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert read_event(post(*headers), b'{"a": 1}', ticks=True) is None


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"specversion": "1.0", "id": "1"}'])
async def test_what_the_kafka_connector_brings_unreadable_goes_to_the_dead_letters(ims: Any, body: bytes) -> None:
    async def handler(event: Due, ims: Context) -> None:
        raise AssertionError("must not be called")

    headers = ((b"content-type", b"text/plain"), (b"x-topic", b"ims.outcome.auth"))
    event = read_event(post(*headers), body, ticks=False)
    assert event is not None
    await event_function(handler).receive(*event)  # type: ignore[attr-defined]
    (dead,) = ims.bus.published
    assert (type(dead), dead.source_topic) == (Dead, "ims.outcome.auth")


def test_a_file_of_the_secrets_folder_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ims-redis-url").write_text("redis://10.0.0.1:6379\n")
    (tmp_path / "other-secret").write_text("x")
    (tmp_path / "..data").mkdir()
    monkeypatch.setenv("IMS_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("IMS_REDIS_URL", raising=False)
    settings.reset()
    assert settings.load(settings.RedisSettings).redis_url == "redis://10.0.0.1:6379"
    monkeypatch.delenv("IMS_REDIS_URL")
    settings.reset()
