"""The bench's arithmetic and tables; what it measures is never a test's business."""

from __future__ import annotations

import base64
import json
import math
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the bench is not installed with the package

from bench import cpu, figures, output, plot, sizes
from bench.attack import SHAPES
from bench.figures import Beside, Figure, Target
from bench.load import FIRST_NUMBER, Work, body, number_of
from bench.run import Results, Run
from bench.scenarios import ORDER, chosen
from bench.scenarios.accept import Round, single_figures
from bench.scenarios.cold import Start
from bench.scenarios.cold import figures as cold_figures
from bench.scenarios.growth import flatness, statements
from bench.scenarios.limits import accepted
from bench.scenarios.otp import _arrivals
from bench.scenarios.otp import figures as otp_figures
from bench.scenarios.profile import is_ours, short, summarise
from bench.scenarios.retry import figures as retry_figures
from bench.sink import Sink, verified

META = {
    "at": "2026-01-01T00:00:00+00:00", "commit": "abc1234", "cores": 2, "cpu": "a processor", "memory_gb": 24.0,
    "python": "3.11.7", "mode": "default", "scale": 1.0, "load_average": 0.2,
}  # fmt: skip
SECRET = f"whsec_{base64.b64encode(b'0' * 24).decode()}"


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    found = figures.percentile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-9
    assert sum(v < found for v in values) < share * len(values) + 1e-9


def test_percentiles_of_nothing_are_no_number() -> None:
    assert math.isnan(figures.percentile([], 0.5))
    assert math.isnan(figures.histogram_percentile({}, 0.99))
    assert math.isnan(figures.micros_each(1, 0))


def test_a_percentile_of_a_histogram_is_its_bucket_s_bound() -> None:
    assert figures.histogram_percentile({0.1: 90, 0.5: 99, 1.0: 100, math.inf: 100}, 0.99) == 0.5
    assert figures.histogram_percentile({0.1: 90, math.inf: 100}, 0.99) == math.inf


def test_targets_point_in_their_direction() -> None:
    assert Target(350).met(350)
    assert not Target(350).met(351)
    assert Target(0.5, at_least=True).met(0.6)
    assert [str(Target(1200)), str(Target(0.5, at_least=True))] == ["≤ 1,200", "≥ 0.50"]


def test_a_figure_is_a_multiple_of_the_limit_beside_it() -> None:
    figure = Figure("bulk", "CPU", 300, "µs a message", Target(350), Beside("MySQL alone", 100))
    assert (figure.ratio, figure.met) == (3, True)
    assert figures.cells(figure) == ("CPU", "300", "µs a message", "≤ 350", "yes", "MySQL alone: 100", "3", "")
    assert Figure("bulk", "CPU", 1, "s").met is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.123, "0.12"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234567, "1,234,567"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert figures.number(value) == text


def test_the_document_keeps_all_but_what_stands_between_the_marks() -> None:
    text = f"before\n{figures.BEGIN}\nold\n{figures.END}\nafter\n"
    assert figures.between(text, "new\n") == f"before\n{figures.BEGIN}\n\nnew\n\n{figures.END}\nafter\n"
    with pytest.raises(ValueError, match="marks"):
        figures.between("no marks", "new")


def test_the_document_has_the_marks_and_names_every_scenario() -> None:
    text = output.DOCUMENT.read_text()
    assert figures.between(text, "x")
    assert all(f"`{name}`" in text for name in ORDER)


def test_cpu_counts_from_the_start_of_a_process_that_was_started_anew() -> None:
    kinds = {"route": "function", "kafka": "server", "simulator": "simulator"}
    before = {"route": (1, 5.0), "kafka": (2, 7.0), "simulator": (3, 1.0)}
    after = {"route": (9, 2.0), "kafka": (2, 10.0), "simulator": (3, 2.0)}
    used = cpu.between(before, after, kinds)
    assert used.seconds == {"route": 2.0, "kafka": 3.0, "simulator": 1.0}
    assert used.of() == 5.0
    assert used.each(1000) == {"kafka": 3000.0, "route": 2000.0, "simulator": 1000.0}


