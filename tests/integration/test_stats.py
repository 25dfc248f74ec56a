"""Statistics in a server that speaks MongoDB's protocol: exact whatever comes twice, late, or in another order."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from starlette.exceptions import HTTPException

from local.probes import HOST
from local.servers import mongodb
from shared.domain.events import Accepted, Finished, PlanHop, Recipient, Report, Request
from shared.domain.ids import LANES, message_id
from shared.insight import histogram
from shared.insight.store import Insight
from shared.runtime import settings
from shared.runtime.clock import iso, new_request_id
from shared.runtime.context import Context
from shared.runtime.settings import InsightSettings
from tests.integration.test_people import ask
from tests.integration.test_rights import Pair, add_key
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair
from tests.ports import free_port
from tests.wiring.functions import loaded

Json = dict[str, Any]
START = 1_780_272_000_000
"""2026-06-01T00:00:00Z."""
ENDS = {"delivered": "0000", "failed": "4001", "expired": "0301", "canceled": "0302"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(mongodb.command(port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    found = f"mongodb://{HOST}:{port}/ims"
    with MongoClient[Any](found, serverSelectionTimeoutMS=60_000) as client:
        client.admin.command("ping")
    yield found
    process.terminate()
    process.wait(30)


@pytest.fixture
def insight(address: str, ims: Context, monkeypatch: pytest.MonkeyPatch) -> Insight:
    monkeypatch.setenv("IMS_MONGODB_URL", address)
    settings.reset()
    made = Insight(settings.load(InsightSettings))
    for name in ("messages", "dirty", "minutes", "hours"):
        made._db[name].drop()
    ims.__dict__["insight"] = made
    return made


class Traffic:
    """Events of an account's messages, and what a count of them must say."""

    def __init__(self, account_id: int, seed: int = 1) -> None:
        self.account_id, self._random = account_id, random.Random(seed)
        self.events: list[Accepted | Finished] = []
        self.truth: Counter[tuple[int, str, str]] = Counter()

    def add(self, at: int, count: int, lane: str = "realtime", test: bool = False, wait: float = 0.1) -> None:
        request_id = new_request_id(at)
        people = [Recipient(n=n, to="01012345678", type="sms") for n in range(1, count + 1)]
        request = Request(
            request_id=request_id.hex, account_id=self.account_id, username="x", lane=lane, test=test, accepted_at=at,
            plan=[PlanHop(channel="mt", content={})], total=count, messages=people,
        )  # fmt: skip
        self.events.append(Accepted(lane=lane, requests=[request]))
        for n in range(1, count + 1):
            end = "waiting" if self._random.random() < wait else self._random.choice(list(ENDS))
            if not test:
                self.truth[at // 3_600_000 * 3_600_000, lane, end] += 1
            if end != "waiting":
                self.events.append(self._end(at, str(message_id(request_id, n, lane)), lane, end))

    def _end(self, at: int, name: str, lane: str, end: str) -> Finished:
        data = {
            "message_id": name, "channel": "mt", "type": "sms", "status": end, "code": ENDS[end],
            "hops": [{"vendor": "solapi"}], "price": "8.40" if end == "delivered" else "0.00",
            "accepted_at": iso(at), "finished_at": iso(at + 1000),
        }  # fmt: skip
        report = Report(account_id=self.account_id, username="x", callback_uri=None, data=data)
        return Finished(lane=lane, reports=[report])


async def analyzed(ims: Context, events: list[Accepted | Finished]) -> None:
    receive = loaded("analyze").receive
    for event in events:
        attributes = {"specversion": "1.0", "id": os.urandom(8).hex(), "type": event.TYPE, "source": "/test"}
        await receive(attributes, event.model_dump_json(exclude_defaults=True).encode())


async def client_of(ims: Context, pair: Pair, kind: str = "live") -> Any:
    token = await ims.db(add_key, kind, pair.client.account_id, scopes='["account:read"]')
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def get(path: str) -> Any:
        return await ask("GET", path, None, headers)

    return get


async def test_sums_are_exact_with_every_event_twice_and_in_any_order(
    ims: Context, pair: Pair, insight: Insight
) -> None:
    traffic = Traffic(pair.client.account_id)
    for hour in (0, 1, 3):
        for lane in LANES:
            traffic.add(START + hour * 3_600_000 + random.Random(hour).randrange(3_600_000), 40, lane)
    events = [*traffic.events, *traffic.events]
    random.Random(7).shuffle(events)
    await analyzed(ims, events)
    get = await client_of(ims, pair)
    answer = await get(f"/v1/stats?by=lane,status&step=hour&since={iso(START)}&until={iso(START + 4 * 3_600_000)}")
    assert answer.status == 200, answer.body
    found = Counter(
        {
            (START + hour * 3_600_000, item["lane"], item["status"]): item["accepted"]
            for hour in range(4)
            for item in answer.body["items"]
            if item["at"] == iso(START + hour * 3_600_000) and item["accepted"]
        }
    )
    assert found == traffic.truth
    assert [i["accepted"] for i in answer.body["items"] if i["at"] == iso(START + 2 * 3_600_000)] == [0]
    whole = (await get(f"/v1/stats?step=day&since={iso(START)}&until={iso(START + 1)}")).body["items"]
    (day,) = whole
    ends = (*ENDS, "waiting")
    assert day["accepted"] == sum(day[end] for end in ends) == sum(traffic.truth.values())
    delivered = sum(n for (_, _, end), n in traffic.truth.items() if end == "delivered")
    assert (day["delivered"], day["price"]) == (delivered, f"{delivered * 8.4:.2f}")
    assert abs(day["latency_ms"]["p50"] - 1000) < 60


async def test_what_ends_later_moves_from_waiting_to_its_end(ims: Context, pair: Pair, insight: Insight) -> None:
    traffic = Traffic(pair.client.account_id)
    traffic.add(START, 5, wait=0)
    await analyzed(ims, traffic.events[:1])
    get = await client_of(ims, pair)
    path = f"/v1/stats?step=minute&since={iso(START)}&until={iso(START + 60_000)}"
    (before,) = (await get(path)).body["items"]
    assert (before["accepted"], before["waiting"], before["latency_ms"]["p50"]) == (5, 5, None)
    await analyzed(ims, traffic.events)
    (after,) = (await get(path)).body["items"]
    assert (after["accepted"], after["waiting"]) == (5, 0)


async def test_test_keys_see_theirs_and_others_nothing(ims: Context, pair: Pair, insight: Insight) -> None:
    traffic = Traffic(pair.client.account_id)
    traffic.add(START, 3, test=True)
    await analyzed(ims, traffic.events)
    path = f"/v1/stats?since={iso(START)}&until={iso(START + 60_000)}"
    live, test = await client_of(ims, pair), await client_of(ims, pair, "test")
    assert (await live(path)).body["items"][0]["accepted"] == 0
    assert (await test(path)).body["items"][0]["accepted"] == 3
    other = {"authorization": f"Bearer {pair.other}"}
    assert (await ask("GET", path, None, other)).body["items"][0]["accepted"] == 0
    admin = {"authorization": f"Bearer {await ims.db(add_key, 'admin', None)}"}
    name = pair.client.username
    of_any = await ask("GET", f"/v1/admin/stats{path.removeprefix('/v1/stats')}&username={name}&test=true", None, admin)
    assert of_any.body["items"][0]["accepted"] == 3
    assert (await ask("GET", "/v1/admin/stats", None, admin)).status == 422
    assert (await ask("GET", "/v1/admin/stats?username=nobody-here", None, admin)).status == 404


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("by=colour", "/by"),
        ("step=week", "/step"),
        ("since=2026-06-01", "/since"),
        ("since=2026-06-02T00:00:00Z&until=2026-06-01T00:00:00Z", "/since"),
        ("step=minute&since=2026-06-01T00:00:00Z&until=2026-06-02T00:00:00Z", "/since"),
        ("sum=1", "/sum"),
    ],
)
async def test_a_fault_names_its_parameter(
    ims: Context, pair: Pair, insight: Insight, query: str, pointer: str
) -> None:
    get = await client_of(ims, pair)
    answer = await get(f"/v1/stats?{query}")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, pointer)


