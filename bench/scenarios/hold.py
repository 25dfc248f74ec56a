"""What others notice of a hostile or heavy caller: each attack's figure beside the same load without it.

A scenario of this group is an entry of SCENARIOS in a module `hold_….py`; its name begins with `hold-`, and
`--only hold` runs them all. `Others` is the load that must not suffer: one-time passwords of another client, timed
from the request to the signed report.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2

from bench.attack import Attack, encode
from bench.bed import Client, get, wait
from bench.figures import Beside, Figure, Target, percentile
from bench.load import body
from bench.run import Run
from bench.scenarios.road import client_with_sink
from local.home import ROOT

EVERY_S = 0.1
SETTLE_S = 60.0
FIRST_OTP = 65_000_000
"""Recipients that no load uses."""
OTHERS_TARGET = Target(250)


class Others:
    """One-time passwords of a client of its own, one each 100 ms; `times` are milliseconds from request to report."""

    def __init__(self, run: Run, client: Client, sink: str) -> None:
        self._run, self._client, self._sink = run, client, sink
        self._next = FIRST_OTP
        self.refused = 0

    def times(self, count: int, what: str, lane: str = "auth") -> list[float]:
        """Send `count` of them and wait for the reports."""
        sent: dict[str, float] = {}
        headers = {"authorization": f"Bearer {self._client.key}", "content-type": "application/json"}
        limits = httpx2.Limits(max_connections=64)
        with (
            self._run.step(f"others, {what}", count) as advance,
            httpx2.Client(
                base_url=self._run.bed.demo["gateway"],
                headers=headers,
                timeout=SETTLE_S,
                trust_env=False,
                limits=limits,
            ) as http,
        ):
            threads = []
            due = time.monotonic()
            for n in range(count):
                time.sleep(max(0.0, due - time.monotonic()))
                due += EVERY_S
                thread = threading.Thread(target=self._one, args=(http, sent, lane))
                thread.start()
                threads.append(thread)
                advance(n + 1)
            for thread in threads:
                thread.join()
        return self._reported(sent)

    def _one(self, http: httpx2.Client, sent: dict[str, float], lane: str) -> None:
        self._next += 1
        content, at = body(self._next, 1, lane), time.time() * 1000
        try:
            answer = http.post("/v1/mt/messages", content=content)
        except httpx2.HTTPError:
            self.refused += 1
            return
        if answer.status_code == 202:
            sent[answer.json()["messages"][0]["message_id"]] = at
        else:
            self.refused += 1

    def _reported(self, sent: dict[str, float]) -> list[float]:
        known: dict[str, float] = {}

        def all_there() -> bool:
            known.update(get(f"{self._sink}/times"))
            return sent.keys() <= known.keys()

        wait(all_there, SETTLE_S, "the others' reports", 0.5)
        return [known[name] - at for name, at in sent.items()]


@contextlib.contextmanager
def others(run: Run) -> Iterator[Others]:
    """Another client with its callback; the first passwords, which warm everything up, are sent already."""
    with client_with_sink(run, 1) as (client, sink, _):
        made = Others(run, client, sink)
        made.times(10, "warm-up")
        yield made


class Attacking:
    """An attack under way; `answers` are known after it."""

    def __init__(self, attack: Attack) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.attack"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert self._process.stdin
        self._process.stdin.write(encode(attack))
        self._process.stdin.close()
        self._seconds = attack.seconds

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._process.poll() is None

    def result(self) -> dict[str, Any]:
        """What was answered, once it is over."""
        self._process.wait(self._seconds + 120)
        assert self._process.stdout
        found: dict[str, Any] = json.loads(self._process.stdout.read() or b"{}")
        return found

    def __enter__(self) -> Attacking:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self._process.kill()
            self._process.wait()


def beside(run: Run, them: Others, calm: list[float], attack: Attack, what: str) -> None:
    """The others' p99 within an attack, beside theirs without it."""
    with Attacking(attack) as going:
        time.sleep(1.0)
        times = them.times(run.sizes.hold, what)
        answers = going.result()
    told = ", ".join(f"{count:,} × {answer}" for answer, count in sorted(answers.items()))
    run.results.samples[f"hold_{what}_ms"] = times
    run.results.add(figure(what, times, calm, f"attacker was answered: {told}; others refused: {them.refused}"))
    them.refused = 0


def figure(what: str, times: list[float], calm: list[float], note: str = "", target: Target = OTHERS_TARGET) -> Figure:
    """The p99 of what others notice of an attack."""
    calmly = Beside("without it", percentile(calm, 0.99))
    return Figure(
        "hold", f"{what}: others' OTP, request → report: p99", percentile(times, 0.99), "ms", target, calmly, note
    )


def with_key(client: Client, **more: str) -> dict[str, str]:
    """Headers of a client's JSON request."""
    return {"authorization": f"Bearer {client.key}", "content-type": "application/json", **more}


def seconds(run: Run) -> float:
    """How long an attack must last to cover the others' passwords."""
    return run.sizes.hold * EVERY_S + 3.0
