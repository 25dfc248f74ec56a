"""E-mail by SMTP: what goes over the wire, what replies mean, what comes back."""

from __future__ import annotations

import base64
import email
import email.policy
from collections.abc import AsyncIterator
from typing import Any

import dkim as dkimpy
import orjson
import pytest
import pytest_asyncio

from shared.accounts.keys import new_keys, public_parts
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.vendors.base import BadReceipt
from shared.vendors.smtp import dkim
from shared.vendors.smtp.email import ADAPTER
from simulator.http import Request
from tests.contract.mail_bench import Ims, MailBench, mail, mail_bench
from tests.contract.vendor_bench import now_ms


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[MailBench]:
    async with mail_bench() as made:
        yield made


def raw_of(item: dict[str, Any]) -> bytes:
    return base64.b64decode(item["raw"])


async def test_a_mail_arrives_as_it_was_written(bench: MailBench) -> None:
    one = mail(html="<p>안녕하세요</p>", headers=(("X-Order-Id", "7"),))
    found = await bench.sent(one)
    assert (found.state, found.code) == ("sent", "0000")
    assert found.vendor_ref.startswith("SIM")
    item = bench.received(one.to)
    assert (item["title"], item["text"], item["our_ref"]) == ("주문 안내", "안녕하세요", one.reference)
    assert item["envelope"]["from"].startswith(f"b+{one.reference}.")
    assert item["envelope"]["from"].endswith("@bounce.demo.example")
    raw = raw_of(item)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 76
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["from"].addresses[0].display_name == "데모"
    assert message["x-order-id"] == "7"
    names = [name.lower() for name in message]
    assert len(names) == len(set(names)), "each header once"


@pytest.mark.parametrize(
    ("code", "state"),
    [("5002", "failed"), ("3001", "failed"), ("3002", "failed"), ("1002", "failed"), ("1004", "failed"),
     ("1009", "failed"), ("3003", "failed"), ("3004", "failed"), ("4003", "failed"), ("4006", "failed"),
     ("4001", "sent"), ("2004", "sent")],
)  # fmt: skip
async def test_a_magic_recipient_gives_its_code(bench: MailBench, code: str, state: str) -> None:
    found = await bench.sent(mail(f"{code}@magic.demo.example"))
    assert (found.state, found.code) == (state, code if state == "failed" else "0000")


async def test_no_answer_after_the_dot_is_uncertain_and_a_report_of_delivery_ends_it(bench: MailBench) -> None:
    one = mail("0300@magic.demo.example")
    with pytest.raises(Uncertain):
        await bench.answer(one)
    await bench.app.mails._confirm(*bench.app.mails._last[one.to])
    (end,) = ADAPTER.read_receipt(bench.account, {}, bench.posted[-1][1], now_ms())  # type: ignore[attr-defined]
    assert (end.reference, end.state) == (one.reference, "delivered")


@pytest.mark.parametrize(
    ("kind", "code"),
    [("hard", "5002"), ("full", "4003"), ("spam", "4006"), ("qmail", "5002"), ("exim", "5002"),
     ("complaint", "5002"), ("delayed", None), ("not_spam", None), ("auto_reply", None)],
)  # fmt: skip
async def test_what_comes_back_finds_its_message(bench: MailBench, kind: str, code: str | None) -> None:
    one = mail()
    await bench.sent(one)
    body = orjson.dumps({"to": one.to, "kind": kind})
    reply = await bench.app.mails.answer(Request("POST", "/bounce", {}, {}, body))
    assert reply.status == 200
    found = ADAPTER.read_receipt(bench.account, {}, bench.posted[-1][1], now_ms())  # type: ignore[attr-defined]
    assert [(r.reference, r.code) for r in found] == ([] if code is None else [(one.reference, code)])


async def test_nobody_forges_a_bounce_of_another_mail(bench: MailBench) -> None:
    one = mail()
    await bench.sent(one)
    await bench.app.mails.answer(Request("POST", "/bounce", {}, {}, orjson.dumps({"to": one.to})))
    body = bench.posted[-1][1].replace(one.reference.encode(), mail().reference.encode())
    with pytest.raises(BadReceipt):
        ADAPTER.read_receipt(bench.account, {}, body, now_ms())  # type: ignore[attr-defined]


async def test_both_signatures_pass_and_a_changed_link_or_a_second_author_breaks_them(bench: MailBench) -> None:
    private = new_keys()
    public = public_parts(private)
    selectors = {"dkim_rsa": "r", "dkim_ed25519": "e"}
    bench.ims = Ims(dkim.loaded(private, selectors))
    dns = {
        b"r._domainkey.demo.example.": b"v=DKIM1; k=rsa; p=" + public["dkim_rsa"].encode(),
        b"e._domainkey.demo.example.": b"v=DKIM1; k=ed25519; p=" + public["dkim_ed25519"].encode(),
    }

    def passes(raw: bytes, place: int) -> bool:
        return bool(dkimpy.DKIM(raw).verify(place, dnsfunc=lambda name, timeout=5: dns.get(name)))

    one = mail(
        text="끝에 빈칸  \n\n" + "긴 줄 " * 400 + "\n\n\n",
        html="<p>한글  </p>\n.\nFrom here",
        headers=(("References", " ".join(f"<{n}@client.example>" for n in range(80))),),
        unsubscribe="https://client.example/u/1",
    )
    await bench.sent(one)
    raw = raw_of(bench.received(one.to))
    assert passes(raw, 0)
    assert passes(raw, 1)
    assert not passes(raw.replace(b"/u/1>", b"/u/2>"), 0)
    assert not passes(b"From: evil@evil.example\r\n" + raw, 0)
    assert not passes(b"From: evil@evil.example\r\n" + raw, 1)
    assert b"l=" not in raw.partition(b"\r\nDate:")[0].replace(b"ed25519-sha256", b"")
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw


async def test_a_wrong_password_refuses_the_account(bench: MailBench) -> None:
    account = bench.account
    wrong = type(account)(account.vendor, account.account, account.base_url, {**account.settings, "password": "no"})
    with pytest.raises(Rejected) as raised:
        await bench.answer(mail(), account=wrong)
    assert raised.value.code == "3004"


async def test_nobody_there_has_taken_nothing(bench: MailBench) -> None:
    await bench.app.mail.stop()
    with pytest.raises(Unavailable):
        await bench.answer(mail(to="new@client.example"))