async def test_days_are_koreas(ims: Context, pair: Pair, insight: Insight) -> None:
    traffic = Traffic(pair.client.account_id)
    traffic.add(START + 14 * 3_600_000 + 3_599_000, 1, wait=0)
    traffic.add(START + 15 * 3_600_000, 2, wait=0)
    await analyzed(ims, traffic.events)
    get = await client_of(ims, pair)
    answer = (await get(f"/v1/stats?step=day&since={iso(START)}&until={iso(START + 20 * 3_600_000)}")).body
    assert [(i["at"], i["accepted"]) for i in answer["items"]] == [
        ("2026-05-31T15:00:00.000Z", 1),
        ("2026-06-01T15:00:00.000Z", 2),
    ]
    assert (answer["time_zone"], answer["complete"]) == ("Asia/Seoul", True)


async def test_a_server_that_is_away_is_503_and_leaves_the_event_to_its_source(
    ims: Context, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMS_MONGODB_URL", f"mongodb://{HOST}:{free_port()}/ims")
    monkeypatch.setenv("IMS_MONGODB_TIMEOUT_SECONDS", "0.2")
    settings.reset()
    ims.__dict__["insight"] = Insight(settings.load(InsightSettings))
    get = await client_of(ims, pair)
    assert (await get("/v1/stats")).status == 503
    traffic = Traffic(pair.client.account_id)
    traffic.add(START, 1)
    with pytest.raises(HTTPException) as refused:
        await analyzed(ims, traffic.events)
    assert refused.value.status_code == 503
    monkeypatch.setenv("IMS_MONGODB_URL", "")
    settings.reset()
    ims.__dict__["insight"] = Insight(settings.load(InsightSettings))
    assert (await get("/v1/stats")).kind == "no-statistics"
    await analyzed(ims, traffic.events)


def test_old_messages_and_windows_are_swept(insight: Insight) -> None:
    insight.accepted([(os.urandom(16), {"w": f"1:{START}", "t": False, "l": "auth"}, {"s": "waiting"})])
    insight.count()
    day = 86_400_000
    insight.sweep(START + 40 * day)
    assert insight._db.messages.count_documents({}) == insight._db.minutes.count_documents({}) == 0
    assert insight._db.hours.count_documents({}) == 1
    insight.sweep(START + 801 * day)
    assert insight._db.hours.count_documents({}) == 0


def test_percentiles_of_merged_histograms_are_near_the_truth() -> None:
    times = [random.Random(5).lognormvariate(6, 1) for _ in range(1)] + [n**1.5 for n in range(1, 5000)]
    halves = (times[::2], times[1::2])
    merged = histogram.merged(
        {str(k): v for k, v in Counter(histogram.bucket(int(t)) for t in half).items()} for half in halves
    )
    for part in histogram.PERCENTILES:
        truth = sorted(times)[int(len(times) * part / 100)]
        found = histogram.percentile(merged, part)
        assert found is not None
        assert abs(found - truth) <= 0.06 * truth
    assert histogram.percentile({}, 50) is None
    assert json.dumps(merged)
