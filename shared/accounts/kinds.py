"""What an identity can be, by channel: how its value is read, and which settings it has. Data, with their sources.

A number: 발신번호 (registered beforehand) or an 080 number for opt-outs. A profile: Kakao's 40 characters of sender key
(vendors.md: NHN Kakao). A chatbot: an RCS chatroom, "never 010" (RCS Biz Center). A domain: DKIM, SPF, DMARC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from shared.domain import phone

_PROFILE = re.compile(r"[0-9A-Za-z]{40}").fullmatch
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?").fullmatch
_OPTOUT = re.compile(r"080\d{7,8}").fullmatch
MAX_TEXT, MAX_SECRET = 255, 16_384

Check = Callable[[Any], Any]
"""A value as it is stored; raises ValueError with what is wrong."""


class Setting(NamedTuple):
    """One setting: how it is read, and whether it is a secret."""

    read: Check
    secret: bool = False


class Kind(NamedTuple):
    """One kind of identity on one channel."""

    channel: str
    kind: str
    read: Callable[[str], str]
    settings: dict[str, Setting]


# --- values -----------------------------------------------------------------------------------------------------------


def _number(text: str) -> str:
    digits = phone.normalise(text)
    if _OPTOUT(digits):
        return digits
    number = phone.sender(text)
    if number is None:
        raise ValueError(phone.why_not_sender(text))
    return number


def optout_number(text: Any) -> str:
    """An 080 number that takes opt-outs."""
    digits = phone.normalise(text) if isinstance(text, str) else ""
    if not _OPTOUT(digits):
        raise ValueError("must be an 080 number, like 080-123-4567")
    return digits


def _profile(text: str) -> str:
    if not _PROFILE(text):
        raise ValueError("must be a sender key: 40 letters and digits")
    return text


def domain(text: Any) -> str:
    """A domain in its ASCII form, in small letters."""
    if not isinstance(text, str):
        raise ValueError("must be a domain, like example.com")
    try:
        name = text.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError as error:
        raise ValueError("must be a domain, like example.com") from error
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 200 or not all(map(_LABEL, labels)) or labels[-1].isdigit():
        raise ValueError("must be a domain, like example.com")
    return name


def _name(text: str) -> str:
    if not _NAME(text):
        raise ValueError("1 to 64 letters, digits, dots, dashes and underlines, a letter or digit first")
    return text


def _chatbot(text: str) -> str:
    number = phone.sender(text)
    if number is None:
        raise ValueError(phone.why_not_sender(text))
    if number.startswith("010"):
        raise ValueError("a chatbot is never an 010 number")
    return number


# --- settings ---------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise ValueError(f"must be a text of 1 to {MAX_TEXT} characters")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _secret(value: Any) -> str:
    if not isinstance(value, str) or not 8 <= len(value) <= MAX_SECRET:
        raise ValueError(f"must be a text of 8 to {MAX_SECRET} characters")
    return value


def _service_account(value: Any) -> str:
    """Google's JSON of a service account, as an object or as the file's text."""
    text = json.dumps(value) if isinstance(value, dict) else _secret(value)
    try:
        held = json.loads(text)
        whole = isinstance(held, dict) and all(isinstance(held.get(n), str) for n in _GOOGLE)
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(f"must be a service account's JSON with {', '.join(_GOOGLE)}")
    _key(held["private_key"])
    return text


_GOOGLE = ("project_id", "client_email", "private_key")


def _key(value: Any) -> str:
    """A private key in PEM."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = _secret(value)
    try:
        load_pem_private_key(text.encode(), None)
    except Exception as error:  # cryptography has many kinds, and each means the same here
        raise ValueError("must be a private key in PEM, without a password") from error
    return text


def _contact(value: Any) -> str:
    text = _text(value)
    if not text.startswith(("mailto:", "https://")):
        raise ValueError("must be a mailto: or https: address (RFC 8292)")
    return text


_KINDS = (
    Kind("mt", "number", _number, {"optout": Setting(_flag)}),
    Kind(
        "kakao",
        "profile",
        _profile,
        {"search_id": Setting(_text), "optout": Setting(optout_number), "group": Setting(_flag)},
    ),
    Kind("email", "domain", domain, {"return_path": Setting(domain)}),
    Kind(
        "push",
        "app",
        _name,
        {
            "fcm_service_account": Setting(_service_account, secret=True),
            "apns_key": Setting(_key, secret=True),
            "apns_key_id": Setting(_text),
            "apns_team_id": Setting(_text),
            "apns_topic": Setting(_text),
            "vapid_subject": Setting(_contact),
        },
    ),
    Kind("rcs", "brand", _name, {}),
    Kind("rcs", "chatbot", _chatbot, {"brand_id": Setting(_name)}),
)
KINDS: dict[tuple[str, str], Kind] = {(k.channel, k.kind): k for k in _KINDS}
