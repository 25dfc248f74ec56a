"""Mails to return paths by SMTP: what is asked of api_receipt, and what a sender is answered."""

from __future__ import annotations

import asyncio
import email
import os
import signal
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import pytest_asyncio

from bridges.settings import ReturnSettings
from bridges.smtp_in.app import App
from bridges.smtp_in.handing import PASSED_ON
from shared.runtime.settings import reset
from shared.vendors.base import BadReceipt, VendorResult
from shared.vendors.smtp.email import ADAPTER
from simulator.mails import KINDS, _made
from simulator.smtp import Mail
from tests.contract.mail_bench import MailBench, mail, mail_bench
from tests.contract.vendor_bench import now_ms
from tests.ports import free_port
from tests.spawned import spawn, wait_until

RETURNED = Path(__file__).parent / "returned"


class Receipts:
    """Stands for api_receipt: the adapter reads what it is posted; `status` is answered instead while it is set."""

    def __init__(self, bench: MailBench) -> None:
        self._bench = bench
        self.status: int | None = None
        self.found: list[VendorResult] = []
        self.paths: list[str] = []
        self.before: Callable[[], None] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.before()
                self.send_response(outer.taken(self.path, self.headers["content-type"], body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def taken(self, path: str, kind: str, body: bytes) -> int:
        self.paths.append(path)
        assert kind == "message/rfc822"
        assert len(body) <= PASSED_ON + 200
        if self.status is not None:
            return self.status
        if path != "/v1/receipts/smtp/main":
            return 404
        try:
            self.found += ADAPTER.read_receipt(self._bench.account, {}, body, now_ms())  # type: ignore[attr-defined]
        except BadReceipt:
            return 401
        except ValueError:
            pass  # kept as a dead letter
        return 200

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Case:
    def __init__(self, bench: MailBench, receipts: Receipts, app: App) -> None:
        self.bench, self.receipts, self.app = bench, receipts, app

    async def mailed(self) -> Mail:
        """A mail that has left: what would come back is made of it."""
        await self.bench.sent(mail())
        return next(iter(self.bench.app.mails._last.values()))[0]

    async def give(self, to: list[str], body: bytes, sender: str = "") -> int:
        return await asyncio.to_thread(deliver, self.app.port, to, body, sender)


def deliver(port: int, to: list[str], body: bytes, sender: str = "") -> int:
    """The reply's code to the dot, or the first refusal before it."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        try:
            refused = client.sendmail(sender, to, body)
        except smtplib.SMTPRecipientsRefused as error:
            return next(iter(error.recipients.values()))[0]
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
        return next(iter(refused.values()))[0] if refused else 250


@asynccontextmanager
async def listening(bench: MailBench, monkeypatch: pytest.MonkeyPatch, **settings: str) -> AsyncIterator[Case]:
    receipts = Receipts(bench)
    monkeypatch.setenv("IMS_TARGET_API_RECEIPT", receipts.url)
    for name, value in {"smtp_in_port": "0", **settings}.items():
        monkeypatch.setenv(f"IMS_{name.upper()}", value)
    reset()
    app = App()
    app.start()
    assert app._opening is not None
    await app._opening
    try:
        yield Case(bench, receipts, app)
    finally:
        await app.stop()
        receipts.close()
        reset()


@pytest_asyncio.fixture
async def case(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    async with mail_bench() as bench, listening(bench, monkeypatch, smtp_in_accounts="other, main") as made:
        yield made


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_what_comes_by_smtp_means_what_it_means_by_webhook(case: Case, kind: str) -> None:
    sent = await case.mailed()
    body = _made(kind, sent)
    wanted = ADAPTER.read_receipt(case.bench.account, {}, body, now_ms())  # type: ignore[attr-defined]
    assert await case.give([sent.sender], body) == 250
    assert [(r.reference, r.state, r.code) for r in case.receipts.found] == [
        (r.reference, r.state, r.code) for r in wanted
    ]
    assert case.receipts.paths == ["/v1/receipts/smtp/other", "/v1/receipts/smtp/main"]


async def test_a_bounce_that_returns_nothing_of_the_mail_is_named_by_its_return_path(case: Case) -> None:
    sent = await case.mailed()
    head = b"From: MAILER-DAEMON@mx.client.example\r\nSubject: failure\r\nTo: undisclosed\r\n\r\n"
    body = head + b"550 5.1.1 no such user\r\n"
    assert await case.give([sent.sender.upper()], body) == 250
    (found,) = case.receipts.found
    assert found.code == "5002"
    assert found.reference in sent.sender


@pytest.mark.parametrize(("kind", "code"), [("hard", "5002"), ("full", "4003"), ("spam", "4006"), ("delayed", None)])
async def test_what_a_real_relay_sent_back_finds_its_message(case: Case, kind: str, code: str | None) -> None:
    """Taken from Postfix 3.7.11, which had our mail to relay and was refused by the next host."""
    body = (RETURNED / f"postfix-{kind}.eml").read_bytes()
    back = email.message_from_bytes(body)["to"].strip()
    assert await case.give([back], body) == 250
    wanted = [] if code is None else [(back[2:34], "failed", code)]
    assert [(r.reference, r.state, r.code) for r in case.receipts.found] == wanted


async def test_a_forged_return_path_is_refused_and_others_are_no_mailboxes(case: Case) -> None:
    sent = await case.mailed()
    local, _, domain = sent.sender.partition("@")
    forged = f"{local[:-1]}{'0' if local[-1] != '0' else '1'}@{domain}"
    plain = b"From: MAILER-DAEMON@mx.client.example\r\nSubject: x\r\n\r\n550 5.1.1 no such user\r\n"
    assert await case.give([forged], plain) == 550
    asked = len(case.receipts.paths)
    for stranger in ("postmaster@bounce.demo.example", "b+1@bounce.demo.example", "kim@client.example"):
        assert await case.give([stranger], plain) == 550
    assert case.receipts.found == []
    assert len(case.receipts.paths) == asked, "strangers are turned away before the mail comes"
    assert await case.give([sent.sender, forged], plain) == 452


@pytest.mark.parametrize(("status", "reply"), [(503, 451), (500, 451), (429, 451), (408, 451), (413, 554), (422, 554)])
async def test_a_mail_is_confirmed_only_when_it_was_kept(case: Case, status: int, reply: int) -> None:
    sent = await case.mailed()
    case.receipts.status = status
    assert await case.give([sent.sender], _made("hard", sent)) == reply
    case.receipts.status = None
    assert await case.give([sent.sender], _made("hard", sent)) == 250
    assert len(case.receipts.found) == 1


async def test_nobody_behind_it_means_later(case: Case) -> None:
    sent = await case.mailed()
    case.receipts.close()
    assert await case.give([sent.sender], _made("hard", sent)) == 451


async def test_long_lines_and_a_returned_mail_of_megabytes_are_taken_and_more_is_refused(case: Case) -> None:
    sent = await case.mailed()
    body = _made("hard", sent)
    assert await case.give([sent.sender], body.replace(b"This is the mail system.", b"x" * 200_000)) == 250
    assert await case.give([sent.sender], body + b"returned\r\n" * 400_000) == 250
    assert [r.code for r in case.receipts.found] == ["5002", "5002"]
    assert await case.give([sent.sender], body + b"returned\r\n" * 1_000_000) == 552


async def test_one_connection_too_many_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with mail_bench() as bench, listening(bench, monkeypatch, smtp_in_connections="1") as case:
        sent = await case.mailed()
        first = await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", case.app.port, timeout=30)
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", case.app.port, timeout=30)
        assert refused.value.smtp_code == 421
        await asyncio.to_thread(first.quit)
        await asyncio.to_thread(wait_until, lambda: not case.app._door.open, "the first connection to end")
        assert await case.give([sent.sender], _made("hard", sent)) == 250


async def test_killed_in_the_middle_of_a_thousand_bounces_it_loses_none(tmp_path: Path) -> None:
    """Senders that had no 250 come again: each bounce is told at least once, and what is told twice is equal."""
    async with mail_bench() as bench:
        receipts = Receipts(bench)
        mails = [mail(f"kim{n}@client.example") for n in range(1000)]
        for one in mails:
            await bench.sent(one)
        returned = [sent for sent, _ in bench.app.mails._last.values()]
        smtp_port = free_port()
        env = {
            **os.environ, "IMS_TARGET_API_RECEIPT": receipts.url, "IMS_SMTP_IN_PORT": str(smtp_port),
            "IMS_SMTP_IN_ACCOUNTS": "main",
        }  # fmt: skip
        start = partial(spawn, ("bridges.smtp_in",), env, tmp_path / "log", "/healthz")
        listener = await asyncio.to_thread(start)
        killed = asyncio.Event()
        loop = asyncio.get_running_loop()
        receipts.before = lambda: loop.call_soon_threadsafe(killed.set) if len(receipts.found) == 400 else None  # type: ignore[assignment]
        giving = asyncio.ensure_future(asyncio.to_thread(give_all, smtp_port, returned))
        await killed.wait()
        listener.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(listener.process.wait)
        listener = await asyncio.to_thread(start)
        try:
            await giving
        finally:
            listener.process.terminate()
            await asyncio.to_thread(listener.process.wait)
            receipts.close()
        told = {(r.reference, r.state, r.code) for r in receipts.found}
        assert told == {(one.reference, "failed", "5002") for one in mails}
        assert len(receipts.found) <= 1001, "only the mail in hand came twice"


def give_all(port: int, returned: list[Mail]) -> None:
    """A sender with a queue: one connection while it lasts, and each mail until it has its 250."""
    waiting = list(returned)
    while waiting:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                while waiting:
                    client.sendmail("", [waiting[-1].sender], _made("hard", waiting[-1]))
                    waiting.pop()
        except (OSError, smtplib.SMTPException):
            continue


def test_a_setting_of_zero_connections_is_none() -> None:
    with pytest.raises(ValueError, match="smtp_in_connections"):
        ReturnSettings(smtp_in_connections=0)
