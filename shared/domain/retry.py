"""When things are tried again: reports to the client, hops to a vendor, and questions about uncertain sends."""

from __future__ import annotations

REPORT_RETRIES = 10
"""Retries of a report, so eleven tries; after the last the client asks by message id."""
REPORT_UNIT_S = 60.0
"""The minute of the schedule; a setting scales it (IMS_RETRY_UNIT_SECONDS)."""
REPORT_LIFE_S = 24 * 3600
"""After its first failure a report is given up, whatever a breaker put off."""

HOP_RETRIES: dict[str, tuple[int, ...]] = {"auth": (2, 5)}
"""Seconds until each new hop after a code of class R, by lane; a one-time password cannot wait minutes."""
HOP_RETRIES_DEFAULT: tuple[int, ...] = (10, 60, 300)

POLL_AFTER_S: tuple[int, ...] = (2, 5, 15, 60)
"""Seconds after a call became uncertain at which its vendor is asked what became of it."""


def report_delay_s(failed_try: int, unit_s: float = REPORT_UNIT_S) -> float | None:
    """Seconds from failed try n (from 1) to the next, (n² - n + 1) units; None when that was the last try."""
    if failed_try < 1:
        raise ValueError(f"tries count from 1, not {failed_try}")
    if failed_try > REPORT_RETRIES:
        return None
    return (failed_try * failed_try - failed_try + 1) * unit_s


def next_report_due(failed_try: int, failed_ms: int, unit_s: float = REPORT_UNIT_S) -> int | None:
    """When the try after failed try n is due; None when the report is exhausted."""
    delay = report_delay_s(failed_try, unit_s)
    return None if delay is None else failed_ms + round(delay * 1000)


def report_exhausted(tries: int, first_failed_ms: int | None, now_ms: int) -> bool:
    """Whether a report that failed `tries` times, first at `first_failed_ms`, is given up."""
    if tries > REPORT_RETRIES:
        return True
    return first_failed_ms is not None and now_ms - first_failed_ms >= REPORT_LIFE_S * 1000


def hop_retry_delay_s(lane: str, retries_done: int) -> int | None:
    """Seconds until the next new hop after a retryable failure; None when the lane's retries are used up."""
    delays = HOP_RETRIES.get(lane, HOP_RETRIES_DEFAULT)
    return delays[retries_done] if retries_done < len(delays) else None


def next_poll_at(uncertain_ms: int, attempt: int) -> int | None:
    """When question number `attempt` (from 1) about an uncertain send is due; None when only a receipt can tell."""
    return uncertain_ms + POLL_AFTER_S[attempt - 1] * 1000 if attempt <= len(POLL_AFTER_S) else None