def test_a_scaled_run_keeps_its_shape() -> None:
    small = sizes.DEFAULT.scaled(0.01)
    assert small.bulk == 500
    assert small.growth == (500, 1000)
    assert small.rounds == sizes.DEFAULT.rounds
    assert sizes.DEFAULT.scaled(10).large == 10_000
    assert set(sizes.as_dict(small)) == set(sizes.as_dict(sizes.FULL))


def test_rows_that_would_fill_the_disk_are_refused() -> None:
    assert sizes.rows_that_fit(100_000_000, 50_000_000_000) == 0
    assert sizes.rows_that_fit(1_000_000, 50_000_000_000) == 1_000_000


def test_load_sends_every_recipient_once_and_none_is_magic() -> None:
    work = Work("http://127.0.0.1:1/", "key", messages=1_250, per_request=500, first=7, lane="bulk")
    bodies = [json.loads(b) for b in work.bodies()]
    assert [len(b["recipients"]) for b in bodies] == [500, 500, 250]
    assert {r["to"] for b in bodies for r in b["recipients"]} == {number_of(n) for n in range(7, 1_257)}
    assert not any(number_of(n).startswith("0109000") for n in range(0, 200_000_000, 999))
    assert orjson.loads(body(0, 1, "auth"))["recipients"] == [{"to": f"0{FIRST_NUMBER}"}]


def test_the_sink_believes_only_good_signatures_and_counts_repetitions() -> None:
    sink, webhook = Sink(SECRET), Webhook(SECRET)
    content = orjson.dumps({"data": {"reports": [{"message_id": m, "status": "delivered"} for m in ("a", "b", "a")]}})
    assert sink.take(_signed(webhook, content), content) == 204
    assert sink.take(_signed(webhook, content) | {"webhook-id": "other"}, content) == 401
    found = sink.stats()
    assert (found["reports"], found["unique"], found["duplicates"], found["unverified"]) == (3, 2, 1, 1)
    assert found["statuses"] == {"delivered": 3}


def test_a_password_is_there_when_the_handset_got_it() -> None:
    items = [{"to": "01012345678", "at": "1970-01-01T00:00:01.500Z", "at_ms": 1500}]
    run = SimpleNamespace(bed=SimpleNamespace(simulator=lambda method, path, to: {"items": items}))
    assert _arrivals(cast(Run, run), {"01012345678": 1000.0}) == [500.0]


def test_the_sink_refuses_old_and_missing_signatures() -> None:
    headers = _signed(Webhook(SECRET), b"{}")
    raw = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert verified(raw, headers, b"{}", time.time())
    assert not verified(raw, headers, b"{}", time.time() + 3600)
    assert not verified(raw, headers, b"{ }", time.time())
    assert not verified(raw, {}, b"{}", time.time())


