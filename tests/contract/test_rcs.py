"""RCS: what a client may ask, and what its two vendors make of it, against their simulated APIs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.channels.acceptance import Acceptance, accept
from shared.channels.common import AccountView, FileInfo, Identity, InvalidRequest, Template
from shared.channels.rcs import CHANNEL, formats
from shared.channels.rcs.formats import FORMATS
from shared.channels.wanting import wanted
from shared.domain import codes, ids
from shared.domain.errors import ImsError, Rejected, Unavailable
from shared.vendors.base import Answer, Outbound, Pulled, VendorResult
from shared.vendors.nhn.rcs import KINDS, NhnRcs
from shared.vendors.registry import REGISTRY
from shared.vendors.solapi.rcs import SolapiRcs
from simulator.vendors import nhn_rcs, solapi_rcs
from tests.contract.test_fuzzed_fields import bend, fits
from tests.contract.vendor_bench import Bench, nonce, now_ms, reference, running_bench

NHN, SOLAPI = NhnRcs(), SolapiRcs()
BOTH = pytest.mark.parametrize("adapter", [NHN, SOLAPI], ids=["nhn", "solapi"])
Json = dict[str, Any]
IMAGE = "0197f6b0-0000-7000-8000-000000000001"
VIEW = AccountView(
    1,
    "demo",
    frozenset({"0215441234", "15991234"}),
    files={
        IMAGE: FileInfo("image/jpeg", 10_000, 568, 336),
        "large": FileInfo("image/jpeg", formats.MEDIA_BYTES + 1, 568, 336),
        "pdf": FileInfo("application/pdf", 10, None, None),
    },
    identities={
        ("rcs", "brand", "demo-brand"): Identity("approved"),
        ("rcs", "brand", "other-brand"): Identity("approved"),
        ("rcs", "brand", "new-brand"): Identity("pending"),
        ("rcs", "chatbot", "0215441234"): Identity("approved", {"brand_id": "demo-brand"}),
    },
    templates={
        ("rcs", "ORDER"): Template(3, "approved", {"text": "#{name}님, 주문 #{order} 발송", "format": "description"}),
        ("rcs", "IMAGE"): Template(1, "approved", {"text": "#{name} 할인", "format": "OMHITV0001"}),
        ("rcs", "NEW"): Template(1, "in_review", {"text": "곧"}),
        ("rcs", "FREE"): Template(1, "approved", {"text": "", "format": "free"}),
    },
)
URL = {"type": "URL", "name": "열기", "url": "https://shop.example/1"}
BUTTONS: list[Json] = [
    URL,
    {"type": "DIALER", "name": "전화", "phone": "02-1544-1234"},
    {"type": "COMPOSE", "name": "문자", "phone": "0215441234", "text": "문의"},
    {"type": "CLIPBOARD", "name": "복사", "text": "1234"},
    {"type": "MAP_SHOW", "name": "지도", "latitude": 37.5, "longitude": "127.0", "label": "본점"},
    {"type": "MAP_QUERY", "name": "찾기", "query": "본점"},
    {"type": "MAP_SHARE", "name": "위치"},
    {"type": "CALENDAR", "name": "일정", "start": "2030-01-01T09:00:00+09:00", "end": "2030-01-01T10:00:00+09:00",
     "title": "방문"},
]  # fmt: skip


def body(name: str = "SS000000", **changes: Any) -> Json:
    """A sound request of a format."""
    form = FORMATS.get(name)
    made: Json = {"brand_id": "demo-brand", "chatbot_id": "0215441234", "recipients": [{"to": "01012345678"}]}
    if form is None:
        return {**made, "template_code": name, **changes}
    made["format"] = name
    if form.cards:
        made["cards"] = [{"title": f"제목 {n}", "text": f"카드 {n}", "media": IMAGE} for n in range(form.cards)]
    else:
        made["text"] = "안녕하세요"
        if form.media:
            made["media"] = IMAGE
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


def accepted(asked: Json) -> Acceptance:
    request = ids.request_id(now_ms(), 7)
    return accept(CHANNEL, json.dumps(asked).encode(), account=VIEW, now_ms=now_ms(), request_id=request, test=False)


def faults(asked: Json) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as raised:
        accepted(asked)
    assert raised.value.status == 422
    return [(fault.pointer, fault.code) for fault in raised.value.errors]


def outbound(asked: Json, to: str = "01012345678", **changes: Any) -> Outbound:
    """The message that a request makes of one recipient."""
    found = accepted({**asked, "recipients": [{**asked["recipients"][0], "to": "01012345678"}]}).request
    hop, message = found.plan[0], found.messages[0]
    payload = CHANNEL.render(hop.content, message.vars)
    files = [b"\xff\xd8 picture" for _ in payload.files]
    made = Outbound(reference(), to, CHANNEL.measure(payload).type, found.lane, payload, files)
    return replace(made, **changes)


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running_bench() as made:
        yield made


# --- what a client may ask --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_accepted_with_all_that_it_may_hold(name: str) -> None:
    form = FORMATS[name]
    buttons = [{**URL, "name": "가" * form.name}] * form.buttons
    if form.cards:
        room = formats.CARD_TEXTS // form.cards
        card = {"title": "가" * form.title, "text": "나" * room, "media": IMAGE, "buttons": buttons}
        asked = body(name, cards=[card] * form.cards)
    else:
        asked = body(
            name, text="나" * form.text, buttons=buttons, **({"title": "가" * form.title} if form.title else {})
        )
    found = accepted(asked)
    assert found.request.messages[0].type == (formats.LONG_CARDS if form.cards else form.type)
    assert found.request.plan[0].content["format"] == name


@pytest.mark.parametrize("name", FORMATS)
def test_each_limit_exceeded_by_one_is_a_fault_of_its_field(name: str) -> None:
    form = FORMATS[name]
    at = "/cards/0" if form.cards else ""

    def with_(**part: Any) -> Json:
        asked = body(name)
        (asked["cards"][0] if form.cards else asked).update(part)
        return asked

    too_long = faults(with_(text="가" * (form.text + 1)))
    assert (f"{at}/text", "1002") in too_long
    if form.title:
        assert faults(with_(title="가" * (form.title + 1))) == [(f"{at}/title", "1002")]
    else:
        assert faults(with_(title="제목")) == [("/title", "conflict")]
    assert faults(with_(buttons=[URL] * (form.buttons + 1))) == [(f"{at}/buttons", "range")]
    assert faults(with_(buttons=[{**URL, "name": "가" * (form.name + 1)}])) == [(f"{at}/buttons/0/name", "1002")]
    if form.media:
        assert faults(with_(media=None)) == [(f"{at}/media", "required")]
        assert faults(with_(media="large")) == [(f"{at}/media", "1002")]
        assert faults(with_(media="pdf")) == [(f"{at}/media", "4004")]
        assert faults(with_(media="none")) == [(f"{at}/media", "not_found")]
        assert faults(with_(media=[IMAGE, IMAGE])) == [(f"{at}/media", "range")]
    else:
        assert faults(with_(media=IMAGE)) == [("/media", "conflict")]
    if form.cards:
        cards = body(name)["cards"]
        assert faults(body(name, cards=cards[1:])) == [("/cards", "range")]
        assert faults(body(name, cards=[*cards, cards[0]])) == [("/cards", "range")]
        assert faults(body(name, text="밖")) == [("/text", "conflict")]
        room = formats.CARD_TEXTS // form.cards + 1
        assert faults(body(name, cards=[{**card, "text": "가" * room} for card in cards])) == [("/cards", "1002")]
    else:
        assert ("/text", "required") in faults(with_(text=" "))
        assert faults(with_(cards=[{"text": "카드"}])) == [("/cards", "conflict")]


def test_characters_are_counted_not_bytes_and_after_filling() -> None:
    accepted(body(text="한" * 100))
    accepted(body(text="😀" * 100))
    asked = body(text="가" * 97 + "#{name}", recipients=[{"to": "01012345678", "variables": {"name": "김하나"}}])
    assert accepted(asked).request.messages[0].type == "rcs_sms"
    more = [("01012345678", "김하나둘"), ("01022223333", "김")]
    asked["recipients"] = [{"to": to, "variables": {"name": name}} for to, name in more]
    found = accepted(asked)
    assert [(r.index, r.code, r.pointer) for r in found.rejected] == [(0, "1002", "/recipients/0/variables")]


def test_a_carousel_goes_where_its_cards_fit() -> None:
    assert accepted(body("CMwMhM0300")).request.messages[0].type == "rcs_cards"
    assert accepted(body("CMwMhM0200")).request.messages[0].type == formats.LONG_CARDS, "NHN takes three and more"
    cards = [{"text": "가" * 31, "media": IMAGE}] * 3
    assert accepted(body("CMwMhM0300", cards=cards)).request.messages[0].type == "rcs_cards"
    assert accepted(body("CMwShS0300", cards=cards)).request.messages[0].type == formats.LONG_CARDS
    assert formats.LONG_CARDS not in NHN.types


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"chatbot_id": "01012345678"}, "/chatbot_id", "2003"),
        ({"chatbot_id": "15991234"}, "/chatbot_id", "2003"),
        ({"chatbot_id": "hello"}, "/chatbot_id", "2003"),
        ({"chatbot_id": None}, "/chatbot_id", "required"),
        ({"brand_id": "other-brand"}, "/chatbot_id", "2003"),
        ({"brand_id": "new-brand"}, "/brand_id", "2003"),
        ({"brand_id": "unknown"}, "/brand_id", "2003"),
        ({"brand_id": None}, "/brand_id", "required"),
        ({"format": "SS00000"}, "/format", "range"),
        ({"format": "RPCSAXX001"}, "/format", "range"),
        ({"format": None}, "/format", "required"),
        ({"template_code": "ORDER"}, "/template_code", "conflict"),
        ({"ad": {"optout": "0801234567"}}, "/ad", "conflict"),
        ({"lane": "ad"}, "/ad", "1008"),
        ({"lane": "ad", "ad": {"optout": "0212345678"}}, "/ad/optout", "1008"),
        ({"lane": "ad", "ad": {"optout": "080-1234-567"}}, "/ad/optout", "1008"),
        ({"format": "RPSSAXX001", "copy_allowed": True}, "/copy_allowed", "conflict"),
        ({"format": "RPSSAXX001", "buttons": [BUTTONS[3]]}, "/buttons/0/type", "conflict"),
        ({"format": "RPSSAXX001", "lane": "ad", "text": "할인"}, "/text", "1008"),
    ],
)
def test_who_speaks_and_how_is_checked_at_its_field(changes: Json, pointer: str, code: str) -> None:
    assert (pointer, code) in faults(body(**changes))


def test_a_chatbot_may_be_written_with_hyphens() -> None:
    found = accepted(body(chatbot_id="02-1544-1234"))
    assert found.request.plan[0].content["chatbot_id"] == "0215441234"
    wants = wanted(CHANNEL, json.dumps(body("CMwMhM0300", chatbot_id="02-1544-1234")).encode())["rcs"]
    assert wants.identities == {("brand", "demo-brand"), ("chatbot", "0215441234")}
    assert wants.files == {IMAGE}


@pytest.mark.parametrize("button", BUTTONS, ids=lambda b: b["type"])
def test_each_kind_of_button_and_its_limits(button: Json) -> None:
    accepted(body(buttons=[button]))
    for name, limit in {"url": 2048, "text": 200, "label": 200, "query": 200, "title": 17}.items():
        if name in button:
            most = formats.COMPOSE_TEXT if (button["type"], name) == ("COMPOSE", "text") else limit
            given = "https://a.example/" if name == "url" else ""
            accepted(body(buttons=[{**button, name: given.ljust(most, "가" if name != "url" else "a")}]))
            long = {**button, name: given.ljust(most + 1, "가" if name != "url" else "a")}
            assert faults(body(buttons=[long])) == [(f"/buttons/0/{name}", "1002")]
    assert faults(body(buttons=[{**button, "color": "red"}]))[0] == ("/buttons/0/color", "unknown_field")
    other = "phone" if button["type"] not in ("DIALER", "COMPOSE") else "query"
    assert faults(body(buttons=[{**button, other: "1"}])) == [(f"/buttons/0/{other}", "conflict")]


@pytest.mark.parametrize(
    ("button", "field"),
    [
        ({"type": "URL", "name": "열기", "url": "javascript:alert(1)"}, "url"),
        ({"type": "DIALER", "name": "전화", "phone": "call me"}, "phone"),
        ({"type": "MAP_SHOW", "name": "지도", "latitude": 91, "longitude": 0}, "latitude"),
        ({**BUTTONS[7], "start": "2030-01-01"}, "start"),
    ],
)
def test_a_button_that_no_handset_could_follow_is_refused(button: Json, field: str) -> None:
    assert faults(body(buttons=[button])) == [(f"/buttons/0/{field}", "format")]


def test_templates_are_those_of_the_account_that_are_approved() -> None:
    people = [{"to": "01012345678", "variables": {"name": "김하나", "order": "A-1"}}]
    found = accepted(body("ORDER", recipients=people))
    assert found.request.messages[0].type == "rcs_template"
    payload = outbound(body("ORDER", recipients=people)).payload
    assert dict(payload.params) == {"name": "김하나", "order": "A-1"}
    assert payload.text == "김하나님, 주문 A-1 발송"
    assert faults(body("NEW")) == [("/template_code", "2001")]
    assert faults(body("NONE")) == [("/template_code", "2001")]
    assert faults(body("ORDER", recipients=people, text="다른 말")) == [("/text", "2002")]
    assert ("/template_code", "1008") in faults(
        body("ORDER", recipients=people, lane="ad", ad={"optout": "0801234567"})
    )
    assert accepted(body("IMAGE", recipients=people, lane="ad", ad={"optout": "0801234567"}))
    assert outbound(body("FREE", text="자유")).payload.text == "자유"
    assert faults(body("FREE", text="가" * 91)) == [("/text", "1002")]


@pytest.mark.parametrize(("lane", "expiry"), [("auth", 2), ("realtime", 3), ("bulk", 1)])
def test_the_carriers_expiry_follows_the_lane(lane: str, expiry: int) -> None:
    assert accepted(body(lane=lane)).request.plan[0].content["expiry"] == expiry


def test_advertisements_have_a_footer_but_unified_ones_say_it_themselves() -> None:
    asked = outbound(body(lane="ad", ad={"optout": "080-123-4567"}))
    assert asked.payload.footer == "080-123-4567"
    said = "(광고) 데모상점 할인 무료수신거부 080-123-4567"
    unified = outbound(body("RPSSAXX001", lane="ad", text=said, ad={"optout": "0801234567"}))
    assert (unified.payload.footer, unified.payload.text) == ("", said)


# --- what the vendors make of it --------------------------------------------------------------------------------------


async def upload(bench: Bench, adapter: Any, message: Outbound) -> Outbound:
    """The message with its files at the vendor."""
    calls = adapter.uploads(bench.account(adapter), message, now_ms(), nonce())
    return replace(message, file_ids=[adapter.read_upload(await bench.call(call)) for call in calls])


@BOTH
@pytest.mark.parametrize("name", [*FORMATS, "ORDER"])
async def test_what_a_vendor_carries_arrives_as_it_was_said(adapter: Any, name: str, bench: Bench) -> None:
    people = [{"to": "01012345678", "variables": {"name": "김하나", "order": "A-1"}}]
    buttons = {} if name == "ORDER" or FORMATS[name].cards else {"buttons": [URL]}
    message = outbound(body(name, recipients=people, **buttons))
    if message.type not in adapter.types:
        assert adapter is NHN
        return
    message = await upload(bench, adapter, message)
    (answer,) = (await bench.sent(adapter, message)).values()
    assert (answer.state, answer.reference) == ("sent", message.reference)
    (shown,) = (await bench.get("/received"))["items"]
    assert (shown["channel"], shown["vendor"], shown["to"], shown["sender"]) == (
        "rcs",
        adapter.name,
        message.to,
        "0215441234",
    )
    assert len(shown["media"]) == len(message.files)
    if name != "ORDER":
        assert shown["text"] == message.payload.text
        assert len(shown["buttons"]) == len(message.payload.cards[0].buttons)
        assert len(shown["cards"]) in (0, 1, len(message.payload.cards))


@BOTH
async def test_all_buttons_are_known_to_the_vendor(adapter: Any, bench: Bench) -> None:
    for button in BUTTONS:
        (answer,) = (await bench.sent(adapter, outbound(body(buttons=[button])))).values()
        assert answer.state == "sent", button


async def end_of(adapter: Any, bench: Bench, to: str) -> tuple[str, str]:
    message = outbound(body(), to)
    try:
        (answer,) = (await bench.sent(adapter, message)).values()
    except Rejected as error:
        return "failed", error.code
    if answer.state == "failed":
        return answer.state, answer.code
    if adapter is SOLAPI:
        (receipt,) = await bench.receipts(adapter)
        return receipt.state, receipt.code
    results, _ = await pulled(bench)
    (told,) = [r for r in results if r.vendor_ref == answer.vendor_ref]
    return told.state, told.code


@pytest.mark.parametrize("ims", nhn_rcs.RAW_CODES)
async def test_each_magic_number_of_nhn_gives_its_code(ims: str, bench: Bench) -> None:
    assert await end_of(NHN, bench, f"0109000{ims}") == ("failed", ims)


@pytest.mark.parametrize("ims", solapi_rcs.RAW_CODES)
async def test_each_magic_number_of_solapi_gives_its_code(ims: str, bench: Bench) -> None:
    assert await end_of(SOLAPI, bench, f"0109000{ims}") == ("failed", ims)


@BOTH
async def test_a_code_that_the_channel_does_not_have_is_delivered(adapter: Any, bench: Bench) -> None:
    assert await end_of(adapter, bench, "01090005001") == ("delivered", "0000")


@BOTH
def test_every_raw_code_maps_to_an_ims_code_of_the_table(adapter: Any) -> None:
    assert REGISTRY[adapter.name, "rcs"].codes == adapter.codes
    assert adapter.types <= adapter.prices.keys()
    for raw, row in adapter.codes.items():
        assert row.ims in codes.CODES, raw
        assert row.ims != codes.DELIVERED, raw
    assert all(codes.fails_over(adapter.codes[raw].ims) for raw in ("54001", "54002", "41101", "54003", "41212"))


async def test_solapi_never_fails_over_by_itself(bench: Bench) -> None:
    call = SOLAPI.send(
        bench.account(SOLAPI), [outbound(body(lane="ad", ad={"optout": "0801234567"}))], now_ms(), nonce()
    )
    (message,) = json.loads(call.body)["messages"]
    assert message["rcsOptions"]["disableSms"] is True
    assert message["rcsOptions"]["commercialType"] is True
    call = NHN.send(bench.account(NHN), [outbound(body(lane="ad", ad={"optout": "0801234567"}))], now_ms(), nonce())
    asked = json.loads(call.body)
    assert (asked["isFallback"], asked["isAd"], asked["unsubscribeNumber"]) == (False, True, "0801234567")


# --- NHN: looked for by words, pulled for results ---------------------------------------------------------------------


async def pulled(bench: Bench, cursor: str | None = None) -> tuple[list[VendorResult], str | None]:
    """One round: pulls until nothing more waits."""
    account, results = bench.account(NHN), []
    for _ in range(40):
        answer = await bench.call(NHN.pull(account, cursor, now_ms(), nonce()))
        found = NHN.read_pull(account, replace(answer, cursor=cursor), now_ms())
        results += found.results
        cursor = found.cursor
        assert NHN.confirm(account, found, now_ms(), nonce()) is None
        if not found.more:
            return results, cursor
    raise AssertionError("it never ends")


async def test_a_round_tells_every_kind_and_asks_for_codes_once(bench: Bench) -> None:
    sent = {}
    for asked, to in (
        (body(), "01011111111"), (body("SL000000"), "01090002004"), (body("CMwMhM0300"), "01022222222"),
        (body("FREE", text="자유"), "01090004004"),
    ):  # fmt: skip
        message = await upload(bench, NHN, outbound(asked, to))
        (answer,) = (await bench.sent(NHN, message)).values()
        sent[answer.vendor_ref] = to
    results, cursor = await pulled(bench)
    assert {sent[r.vendor_ref]: (r.state, r.code, r.raw_code) for r in results} == {
        "01011111111": ("delivered", "0000", "2000"), "01022222222": ("delivered", "0000", "2000"),
        "01090002004": ("failed", "2004", "54002"), "01090004004": ("failed", "4004", "41212"),
    }  # fmt: skip
    calls = (await bench.get("/stats"))["vendors"]["nhn"]["calls"]
    again, cursor = await pulled(bench, cursor)
    assert {r.state for r in again} == {"delivered"}, "rounds overlap, but a failure's code is not asked for again"
    assert (await bench.get("/stats"))["vendors"]["nhn"]["calls"] == calls + len(KINDS)


async def test_a_result_is_told_only_once_it_is_there(bench: Bench) -> None:
    await bench.behave(receipt_delay_ms=60_000)
    await bench.sent(NHN, outbound(body()))
    assert (await pulled(bench))[0] == []


async def test_a_page_is_followed_by_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.vendors.nhn.rcs.PAGE", 2)
    for n in range(5):
        await bench.sent(NHN, outbound(body(), f"0101111111{n}"))
    results, _ = await pulled(bench)
    assert len({r.vendor_ref for r in results}) == 5


async def look_up(bench: Bench, message: Outbound) -> VendorResult | None:
    call = NHN.look_up(bench.account(NHN), message, now_ms() - 1000, now_ms(), nonce())
    assert call is not None
    return NHN.read_look_up(message, await bench.call(call))


async def test_a_message_without_an_answer_is_found_by_number_and_words(bench: Bench) -> None:
    lost = outbound(body(text="잃어버린 말"))
    assert await look_up(bench, lost) is None
    await bench.sent(NHN, outbound(body(text="다른 말")))
    await bench.sent(NHN, outbound(body(text="잃어버린 말"), "01087654321"))
    assert await look_up(bench, lost) is None
    (answer,) = (await bench.sent(NHN, lost)).values()
    found = await look_up(bench, lost)
    assert found is not None
    assert (found.state, found.vendor_ref) == ("delivered", answer.vendor_ref)
    await bench.sent(NHN, replace(lost, reference=reference()))
    with pytest.raises(Unavailable, match="2 messages"):
        await look_up(bench, lost)
    assert NHN.look_up(bench.account(NHN), replace(lost, payload=None), 1, 2, "n") is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_answers_and_lists_with_odd_fields_break_nothing(data: st.DataObject) -> None:
    async def sample() -> tuple[Outbound, list[Answer]]:
        async with running_bench() as bench:
            message, account = outbound(body()), bench.account(NHN)
            sent = await bench.send(NHN, [message])
            listed = await bench.call(NHN.pull(account, None, now_ms(), "n"))
            await bench.sent(NHN, outbound(body(), "01090002004"))
            ref = json.loads(sent.body)["messageId"]
            return message, [sent, listed, await bench.call(NHN.pull(account, _asking(ref), now_ms(), "n"))]

    message, (sent, listed, detail) = _samples.get("nhn") or _samples.setdefault("nhn", asyncio.run(sample()))
    now = now_ms()
    for answer, read in (
        (sent, lambda a: NHN.read_send([message], a, now)),
        (listed, lambda a: [r for r in [NHN.read_look_up(message, a)] if r]),
        (listed, lambda a: _results(NHN.read_pull(None, a, now))),  # type: ignore[arg-type]
        (replace(detail, cursor=_asking("x1")), lambda a: _results(NHN.read_pull(None, a, now))),  # type: ignore[arg-type]
    ):
        bent = replace(answer, body=bend(data, json.loads(answer.body)))
        try:
            results = read(bent)
        except ImsError:
            continue
        for result in results:
            fits(result, now)


_samples: dict[str, tuple[Outbound, list[Answer]]] = {}


def _asking(ref: str) -> str:
    from shared.vendors.nhn.rcs import Place

    return Place(1, 0, ask=[f"sms/{ref}"]).text()


def _results(found: Pulled) -> list[VendorResult]:
    assert isinstance(found.cursor, str)
    return found.results
