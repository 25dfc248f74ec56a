"""A channel and three vendors that no file of the product knows: from this folder alone, over the in-memory road."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.testing import Platform
from shared import channels
from shared.accepting.endpoint import endpoint
from shared.domain.events import Dispatch, Event, Poll
from shared.runtime import Route, event_function, http_function, settings
from shared.runtime.context import Context, use
from shared.sending import send
from shared.vendors import registry
from tests.integration.seams import pigeon
from tests.memory import Json, Road

ROOT = Path(__file__).resolve().parents[3]
FOLDER = "tests.integration.seams"
VENDORS = ("hooked", "pullme", "single")


async def send_pigeon(event: Dispatch | Poll, ims: Context) -> list[Event]:
    """The sender of the channel, as short as those of the map."""
    return await send(event, ims)


class World:
    """The vendors' side: what was called, and what they say."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.tokens, self.good = 0, {"t2"}
        self.refuses: dict[str, str] = {}
        self.waiting: list[Json] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content) if request.content else None
        vendor, path = request.url.host.split(".")[0], request.url.path
        if path == "/token":
            self.tokens += 1
            return httpx2.Response(200, json={"token": f"t{self.tokens}"})
        if vendor == "single" and request.headers.get("authorization") not in self.good:
            return httpx2.Response(401, json={})
        self.calls.append((vendor + path, body))
        if path == "/fly":
            return httpx2.Response(200, json={"birds": [self._fly(b, f"{vendor}-{b['ref']}") for b in body["birds"]]})
        if path == "/back":
            return httpx2.Response(200, json={"birds": self.waiting})
        if path == "/thanks":
            self.waiting = [b for b in self.waiting if b["ring"] not in body]
            return httpx2.Response(200, json={})
        return httpx2.Response(200, json={"groupInfo": {}, "failedMessageList": []})

    def _fly(self, bird: Json, ring: str) -> Json:
        raw = self.refuses.get(bird["to"], "")
        self.waiting.append({"ring": ring, "state": "delivered", "raw": "home"})
        return {"ref": bird["ref"], "state": "failed" if raw else "sent", "raw": raw or "up", "ring": ring}

    def flown(self, vendor: str) -> list[list[Json]]:
        """The birds of each call to a vendor."""
        return [body["birds"] for name, body in self.calls if name == f"{vendor}/fly"]


