"""The link by which a recipient unsubscribes: whose mails to which address, marked with the installation's keys.

RFC 8058: the mail host posts to it without cookies, and only a POST may change anything: programs that look into mails
follow every link with GET.
"""

from __future__ import annotations

import base64
import binascii
from html import escape
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from shared.accounts.secrets import MARK_BYTES, ring
from shared.runtime import Context
from shared.runtime.clock import new_request_id
from shared.runtime.problems import Problem
from shared.runtime.settings import DigestSettings, load
from shared.stores import optouts, suppressions
from shared.stores.optouts import Optout
from shared.stores.sql import Connection

VERSION = b"u1"
PATH = "/v1/unsubscribe/"
MAX_TOKEN = 600


class Wish(NamedTuple):
    """Who does not want mails of whom; `message_id` brought the link."""

    account_id: int
    address: str
    message_id: bytes


def token(wish: Wish) -> str:
    """What stands in the link; it needs no look-up and does not run out."""
    text = VERSION + wish.account_id.to_bytes(4, "big") + wish.message_id + wish.address.encode()
    return base64.urlsafe_b64encode(ring().mark(text) + text).decode().rstrip("=")


def read(written: str) -> Wish | None:
    """The wish of a token, or None for what is none of ours."""
    if len(written) > MAX_TOKEN:
        return None
    try:
        raw = base64.urlsafe_b64decode(written.encode("ascii") + b"=" * (-len(written) % 4))
        mark, text = raw[:MARK_BYTES], raw[MARK_BYTES:]
        if not text.startswith(VERSION) or len(text) < 23 or not ring().marked(text, mark):
            return None
        return Wish(int.from_bytes(text[2:6], "big"), text[22:].decode(), text[6:22])
    except (binascii.Error, UnicodeError):
        return None


def link(account_id: int, address: str, reference: str) -> str:
    """The link for a mail; empty where the installation does not say how clients reach it."""
    base = load(DigestSettings).gateway_url.rstrip("/")
    return f"{base}{PATH}{token(Wish(account_id, address, bytes.fromhex(reference)))}" if base else ""


async def page(request: Request, ims: Context) -> Response:
    """What the link shows: a button. Nothing changes, however often it is asked for."""
    wish = _wish(request)
    return _page(
        f"<p>{escape(wish.address)}</p>"
        "<p>이 발신자의 광고와 소식을 더 받지 않으시겠습니까? · Stop advertisements and news from this sender?</p>"
        '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
        '<button type="submit">수신거부 · Unsubscribe</button></form>'
    )


async def unsubscribe(request: Request, ims: Context) -> Response:
    """Take the address off the account's advertisements and bulk mails, at once; again is the same."""
    wish = _wish(request)
    await ims.db(_opted_out, wish, ims.now_ms())
    return _page(
        f"<p>{escape(wish.address)}</p>"
        "<p>수신거부가 처리되었습니다. · You are unsubscribed from advertisements and news of this sender.</p>"
    )


def _opted_out(conn: Connection, wish: Wish, now_ms: int) -> None:
    """The wish, where mails ask for it and where the account sees it."""
    suppressions.opt_out(conn, wish.account_id, "email", wish.address, wish.message_id, now_ms)
    new_id = new_request_id(now_ms).bytes
    one = Optout(
        new_id, wish.account_id, "email", wish.address, optouts.ADS, "unsubscribed", None, "the link in a mail",
        wish.message_id, now_ms, now_ms,
    )  # fmt: skip
    optouts.add(conn, one)


def _wish(request: Request) -> Wish:
    wish = read(request.path_params["token"])
    if wish is None:
        raise Problem(404, "There is no such link.")
    return wish


def _page(content: str) -> Response:
    html = (
        '<!doctype html><html lang="ko"><head><meta charset="utf-8"><meta name="robots" content="noindex">'
        '<meta name="viewport" content="width=device-width"><title>수신거부 · Unsubscribe</title></head>'
        f'<body style="font-family:sans-serif;max-width:32em;margin:4em auto;padding:0 1em">{content}</body></html>'
    )
    headers = {
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
    }
    return Response(html, media_type="text/html; charset=utf-8", headers=headers)
