"""Each limit of each channel: what is as long as it may be is taken, one more is a 422 that names the field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.channels import MODULES, acceptance
from shared.channels.acceptance import Acceptance
from shared.channels.common import AccountView, InvalidRequest, Template, channel
from shared.channels.kakao.template import check
from shared.domain import ids
from tests import kakao_limits
from tests.limits import ACCOUNT, BASES, KEY, Json, Limit, email_limits, mt_limits, push_limits, rcs_limits, shared

NOW = 1_790_000_000_000
OVER = {"1002", "range", "format", "unknown_field", "not_found"}


def every() -> Iterator[Limit]:
    for name in sorted(MODULES):
        yield from shared(name)
    yield from mt_limits()
    yield from email_limits()
    yield from push_limits()
    yield from rcs_limits()
    yield from kakao_limits.brand()


def accept(name: str, body: Json, account: AccountView = ACCOUNT) -> Acceptance:
    raw = json.dumps({k: v for k, v in body.items() if v is not None}, ensure_ascii=False).encode()
    request = ids.request_id(NOW, 7)
    return acceptance.accept(channel(name), raw, account=account, now_ms=NOW, request_id=request, test=False)


def named(limit: Limit) -> str:
    return f"{limit.channel}{limit.pointer[:60]}-{limit.most}-{limit.about}"


@pytest.mark.parametrize("limit", list(every()), ids=named)
def test_the_limit_is_taken_and_one_more_names_the_field(limit: Limit) -> None:
    done = accept(limit.channel, limit.body(limit.most))
    assert done.request.messages
    assert not done.rejected
    with pytest.raises(InvalidRequest) as refused:
        accept(limit.channel, limit.body(limit.most + 1))
    assert refused.value.status == 422
    assert {fault.pointer for fault in refused.value.errors} == {limit.pointer}
    assert {fault.code for fault in refused.value.errors} <= OVER


@pytest.mark.parametrize(
    ("pointer", "most", "made"), kakao_limits.TEMPLATE, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_template_as_long_as_it_may_be_is_taken(pointer: str, most: int, made: Callable[[int], Json]) -> None:
    assert check({"text": "t", **made(most)})[0] == []
    faults, _ = check({"text": "t", **made(most + 1)})
    assert {fault.pointer for fault in faults} == {pointer}


def of_template(content: Json, value: str) -> Acceptance:
    template = Template(1, "approved", {"sender_key": KEY, "text": "t", **content})
    account = AccountView(7, "demo", frozenset(), identities=ACCOUNT.identities, templates={("kakao", "T"): template})
    person = {"to": "01023456789", "variables": {"v": value}}
    body = {"type": "alimtalk", "sender_key": KEY, "template_code": "T", "recipients": [person]}
    return accept("kakao", body, account)


@pytest.mark.parametrize(("part", "most", "made"), kakao_limits.FILLED)
def test_a_templates_limits_hold_after_filling(part: str, most: int, made: Callable[[int], Any]) -> None:
    content = made(most)
    written = next(text for text in _texts(content) if "#{v}" in text)
    room = most - len(written.replace("#{v}", ""))
    value = "1" * room
    assert of_template(content, value).request.messages
    with pytest.raises(InvalidRequest) as refused:
        of_template(content, value + "1")
    (fault,) = refused.value.errors
    assert fault.pointer.startswith("/recipients/0/variables")


@pytest.mark.parametrize(("name", "pointer", "most", "fields"), kakao_limits.BRAND_FILLED)
def test_a_brand_messages_limits_hold_after_filling(name: str, pointer: str, most: int, fields: Json) -> None:
    written = next(text for text in _texts(fields) if "#{v}" in text)

    def sent(length: int) -> Acceptance:
        value = "1" * (length - len(written.replace("#{v}", "")))
        person = {"to": "01023456789", "variables": {"v": value}}
        shown = {**BASES["kakao"], **kakao_limits.bubble(name, **fields), "recipients": [person]}
        return accept("kakao", shown)

    assert sent(most).request.messages
    with pytest.raises(InvalidRequest) as refused:
        sent(most + 1)
    (fault,) = refused.value.errors
    assert fault.pointer.startswith("/recipients/0/variables")
    assert str(most) in fault.detail


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(part)
