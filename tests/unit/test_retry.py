"""The retry schedule of reports, hops and polls, and the defaults of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import defaults, lanes, retry

KST = timezone(timedelta(hours=9))
MOMENTS = st.integers(0, 4_102_444_800_000)


def test_reports_are_retried_ten_times_at_the_published_moments() -> None:
    delays = [retry.report_delay_s(n) for n in range(1, 12)]
    assert delays == [60, 180, 420, 780, 1260, 1860, 2580, 3420, 4380, 5460, None]


@given(st.integers(1, 10), MOMENTS, st.floats(0.001, 120))
def test_the_unit_scales_the_whole_schedule(failed: int, now: int, unit: float) -> None:
    due = retry.next_report_due(failed, now, unit)
    assert due == now + round((failed * failed - failed + 1) * unit * 1000)


@given(st.integers(1, 9))
def test_each_retry_waits_longer_than_the_one_before(failed: int) -> None:
    assert (retry.report_delay_s(failed) or 0) < (retry.report_delay_s(failed + 1) or 0)


def test_the_whole_schedule_fits_into_the_life_of_a_report() -> None:
    assert sum(retry.report_delay_s(n) or 0 for n in range(1, 11)) < retry.REPORT_LIFE_S


def test_tries_count_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        retry.report_delay_s(0)


@pytest.mark.parametrize(
    ("tries", "age_s", "exhausted"),
    [(1, 0, False), (10, 0, False), (11, 0, True), (1, 24 * 3600 - 1, False), (1, 24 * 3600, True)],
)
def test_a_report_is_exhausted_after_eleven_tries_or_a_day(tries: int, age_s: int, exhausted: bool) -> None:
    assert retry.report_exhausted(tries, 1_000, 1_000 + age_s * 1000) is exhausted
    assert retry.report_exhausted(0, None, 10**15) is False


def test_hops_are_retried_by_their_lane_and_then_no_more() -> None:
    def all_delays(lane: str) -> list[int | None]:
        return [retry.hop_retry_delay_s(lane, done) for done in range(4)]

    assert all_delays("auth") == [2, 5, None, None]
    for lane in ("realtime", "bulk", "ad"):
        assert all_delays(lane) == [10, 60, 300, None]


def test_an_uncertain_send_is_asked_about_four_times() -> None:
    assert [retry.next_poll_at(0, n) for n in range(1, 6)] == [2_000, 5_000, 15_000, 60_000, None]


@given(MOMENTS)
def test_the_night_window_is_2050_to_0800_in_korea(ms: int) -> None:
    here = datetime.fromtimestamp(ms / 1000, KST)
    night = (here.hour, here.minute) >= (20, 50) or here.hour < 8
    assert defaults.in_night_window(ms) is night


@given(MOMENTS)
def test_an_ad_leaves_now_or_at_the_next_eight_in_the_morning(ms: int) -> None:
    leaves = defaults.next_ad_time(ms)
    assert not defaults.in_night_window(leaves)
    if defaults.in_night_window(ms):
        here = datetime.fromtimestamp(leaves / 1000, KST)
        assert (here.hour, here.minute, here.second) == (8, 0, 0)
        assert ms < leaves <= ms + 670 * 60_000
    else:
        assert leaves == ms


def test_the_edges_of_the_night() -> None:
    def at(hour: int, minute: int, second: int = 0) -> int:
        return int(datetime(2026, 3, 1, hour, minute, second, tzinfo=KST).astimezone(UTC).timestamp() * 1000)

    assert not defaults.in_night_window(at(20, 49, 59))
    assert defaults.in_night_window(at(20, 50))
    assert defaults.in_night_window(at(7, 59, 59))
    assert not defaults.in_night_window(at(8, 0))


def test_validity_is_three_minutes_in_auth_and_else_the_longest_receipt_time_out() -> None:
    assert defaults.valid_until("auth", 0, ["lms"]) == 180_000
    assert defaults.valid_until("bulk", 0, ["sms"]) == 25 * 3_600_000
    assert defaults.valid_until("bulk", 0, ["sms", "lms"]) == 80 * 3_600_000
    assert defaults.receipt_timeout_s("alimtalk") == 24 * 3600


def test_waits_and_failover_follow_the_lane() -> None:
    assert [defaults.hop_wait_s(lane) for lane in lanes.LANES] == [15, 300, 300, 300]
    assert [lanes.on_uncertain(lane, None) for lane in lanes.LANES] == ["failover", "wait", "wait", "wait"]
    assert lanes.on_uncertain("auth", "wait") == "wait"
