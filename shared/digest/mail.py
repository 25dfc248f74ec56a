"""The digest as an e-mail: plain text and HTML, Korean or English. Pure, and the same bytes for the same digest, but
for the date of sending.

Nothing that a client's recipients or references hold reaches a header; in the text control characters are dropped, in
the HTML everything is escaped. Recipients are masked.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from shared.domain import phone

Json = dict[str, Any]

_PLAIN = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}").fullmatch
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?").fullmatch
_NUMBER = re.compile(r"\+?\d{8,15}").fullmatch
MAX_ADDRESS = 254

WORDS: dict[str, dict[str, str]] = {
    "ko": {
        "subject": "[IMS] {date} 발송 실패 {failures:,}건",
        "subject_none": "[IMS] {date} 발송 실패 없음",
        "title": "{date} 발송 결과 ({username})",
        "totals": "접수 {accepted:,} · 전달 {delivered:,} · 실패 {failed:,} · 만료 {expired:,} · 취소 {canceled:,} · 전달률 {rate}",  # noqa: E501
        "none": "이날 실패한 메시지가 없습니다.",
        "cause": "{count:,}건 · {channel} · {code} {detail}",
        "advice": "할 일: {advice}",
        "yes": "다시 보내면 전달될 수 있습니다.",
        "fixed": "고친 뒤 다시 보내세요.",
        "no": "다시 보내도 소용이 없거나 두 번 갈 수 있습니다.",
        "samples": "예",
        "all": "전체 보기",
        "foot": "이 메일은 PUT /v1/digests 에 enabled: false 를 보내면 더 오지 않습니다.",
    },
    "en": {
        "subject": "[IMS] {date}: {failures:,} messages failed",
        "subject_none": "[IMS] {date}: no message failed",
        "title": "Messages of {date} ({username})",
        "totals": "accepted {accepted:,} · delivered {delivered:,} · failed {failed:,} · expired {expired:,} · canceled {canceled:,} · delivery rate {rate}",  # noqa: E501
        "none": "No message failed that day.",
        "cause": "{count:,} × {channel} · {code} {detail}",
        "advice": "What to do: {advice}.",
        "yes": "Sent again, they may arrive.",
        "fixed": "Send them again once that is put right.",
        "no": "Sending them again is of no use, or would reach people twice.",
        "samples": "For example",
        "all": "All of them",
        "foot": "To stop these mails, PUT /v1/digests with enabled: false.",
    },
}


def address_ok(text: str) -> bool:
    """Whether this is an address that mail can be sent to (ASCII, RFC 5321's dot-string and a domain with a dot)."""
    local, at, domain = text.rpartition("@")
    labels = domain.split(".")
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    return bool(
        at and _PLAIN(local) and not dots and len(text) <= MAX_ADDRESS and len(labels) > 1 and all(map(_LABEL, labels))
    )


def masked(recipient: str) -> str:
    """A recipient by which its sender knows it: `010****5678`, `h***@example.com`, `fcm:ab…`."""
    if _NUMBER(recipient):
        return phone.mask(recipient)
    local, at, domain = recipient.rpartition("@")
    return f"{local[:1]}***@{domain}" if at else f"{recipient[:6]}…"


def message(data: Json, language: str, to: str, sender: str, name: str, base_url: str, now_ms: int) -> EmailMessage:
    """The whole mail. `name` is the digest's own id (it makes the Message-ID), `base_url` stands before links."""
    words = WORDS[language]
    local, _, domain = sender.rpartition("@")
    failures = data["totals"]["failed"] + data["totals"]["expired"]
    subject = words["subject" if failures else "subject_none"].format(date=data["date"], failures=failures)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("IMS", local, domain)
    mail["To"] = Address(addr_spec=to)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    mail["Message-ID"] = f"<{name}@{domain}>"
    mail["List-Id"] = f"IMS daily digest <digest.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = language
    mail.set_content("\n".join(_text(data, words, base_url)) + "\n", cte="base64")
    mail.add_alternative(_html(data, words, language, base_url), subtype="html", cte="base64")
    return mail


def _totals(data: Json, words: dict[str, str]) -> str:
    rate = data["totals"]["rate"]
    return words["totals"].format(**{**data["totals"], "rate": "–" if rate is None else f"{rate:.2%}"})


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _samples(cause: Json, clean: Callable[[str], str]) -> Iterator[str]:
    for sample in cause["samples"]:
        ref = f" ({clean(sample['ref'])})" if sample["ref"] else ""
        yield f"{sample['message_id']} → {clean(masked(sample['to']))}{ref}"


def _text(data: Json, words: dict[str, str], base_url: str) -> Iterable[str]:
    yield words["title"].format(**data)
    yield _totals(data, words)
    if not data["causes"]:
        yield from ("", words["none"])
    for cause in data["causes"]:
        yield from ("", words["cause"].format(**cause), "  " + words["advice"].format(**cause))
        yield "  " + words[cause["resend"]]
        if cause["samples"]:
            yield f"  {words['samples']}:"
            yield from (f"    {line}" for line in _samples(cause, _plain))
        yield f"  {words['all']}: {base_url}{cause['links']['messages']}"
    yield from ("", f"{base_url}{data['links']['self']}", words["foot"])


def _html(data: Json, words: dict[str, str], language: str, base_url: str) -> str:
    causes = "".join(_html_cause(cause, words, base_url) for cause in data["causes"])
    rest = causes or f"<p>{words['none']}</p>"
    own = html.escape(base_url + data["links"]["self"])
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><body style="font-family:sans-serif">'
        f"<h2>{html.escape(words['title'].format(**data))}</h2><p>{_totals(data, words)}</p>{rest}"
        f'<p style="color:#666"><a href="{own}">{own}</a><br>{html.escape(words["foot"])}</p></body></html>\n'
    )


def _html_cause(cause: Json, words: dict[str, str], base_url: str) -> str:
    head = html.escape(words["cause"].format(**cause))
    body = f"{html.escape(words['advice'].format(**cause))}<br>{words[cause['resend']]}"
    listed = "".join(f"<li><code>{line}</code></li>" for line in _samples(cause, html.escape))
    link = html.escape(base_url + cause["links"]["messages"])
    return f'<h3>{head}</h3><p>{body}</p><ul>{listed}</ul><p><a href="{link}">{words["all"]}</a></p>'
