"""The daily digest: which day is due when, what it says, and how it is written down and handed over."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from bridges.cron.schedule import parse
from shared import flow
from shared.digest import advice, content, days, hook, mail, smtp
from shared.digest.content import Row, Sample
from shared.digest.run import run
from shared.domain.codes import CODES, DELIVERED
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.domain.states import State
from shared.runtime.clock import new_request_id
from shared.runtime.settings import MailSettings
from shared.stores import digests
from shared.stores.usage import korean_day
from simulator.smtp import MailServer

Json = dict[str, Any]
DAY = date(2026, 3, 1)
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


def kst(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}+09:00").timestamp() * 1000)


# --- days -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tick", "due"),
    [
        ("2026-03-02T08:30:00", DAY),
        ("2026-03-02T08:30:00.400", DAY),
        ("2026-03-02T11:59:59.999", DAY),
        ("2026-03-01T09:00:00", date(2026, 2, 28)),
        ("2024-03-01T09:00:00", date(2024, 2, 29)),
        ("2026-01-01T08:30:00", date(2025, 12, 31)),
        ("2026-03-02T08:29:59.999", None),
        ("2026-03-02T12:00:00", None),
        ("2026-03-02T00:00:00", None),
    ],
)
def test_from_half_past_eight_until_noon_the_day_before_is_due(tick: str, due: date | None) -> None:
    assert days.due_day(kst(tick)) == due


def test_a_day_is_from_midnight_to_midnight_in_korea() -> None:
    start, end = days.bounds(DAY)
    assert (start, end) == (kst("2026-03-01T00:00:00"), kst("2026-03-02T00:00:00"))
    assert days.day_at(start) == DAY
    assert days.day_at(start - 1) == date(2026, 2, 28)
    assert days.day_at(end - 1) == DAY
    assert datetime.fromtimestamp(start / 1000, UTC).hour == 15


@given(st.integers(946_684_800_000, 4_102_444_800_000))
def test_digests_and_counters_mean_the_same_day(ms: int) -> None:
    day = days.day_at(ms)
    assert day.isoformat() == korean_day(ms)
    start, end = days.bounds(day)
    assert start <= ms < end


def test_the_maps_ticks_are_at_half_past_eight_and_then_until_noon() -> None:
    crons = [t for t in flow.BY_NAME["digest"].on if isinstance(t, flow.Cron)]
    schedules = [parse(cron.schedule, cron.tz) for cron in crons]
    at, ticks = datetime(2026, 3, 1, 15, tzinfo=UTC), []
    while (at := min(s.next_after(at) for s in schedules)) < datetime(2026, 3, 2, 15, tzinfo=UTC):
        ticks.append(round(at.timestamp() * 1000))
    assert ticks[0] == kst("2026-03-02T08:30:00")
    assert ticks[-1] == kst("2026-03-02T11:50:00")
    assert all(days.due_day(tick) == DAY for tick in ticks)
    assert [days.last_tick(tick) for tick in ticks] == [False] * (len(ticks) - 1) + [True]
    assert {later - tick for tick, later in pairwise(ticks[1:])} == {days.EVERY // timedelta(milliseconds=1)}


@pytest.mark.parametrize(
    ("text", "day"),
    [("2026-03-01", DAY), ("20260301", None), ("2026-W09-7", None), ("1999-12-31", None), ("x", None), ("", None)],
)
def test_a_day_is_written_in_one_way(text: str, day: date | None) -> None:
    assert days.read_day(text) == day


class Away:
    """A context whose databases do not answer."""

    draining = False

    def now_ms(self) -> int:
        return kst("2026-03-02T08:30:00")

    async def db(self, asked: Callable[..., Any], *_: Any) -> list[Any]:
        if asked is digests.give_up:
            return []
        raise Unavailable("MySQL: away")

    db_replica = db


async def test_a_tick_that_cannot_read_who_wants_a_digest_is_asked_to_come_again() -> None:
    with pytest.raises(Unavailable, match="away"):
        await run(Away(), kst("2026-03-02T08:30:00"))  # type: ignore[arg-type]


# --- content ----------------------------------------------------------------------------------------------------------


def message_ids(n: int) -> tuple[bytes, ...]:
    return tuple(new_request_id().bytes for _ in range(n))


def row(status: State, code: str, total: int, ids: tuple[bytes, ...] = (), since: str = "2026-03-01T10:00:00") -> Row:
    return Row(int(status), "mt", code, total, kst(since), ids)


IDS = message_ids(6)
ROWS = [
    row(State.accepted, "", 100),
    row(State.delivered, "0000", 90),
    row(State.failed, "4002", 2, IDS[:2]),
    row(State.failed, "4001", 3, IDS[2:5], "2026-02-28T23:59:00"),
    row(State.expired, "0301", 2, IDS[5:]),
    row(State.canceled, "0302", 7),
]
SAMPLES = {i: Sample("01012345678", f"order-{n}") for n, i in enumerate(IDS)}


def made(rows: list[Row] = ROWS, samples: dict[bytes, Sample] = SAMPLES, language: str = "en") -> Json:
    return content.digest(content.Day("acme", DAY, complete=True, language=language), rows, samples)


def test_causes_come_with_the_most_frequent_first_and_say_what_to_do() -> None:
    data = made()
    assert [(c["code"], c["status"], c["count"]) for c in data["causes"]] == [
        ("4001", "failed", 3), ("0301", "expired", 2), ("4002", "failed", 2)
    ]  # fmt: skip
    assert {c["code"]: c["resend"] for c in data["causes"]} == {"4001": "no", "0301": "yes", "4002": "yes"}
    assert data["causes"][0]["detail"] == CODES["4001"].detail
    assert all(c["advice"] for c in data["causes"])


def test_totals_count_what_was_accepted_and_what_ended() -> None:
    assert made()["totals"] == {
        "accepted": 100, "delivered": 90, "failed": 5, "expired": 2, "canceled": 7, "rate": 0.9278
    }  # fmt: skip
    assert made([])["totals"]["rate"] is None
    assert made([])["causes"] == []


def test_a_causes_link_finds_its_messages_from_the_earliest_acceptance_on() -> None:
    link = urlsplit(made()["causes"][0]["links"]["messages"])
    assert link.path == "/v1/messages"
    assert {k: v for k, (v,) in parse_qs(link.query).items()} == {
        "status": "failed", "channel": "mt", "code": "4001",
        "since": "2026-02-28T14:59:00.000Z", "until": "2026-03-01T15:00:00.000Z",
    }  # fmt: skip


def test_samples_are_few_and_those_that_are_gone_are_left_out() -> None:
    many = message_ids(9)
    known = {i: Sample("01012345678", None) for i in many[1:]}
    (cause,) = made([row(State.failed, "4001", 9, many)], known)["causes"]
    assert len(cause["samples"]) == content.SAMPLES - 1


def test_lanes_and_orders_of_rows_make_no_difference() -> None:
    assert made(list(reversed(ROWS))) == made()


def test_there_is_advice_for_every_code_in_both_languages() -> None:
    assert set(advice.TABLE) == set(CODES) - {DELIVERED}
    for code in advice.TABLE:
        korean, english = advice.of(code, "ko"), advice.of(code, "en")
        assert korean.resend == english.resend
        assert korean.resend in ("yes", "fixed", "no")
        assert english.detail == CODES[code].detail
        assert korean.detail != english.detail
    assert advice.of("9999", "ko").detail == advice.of("9999", "en").detail == "9999"


# --- the callback -----------------------------------------------------------------------------------------------------


def test_a_callback_is_signed_and_its_id_and_body_are_the_same_on_every_try() -> None:
    name = hook.webhook_id(7, DAY)
    body = hook.body(made())
    assert (name, body) == (hook.webhook_id(7, DAY), hook.body(made()))
    assert name != hook.webhook_id(8, DAY) != hook.webhook_id(7, DAY + days.DAY)
    now = time.time_ns() // 1_000_000
    headers = dict(hook.headers(name, 2, [SECRET], now, body))
    Webhook(SECRET).verify(body, headers)
    assert headers["ims-attempt"] == "2"
    told = orjson.loads(body)
    assert (told["type"], told["timestamp"], told["data"]["date"]) == (
        "digest.daily", "2026-03-01T15:00:00.000Z", "2026-03-01"
    )  # fmt: skip


# --- the mail ---------------------------------------------------------------------------------------------------------


def letter(data: Json | None = None, language: str = "ko", **more: Any) -> EmailMessage:
    given = {"to": "ops@acme.example", "sender": "ims@ims.example", "name": "digest_1", "base_url": "https://g", **more}
    built = mail.message(data or made(language=language), language, now_ms=kst("2026-03-02T08:30:00"), **given)
    read = message_from_bytes(built.as_bytes(), policy=default)
    assert isinstance(read, EmailMessage)
    return read


def parts(read: EmailMessage) -> tuple[str, str]:
    plain, rich = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None
    assert rich is not None
    return str(plain.get_content()), str(rich.get_content())


def test_a_mail_says_the_same_in_text_and_html_and_masks_recipients() -> None:
    for text in parts(letter()):
        assert "2026-03-01" in text
        assert "3건" in text
        assert "없는 번호입니다" in text
        assert "010****5678" in text
        assert "01012345678" not in text
        assert "https://g/v1/messages?status=failed" in text
        assert "order-2" in text


@pytest.mark.parametrize(
    ("language", "rows", "subject"),
    [
        ("ko", ROWS, "[IMS] 2026-03-01 발송 실패 7건"),
        ("en", ROWS, "[IMS] 2026-03-01: 7 messages failed"),
        ("ko", ROWS[:2], "[IMS] 2026-03-01 발송 실패 없음"),
        ("en", ROWS[:2], "[IMS] 2026-03-01: no message failed"),
    ],
)
def test_the_subject_is_in_the_chosen_language(language: str, rows: list[Row], subject: str) -> None:
    assert letter(made(rows, language=language), language)["Subject"] == subject


def test_a_digests_headers_are_fixed_by_account_and_day() -> None:
    read = letter(name=hook.webhook_id(7, DAY))
    digest = hashlib.sha256(b"7 2026-03-01").hexdigest()[:32]
    assert read["Message-ID"] == f"<digest_{digest}@ims.example>"
    assert read["List-Id"] == "IMS daily digest <digest.ims.example>"
    assert (read["To"], read["Auto-Submitted"]) == ("ops@acme.example", "auto-generated")


def test_what_clients_wrote_reaches_no_header_and_no_markup() -> None:
    evil = "a\r\nBcc: x@y.example\r\n<script>alert(1)</script>"
    data = made(samples={i: Sample("01012345678", evil) for i in IDS})
    read = letter(data)
    assert "Bcc" not in read
    plain, rich = parts(read)
    assert "\nBcc" not in plain
    assert "<script" not in rich


@pytest.mark.parametrize(
    "address",
    ["a@b", "a b@c.example", "a@c.example\r\nBcc: x@y.example", "@c.example", "a@-c.example", "a..b@c.example", "",
     "é@c.example", "<a@c.example>", "a@c.example,b@c.example", f"{'a' * 65}@c.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    assert not mail.address_ok(address)


@given(st.emails())
def test_an_address_that_is_taken_is_one_header_with_one_address(address: str) -> None:
    if mail.address_ok(address):
        assert letter(to=address)["To"].addresses[0].addr_spec == address


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [("01012345678", "010****5678"), ("+14155550123", "+14*****0123"), ("hong@example.com", "h***@example.com"),
     ("fcm:abcdefghijkl", "fcm:ab…")],
)  # fmt: skip
def test_recipients_are_masked_in_mails(recipient: str, shown: str) -> None:
    assert mail.masked(recipient) == shown


# --- the mail server --------------------------------------------------------------------------------------------------

Start = Callable[[], Any]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


@pytest.fixture
async def server(certificate: tuple[Path, Path]) -> AsyncIterator[tuple[MailServer, MailSettings]]:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listening = MailServer(context)
    port = await listening.start("127.0.0.1", 0)
    yield listening, MailSettings(
        smtp_host="localhost", smtp_port=port, smtp_ca=str(cert), smtp_user="ims", smtp_password="p",
        smtp_timeout_seconds=10,
    )  # fmt: skip
    await listening.stop()


async def hand_over(settings: MailSettings, to: str, patience: float = 10) -> None:
    await asyncio.to_thread(smtp.send, settings, letter(to=to), to, time.monotonic() + patience)


async def test_a_mail_goes_encrypted_and_logged_in_to_the_server(server: tuple[MailServer, MailSettings]) -> None:
    listening, settings = server
    await hand_over(settings, "ops@acme.example")
    (taken,) = listening.mails
    assert (taken.sender, taken.to, taken.encrypted, taken.login) == (
        "ims@ims.example", "ops@acme.example", True, True
    )  # fmt: skip
    assert message_from_bytes(taken.text, policy=default)["Subject"] == "[IMS] 2026-03-01 발송 실패 7건"


async def test_an_unknown_certificate_is_not_trusted(server: tuple[MailServer, MailSettings]) -> None:
    listening, settings = server
    with pytest.raises(Unavailable, match="CERTIFICATE"):
        await hand_over(settings.model_copy(update={"smtp_ca": ""}), "ops@acme.example")
    assert not listening.mails


async def test_encryption_that_the_server_does_not_offer_is_not_gone_without() -> None:
    plain = MailServer()
    port = await plain.start("127.0.0.1", 0)
    with pytest.raises(Unavailable, match="STARTTLS"):
        await hand_over(MailSettings(smtp_host="127.0.0.1", smtp_port=port), "ops@acme.example")
    assert not plain.mails
    await plain.stop()


@pytest.mark.parametrize(
    ("to", "error"),
    [("5002@magic.demo.example", Rejected), ("3002@magic.demo.example", Unavailable),
     ("0300@magic.demo.example", Uncertain), ("9901@magic.demo.example", Uncertain)],
)  # fmt: skip
async def test_how_a_hand_over_broke_off_says_what_is_known(
    server: tuple[MailServer, MailSettings], to: str, error: type[Exception]
) -> None:
    settings = server[1].model_copy(update={"smtp_timeout_seconds": 2}) if "9901" in to else server[1]
    with pytest.raises(error):
        await hand_over(settings, to)


class Refusing(MailServer):
    """A mail server that answers one command with a refusal."""

    def __init__(self, verb: bytes, answer: bytes) -> None:
        super().__init__()
        self.verb, self.refusal = verb, answer

    async def _command(self, session: Any, line: bytes) -> bool:
        if line.upper().startswith(self.verb):
            await session.say(self.refusal)
            return True
        return await super()._command(session, line)


@pytest.mark.parametrize(
    ("verb", "refusal", "error"),
    [(b"MAIL", b"530 5.7.0 Authentication required", Unavailable),
     (b"MAIL", b"550 5.7.1 Sender refused", Unavailable),
     (b"MAIL", b"535 5.7.8 bad credentials", Unavailable),
     (b"RCPT", b"530 5.7.0 Must issue a STARTTLS command first", Unavailable),
     (b"RCPT", b"554 5.7.1 <ops@acme.example>: Relay access denied", Unavailable),
     (b"RCPT", b"550 relay not permitted", Unavailable),
     (b"RCPT", b"550 5.1.1 no such user", Rejected),
     (b"RCPT", b"552 5.2.2 mailbox full", Rejected)],
)  # fmt: skip
async def test_only_a_refused_recipient_is_refused_for_good(
    verb: bytes, refusal: bytes, error: type[Exception]
) -> None:
    refusing = Refusing(verb, refusal)
    port = await refusing.start("127.0.0.1", 0)
    with pytest.raises(error, match=refusal[:3].decode()):
        await hand_over(MailSettings(smtp_host="127.0.0.1", smtp_port=port, smtp_starttls=False), "ops@acme.example")
    await refusing.stop()


async def test_a_mail_is_not_begun_after_its_time(server: tuple[MailServer, MailSettings]) -> None:
    listening, settings = server
    with pytest.raises(Unavailable, match="too slow"):
        await hand_over(settings, "ops@acme.example", patience=-1)
    assert not listening.mails


async def test_a_mail_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="mail server"):
        await hand_over(MailSettings(smtp_host="127.0.0.1", smtp_port=1), "ops@acme.example")