def _signed(webhook: Webhook, content: bytes) -> dict[str, str]:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    signature = webhook.sign("m1", now, content.decode())
    return {"webhook-id": "m1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


def test_acceptance_is_compared_round_by_round() -> None:
    api = [Round(500, 1, 0, 0.1, 1, 5), Round(600, 1, 0, 0.12, 1, 6), Round(800, 1, 1, 0.1, 1, 7)]
    echo = [Round(1000, 1, 0, 0.05, 1, 2)] * 3
    ratio, rate, micros, late, errors = single_figures(api, echo, "wrk")
    assert (ratio.value, ratio.met) == (0.6, True)
    assert (rate.value, micros.value, late.value) == (600, 200, 6)
    assert micros.ratio == 4
    assert (errors.value, errors.met) == (1, False)


def test_latencies_become_percentiles() -> None:
    found = {f.what: f for f in otp_figures([10, 11, 12], [20, 30, 150], 1000, 400)}
    assert found["one OTP, accept → vendor, idle: p50"].met
    assert not found["one OTP in a bulk flood: p99"].met
    retried = {f.what: f.value for f in retry_figures([5, 7], {0.01: 1, 0.5: 2, math.inf: 2}, 3, 10, 0)}
    assert retried["report retry lateness, due → claimed: p99 is at most"] == 500
    assert retried["report retries missing"] == 1


def test_cold_starts_name_the_slowest_and_the_largest_function() -> None:
    found = {"route": Start(300, 400, 20, 25, 90), "schedule": Start(350, 500, None, None, 70)}
    slowest, wall, memory, work = cold_figures(found, 200, 40)
    assert (slowest.note, slowest.value, slowest.met, wall.value) == ("schedule", 350, True, 500)
    assert (memory.note, memory.met, memory.ratio) == ("route", False, 2.25)
    assert (work.note, work.value) == ("route", 20)


def test_growth_is_flat_when_the_most_messages_cost_as_much_as_the_fewest() -> None:
    assert flatness([(1_000, 300.0), (10_000, 280.0), (100_000, 330.0)]).met
    assert not flatness([(1_000, 300.0), (100_000, 400.0)]).met


def test_the_bare_event_carries_a_full_batch() -> None:
    event = accepted(0)
    assert len(event.requests[0].messages) == 500
    assert event.topic == "ims.accepted.bulk"


def test_what_json_cannot_say_becomes_null() -> None:
    assert Figure("bulk", "CPU", math.nan, "µs").as_json()["value"] is None
    assert figures.finite(math.inf) is None


def test_synthetic_rows_have_ids_of_sixteen_bytes() -> None:
    messages, hops = statements(1_700_000_000_000, 100, 5_000)
    assert "LPAD(HEX(1700000000000 + n), 12, '0'), '7ABC8', LPAD(HEX(5000 + n), 15, '0')" in messages
    assert messages.count("n < 100") == hops.count("n < 100") == 1


def test_a_profile_shows_the_dearest_process_first_and_our_code_apart() -> None:
    ours, theirs = "/x/shared/stores/sql.py:10:rows", "/x/site-packages/pymysql/connections.py:5:query"
    sampled = {"samples": 10, "own": {ours: 4, theirs: 6}, "total": {ours: 9, theirs: 6}}
    found = summarise({"store": sampled, "route": sampled}, {"store": 10.0, "route": 20.0})
    assert list(found) == ["route", "store"]
    assert found["route"]["own"][0] == ("pymysql/connections.py:5 query", 0.6)
    assert found["route"]["with callees"] == [(short(ours), 0.9)]
    assert is_ours(ours)
    assert not is_ours(theirs)


def test_a_run_leaves_a_table_numbers_a_profile_and_a_picture(tmp_path: Path) -> None:
    results = Results(
        [Figure("bulk", "CPU", 300, "µs a message", Target(350))],
        {"bulk": {"route": 100.0, "kafka": 200.0, "sink": 50.0, "cron": 0.1}},
        {"route": "function", "kafka": "server", "sink": "sink", "cron": "source"},
        {"growth": [(1000, 310.0), (10000, 300.0)], "otp_idle_ms": [8.0, 9.0]},
        {"otp": "TimeoutError: no"},
        {
            "bulk": {
                "messages": 10,
                "processes": summarise({"route": {"samples": 1, "own": {}, "total": {}}}, {"route": 1}),
            }
        },
    )
    output.write(tmp_path, results, META, complete=False)
    plot.draw(tmp_path / "plot.png", results, "a run")
    table = (tmp_path / "table.md").read_text()
    assert "| CPU | 300 | µs a message | ≤ 350 | yes |" in table
    assert "| sink (apart) | 50 |" in table
    assert "| **all that counts** | 300 |" in table
    assert "- otp: TimeoutError: no" in table
    assert json.loads((tmp_path / "latest.json").read_text())["figures"][0]["met"] is True
    assert "## route: 1 µs a message" in (tmp_path / "profile.md").read_text()
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_busy_machine_is_said_first() -> None:
    assert "busy" in output.header({**META, "load_average": 3.0})
    assert "busy" not in output.header(META)


def test_small_parts_of_a_bar_become_others() -> None:
    assert plot.parts({"route": 90, "cron": 1, "sink": 9}, ["route", "cron"]) == {"route": 90, "others": 1}


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_an_attacker_s_body_is_about_as_long_as_was_asked(shape: str) -> None:
    assert 900_000 < len(SHAPES[shape](1_000_000)) <= 1_000_000


def test_the_attacker_s_good_body_would_be_accepted() -> None:
    found = orjson.loads(SHAPES["good"](2_000_000))
    assert len({recipient["to"] for recipient in found["recipients"]}) == 10_000


def test_hold_means_every_attack() -> None:
    assert chosen("hold") == [name for name in ORDER if name.startswith("hold-")]
    assert chosen("accept,hold-silent,nothing") == ["accept", "hold-silent", "nothing"]
    assert chosen("") == list(ORDER)
