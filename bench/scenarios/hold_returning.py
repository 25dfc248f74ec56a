"""A callback host that was away returns: how soon it is opened up, and what another host notices of it."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager

from bench.bed import Client, Load, address, get, wait
from bench.cpu import Process
from bench.figures import Beside, Figure, Target, percentile
from bench.run import Run, Scenario
from bench.scenarios.hold import figure, others

OPENED_S = 10.0
SECONDS_A_REPORT = 0.05
BESIDE = 2
"""The port of the host that was away, behind the other sink's."""


def returning(run: Run) -> None:
    """Reports of a client whose host is away wait; it returns while another client sends one-time passwords."""
    port = run.bed.platform.options.ports["sink"] + BESIDE
    client = run.bed.client(address(port, "/reports"), 1)
    with others(run) as them:
        calm = them.times(run.sizes.hold, "calm")
        _send(run, client)
        _wait_for_all(run, client)
        times: list[float] = []
        thread = threading.Thread(target=lambda: times.extend(them.times(run.sizes.hold, "a host returns")))
        thread.start()
        returned = time.time()
        with _sink(run, client, port):
            _arrived(run, port, "reports after the return")
            at = sorted(moment / 1000 - returned for moment in get(f"{address(port)}/times").values())
        thread.join()
        there_s = _while_there(run, client, port)
    _tell(run, at, there_s)
    run.results.add(figure("a host returns", times, calm, f"others refused: {them.refused}"))


def _tell(run: Run, at: list[float], there_s: float) -> None:
    run.results.samples["hold_returning_s"] = at
    count = len(at)
    late = percentile(at, 0.5)
    run.results.add(
        Figure("hold", "a host returns: its first report", at[0], "s", Target(OPENED_S)),
        Figure("hold", f"a host returns: half of {count:,} waiting reports", late, "s"),
        Figure(
            "hold",
            f"a host returns: the last of {count:,} waiting reports",
            at[-1],
            "s",
            Target(OPENED_S + there_s),
            Beside("the same reports while it is there", there_s),
            "the target is 10 s and the time that the same reports take while the host is there",
        ),
    )


def _while_there(run: Run, client: Client, port: int) -> float:
    """Seconds from the first report to the last of the same load while the host is there."""
    with _sink(run, client, port):
        _send(run, client)
        _arrived(run, port, "reports while the host is there")
        stats = get(f"{address(port)}/stats")
    return float(stats["last_ms"] - stats["first_ms"]) / 1000


def _sink(run: Run, client: Client, port: int) -> AbstractContextManager[Process]:
    return run.bed.run("sink-returning", "bench.sink", "--secret", client.secret, port=port)


def _send(run: Run, client: Client) -> None:
    with Load(run.bed.work(client, run.sizes.returning, 500, lane="realtime")) as load:
        load.result()


def _wait_for_all(run: Run, client: Client) -> None:
    """Until every message has ended, and its report waits: the host's breaker has put it off."""
    counted = "SELECT COUNT(*) FROM messages WHERE account_id = %s AND finished_ms IS NOT NULL AND reported_ms IS NULL"

    def all_wait() -> bool:
        ((waiting,),) = run.bed.sql(counted, client.account_id)
        return int(waiting) >= run.sizes.returning

    with run.step("reports that wait for a host", run.sizes.returning):
        wait(all_wait, 120 + run.sizes.returning * SECONDS_A_REPORT, "the reports to wait", 0.5)
        time.sleep(OPENED_S)


def _arrived(run: Run, port: int, what: str) -> None:
    with run.step(what, run.sizes.returning) as advance:

        def all_there() -> bool:
            unique = int(get(f"{address(port)}/stats")["unique"])
            advance(unique)
            return unique >= run.sizes.returning

        wait(all_there, 120 + run.sizes.returning * SECONDS_A_REPORT, what, 0.25)


SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "hold-returning": ("a callback host that was away returns", returning),
}
