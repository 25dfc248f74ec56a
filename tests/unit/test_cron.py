"""When cron lines match, and how a tick is sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.cron import ticker
from bridges.cron.schedule import parse
from bridges.cron.ticker import Job, Ticker
from bridges.settings import CronSettings
from bridges.targets import Address, Targets
from shared import flow


def upcoming(line: str, after: str, count: int, zone: str = "UTC") -> list[str]:
    """The next matches after a local time, as local times with their offset."""
    schedule, tz = parse(line, zone), ZoneInfo(zone)
    moment = datetime.fromisoformat(after).replace(tzinfo=tz).astimezone(UTC)
    found = []
    for _ in range(count):
        moment = schedule.next_after(moment)
        found.append(moment.astimezone(tz).strftime("%Y-%m-%d %H:%M %z").removesuffix(" +0000"))
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("* * * * *", ["2026-11-24 10:31", "2026-11-24 10:32"]),
        ("30 10 * * *", ["2026-11-25 10:30", "2026-11-26 10:30"]),
        ("*/20 * * * *", ["2026-11-24 10:40", "2026-11-24 11:00"]),
        ("5/20 * * * *", ["2026-11-24 10:45", "2026-11-24 11:05"]),
        ("0 9-17/4 * * *", ["2026-11-24 13:00", "2026-11-24 17:00"]),
        ("0,15 0 1 jan,JUL ?", ["2027-01-01 00:00", "2027-01-01 00:15"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 * * Mon-Wed", ["2026-11-25 00:00", "2026-11-30 00:00"]),
        ("0 0 * * 0", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("59 23 31 12 *", ["2026-12-31 23:59", "2027-12-31 23:59"]),
    ],
)
def test_the_next_times(line: str, expected: list[str]) -> None:
    assert upcoming(line, "2026-11-24 10:30", 2) == expected


def test_day_of_month_and_day_of_week_both_given_means_either() -> None:
    assert upcoming("0 0 13 * fri", "2026-11-01", 3) == ["2026-11-06 00:00", "2026-11-13 00:00", "2026-11-20 00:00"]
    assert upcoming("0 0 10 * mon", "2026-11-01", 3) == ["2026-11-02 00:00", "2026-11-09 00:00", "2026-11-10 00:00"]


def test_a_stepped_star_counts_as_given_a_plain_one_does_not() -> None:
    assert upcoming("0 0 */10 * mon", "2026-11-01", 3) == ["2026-11-02 00:00", "2026-11-09 00:00", "2026-11-11 00:00"]
    assert upcoming("0 0 */1 * mon", "2026-11-01", 2) == ["2026-11-02 00:00", "2026-11-09 00:00"]


def test_a_zone_decides_the_hour() -> None:
    schedule = parse("30 8 * * *", "Asia/Seoul")
    assert schedule.next_after(datetime(2026, 11, 24, 12, tzinfo=UTC)) == datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


def test_a_minute_that_summer_time_skips_does_not_tick() -> None:
    assert upcoming("30 2 * * *", "2026-03-28 00:00", 2, "Europe/Berlin") == [
        "2026-03-28 02:30 +0100",
        "2026-03-30 02:30 +0200",
    ]


def test_a_minute_that_comes_twice_ticks_twice() -> None:
    assert upcoming("30 2 * * *", "2026-10-25 00:00", 3, "Europe/Berlin") == [
        "2026-10-25 02:30 +0200",
        "2026-10-25 02:30 +0100",
        "2026-10-26 02:30 +0100",
    ]


def test_half_hour_zones_and_half_hour_summer_time() -> None:
    assert upcoming("0 9 * * *", "2026-11-24 10:00", 1, "Asia/Kolkata") == ["2026-11-25 09:00 +0530"]
    assert upcoming("15 2 * * *", "2026-10-03 12:00", 2, "Australia/Lord_Howe") == [
        "2026-10-05 02:15 +1100",
        "2026-10-06 02:15 +1100",
    ]


@given(
    st.sampled_from(["7 * * * *", "*/7 1-5 * * *", "0 0 1,15 * 1", "30 2 * 3,10 sun", "59 23 28-31 2 *"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(["UTC", "Asia/Seoul", "Europe/Berlin", "America/St_Johns"]),
)
def test_the_next_time_is_the_first_minute_that_matches(line: str, moment: datetime, zone: str) -> None:
    schedule = parse(line, zone)
    found = schedule.next_after(moment.replace(tzinfo=UTC))
    assert found > moment.replace(tzinfo=UTC)
    assert schedule.next_after(found - timedelta(seconds=1)) == found
    assert schedule.next_after(found) > found
    middle = moment.replace(tzinfo=UTC) + (found - moment.replace(tzinfo=UTC)) / 2
    assert schedule.next_after(middle) == found


@pytest.mark.parametrize(
    ("line", "zone", "message"),
    [
        ("* * * *", "UTC", "has 4 fields"),
        ("60 * * * *", "UTC", "minute: '60' is not within 0-59"),
        ("* * 0 * *", "UTC", "day of month"),
        ("* * * * 7", "UTC", "day of week"),
        ("5-1 * * * *", "UTC", "minute"),
        ("*/0 * * * *", "UTC", "step"),
        ("a * * * *", "UTC", "not understood"),
        ("1,,2 * * * *", "UTC", "not understood"),
        ("* * * * *", "Mars/Base", "no time zone"),
        ("* * * * *", "../etc", "no time zone"),
    ],
)
def test_a_wrong_line_is_refused_with_its_fault(line: str, zone: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(line, zone)


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="never comes"):
        parse("0 0 31 2 *").next_after(datetime(2026, 1, 1, tzinfo=UTC))


def test_only_every_minute_is_every_minute() -> None:
    assert parse("* * * * *").every_minute
    assert parse("*/1 0-23 * ? *").every_minute
    assert not parse("*/2 * * * *").every_minute
    assert not parse("* * * * 1-5").every_minute


def test_every_cron_trigger_of_the_map_has_a_job() -> None:
    names = {p.name for p in flow.processes() if any(isinstance(t, flow.Cron) for t in p.function.on)}
    assert {job.process.name for job in ticker.jobs(0)} == names


async def posted(statuses: list[int], monkeypatch: pytest.MonkeyPatch) -> tuple[list[dict[str, str]], str]:
    """Run a job until its tick at the start is decided; what the function saw, and the result."""
    monkeypatch.setattr(ticker, "RETRY_SECONDS", (0.0,) * 5)
    seen: list[dict[str, str]] = []

    async def function(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line))
        assert await reader.readexactly(2) == b"{}"
        status = statuses[min(len(seen), len(statuses)) - 1]
        writer.write(b"HTTP/1.1 %d -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        writer.close()

    async with await asyncio.start_server(function, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()[1]
        process = next(p for p in flow.processes() if p.name == "schedule")
        job = Job(process, parse("* * * * *"), Targets([Address("127.0.0.1", address)]))
        runner = Ticker(CronSettings())
        task = asyncio.ensure_future(runner.run(job))
        async with asyncio.timeout(60):
            while job.last_result == "none yet":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()
        await runner.close()
    return seen, job.last_result


async def test_a_tick_is_a_cloud_event_sent_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, result = await posted([204], monkeypatch)
    assert result == "ok"
    assert len(seen) == 1
    assert seen[0]["ce-type"] == "com.ims.tick.v1"
    assert seen[0]["ce-source"] == "/cron/schedule"
    assert seen[0]["content-type"] == "application/json"
    assert len(seen[0]["ce-id"]) == 36


@pytest.mark.parametrize("status", [404, 413, 425, 429, 502, 503, 504])
async def test_these_answers_are_tried_five_times_more_with_the_same_id(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, result = await posted([status], monkeypatch)
    assert (len(seen), result) == (6, str(status))
    assert len({headers["ce-id"] for headers in seen}) == 1


@pytest.mark.parametrize("status", [400, 409, 500, 501])
async def test_other_failures_are_not(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, result = await posted([status], monkeypatch)
    assert (len(seen), result) == (1, str(status))


async def test_a_second_try_may_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, result = await posted([503, 200], monkeypatch)
    assert (len(seen), result) == (2, "ok")