@pytest.fixture
def known() -> Iterator[None]:
    """The channel and its vendors are registered while a test runs."""
    channels.register("pigeon", f"{FOLDER}.pigeon")
    for vendor in VENDORS:
        registry.register(vendor, "pigeon", f"{FOLDER}.{vendor}")
    registry.register("hooked", "mt", f"{FOLDER}.hooked_texts")
    yield
    del channels.MODULES["pigeon"]
    for key in [(vendor, "pigeon") for vendor in VENDORS] + [("hooked", "mt")]:
        del registry.MODULES[key]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def road(servers: Platform, known: None, world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Road]:
    demo = servers.demo
    monkeypatch.setenv("IMS_MYSQL_URL", demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", demo["redis"].rpartition("/")[0])
    settings.reset()
    ims = Context("memory")
    use(ims)
    sends = event_function(send_pigeon)
    accepts = http_function([Route("POST", "/v1/pigeon/messages", endpoint(pigeon.CHANNEL), "messages:send")])
    made = Road(ims, world, {"/v1/pigeon/": accepts, "ims.send.pigeon.realtime": sends, "ims.send.pigeon.bulk": sends})
    yield made
    await ims.redis.state.aclose()
    ims.db.close()
    settings.reset()


def notes(*to: str, **fields: Any) -> Json:
    return {"note": "come home", "recipients": [{"to": one} for one in to], **fields}


def ends(road: Road) -> list[tuple[str, str, str]]:
    return [(r["channel"], r["status"], r["code"]) for r in road.callbacks.reports]


async def test_a_vendor_with_webhooks_carries_a_new_channel(road: Road, world: World) -> None:
    road.vendors(("hooked", "pigeon", {"secret": "s"}))
    accepted = await road.send("/v1/pigeon/messages", notes("loft:A", "loft:b"))
    assert [m["type"] for m in accepted["messages"]] == ["note", "note"]
    ((one, two),) = world.flown("hooked")
    assert (one["to"], one["note"]) == ("loft:a", "come home")
    hook = json.dumps({"birds": [{**b, "state": "delivered", "raw": "home"} for b in (one, two)]}).encode()
    assert (await road.post("/v1/receipts/hooked/main", hook, {"x-secret": "no"})).status_code == 401
    assert (await road.post("/v1/receipts/hooked/main", hook, {"x-secret": "s"})).content == b"coo"
    await road.run()
    assert ends(road) == [("pigeon", "delivered", "0000")] * 2
    assert {r["price"] for r in road.callbacks.reports} == {"3.00"}


async def test_a_vendor_that_must_be_asked_is_pulled_published_and_then_confirmed(road: Road, world: World) -> None:
    road.vendors(("pullme", "pigeon", {}))
    await road.send("/v1/pigeon/messages", notes("loft:a"))
    assert ends(road) == []
    assert await road.collect("pullme", "pigeon") == 1
    assert ends(road) == [("pigeon", "delivered", "0000")]
    assert [name for name, _ in world.calls] == ["pullme/fly", "pullme/back", "pullme/thanks"]
    assert await road.collect("pullme", "pigeon") == 0


async def test_a_vendor_of_one_recipient_a_call_with_a_token_that_was_refused_once(road: Road, world: World) -> None:
    road.vendors(("single", "pigeon", {}))
    await road.send("/v1/pigeon/messages", notes(*(f"loft:{n}" for n in range(40))))
    assert [len(birds) for birds in world.flown("single")] == [1] * 40
    assert len({birds[0]["to"] for birds in world.flown("single")}) == 40
    assert world.tokens == 2
    assert ends(road) == [("pigeon", "delivered", "0000")] * 40


async def test_a_hop_without_an_address_is_skipped_and_shown(road: Road, world: World) -> None:
    road.vendors(("hooked", "pigeon", {"secret": "s"}), ("solapi", "mt", {"api_key": "k", "api_secret": "s"}))
    world.refuses["loft:a"] = "noloft"
    text = {"channel": "mt", "sender": "0215441234", "text": "come home"}
    accepted = await road.send("/v1/pigeon/messages", notes("loft:a", fallback=[text]))
    (report,) = road.callbacks.reports
    hops = [(h["channel"], h["vendor"], h["status"], h["code"]) for h in report["hops"]]
    assert hops == [("pigeon", "hooked", "failed", "2004"), ("mt", None, "skipped", "2005")]
    assert (report["status"], report["code"]) == ("failed", "2004")
    found = await road.trail(accepted["messages"][0]["message_id"])
    assert [(s["hop"], s["code"]) for s in found["trail"] if s["state"] == "skipped"] == [(2, "2005")]
    assert [name for name, _ in world.calls] == ["hooked/fly"]


@pytest.mark.parametrize(
    ("person", "code"),
    [
        ({"to": "nowhere", "variables": {"x": "a"}}, "1001"),
        ({"to": "loft:a", "variables": {"x": "long" * 9}}, "1002"),
    ],
)
async def test_who_a_later_hop_reaches_is_accepted_and_the_first_is_passed_over(
    road: Road, world: World, person: Json, code: str
) -> None:
    road.vendors(("hooked", "pigeon", {"secret": "s"}), ("solapi", "mt", {"api_key": "k", "api_secret": "s"}))
    text = {"channel": "mt", "sender": "0215441234", "text": "#{x}"}
    person = {**person, "addresses": {"mt": "010-1234-5678"}}
    body = {"note": "#{x}", "recipients": [person], "fallback": [text]}
    dry = (await road.post("/v1/pigeon/messages?dry_run=true", json.dumps(body).encode())).json()
    assert [(s["channel"], s["code"]) for s in dry["messages"][0]["skipped"]] == [("pigeon", code)]
    accepted = await road.send("/v1/pigeon/messages", body)
    (message,) = accepted["messages"]
    assert (message["type"], accepted["rejected"]) == ("sms", [])
    ((name, told),) = world.calls
    assert name.startswith("solapi/")
    assert told["messages"][0]["to"] == "01012345678"
    found = await road.trail(message["message_id"])
    assert (found["state"], found["channel"], found["type"]) == ("sent", "mt", "sms")
    assert [(h["channel"], h["status"], h["code"]) for h in found["hops"]] == [
        ("pigeon", "skipped", code), ("mt", "sent", "0000"),
    ]  # fmt: skip


async def test_who_no_hop_reaches_is_refused_with_the_first_hops_fault(road: Road) -> None:
    text = {"channel": "mt", "sender": "0215441234", "text": "come home"}
    answer = await road.post("/v1/pigeon/messages", json.dumps(notes("nowhere", fallback=[text])).encode())
    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/recipients/0/to", "1001")]


async def test_a_webhook_counts_for_the_channel_of_the_hop_whichever_reads_it(road: Road, world: World) -> None:
    road.vendors(("hooked", "mt", {"secret": "s"}), ("hooked", "pigeon", {"secret": "s"}))
    await road.send("/v1/pigeon/messages", notes("loft:a"))
    text = {"sender": "0215441234", "text": "hello", "recipients": [{"to": "01012345678"}]}
    await road.send("/v1/mt/messages", text)
    birds = [bird for call in world.flown("hooked") for bird in call]
    hook = json.dumps({"birds": [{**b, "state": "failed", "raw": "noloft"} for b in birds]}).encode()
    await road.post("/v1/receipts/hooked/main", hook, {"x-secret": "s"})
    await road.run()
    assert sorted(ends(road)) == [("mt", "failed", "4001"), ("pigeon", "failed", "2004")]


def test_no_file_of_the_product_knows_them() -> None:
    words = [word for name in ("pigeon", *VENDORS) for word in ("-e", f"['\"]{name}['\"]")]
    told = subprocess.run(["grep", "-rnlE", *words, "shared", "functions"], cwd=ROOT, capture_output=True, check=False)
    assert told.stdout == b""
