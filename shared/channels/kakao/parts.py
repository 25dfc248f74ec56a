"""What templates and messages of KakaoTalk are made of: links, buttons, items; and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.channels.common import Fault
from shared.channels.kakao import limits
from shared.channels.schema import Content
from shared.domain import variables

MAX_ANY = 2000
"""Characters that are looked at at all; far beyond every limit, so that a fault can still say how far."""
Short = Annotated[str, Field(max_length=MAX_ANY)]

_NAME = re.compile(r"#\{([^{}]*)\}")
_BAD_NAME = re.compile(r"[.@#{}]|^\s|\s$|^$")
_OPEN = re.compile(r"#\{(?![^{}]*\})|#\{[^}]*#\{")
_WEB = re.compile(r"https?://\S+|#\{[^{}]+\}\S*", re.IGNORECASE).fullmatch
_FILLED_WEB = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE).fullmatch
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*|#\{[^{}]+\}\S*").fullmatch
_FILLED_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*").fullmatch
_FORBIDDEN = re.compile(r"(?:javascript|data|vbscript|file):", re.IGNORECASE).match
_PHONE = re.compile(r"[0-9-]{3,14}", re.ASCII).fullmatch
_SUMMARY = re.compile(r"(?:#\{[^{}]+\}|[₩$€¥£0-9,. ]|원|KRW|USD|EUR|JPY|CNY)*").fullmatch


class Link(Content):
    """Where a tap leads, by device."""

    mobile: Short | None = None
    pc: Short | None = None
    ios: Short | None = None
    android: Short | None = None


class Button(Link):
    """A button or quick reply; `type` is Kakao's two letters."""

    type: Annotated[str, Field(max_length=2)]
    name: Short
    phone: Short | None = None
    extra: Short | None = None
    event: Short | None = None
    form: Short | None = None
    plugin: Short | None = None
    relay: Short | None = None
    product: Short | None = None
    one_click: Short | None = None
    target: Literal["out"] | None = None


class Item(Content):
    """A line of a list: what, and how much of it."""

    title: Short
    description: Short


class Highlight(Content):
    """The line above a list."""

    title: Short
    description: Short | None = None
    image: Short | None = None
    """A file's id."""


URLS = ("mobile", "pc")
SCHEMES = ("ios", "android")


def name_faults(text: str, pointer: str) -> Iterator[Fault]:
    """Variables whose names one of the vendors refuses: two days of review would be lost."""
    if _OPEN.search(text):
        yield Fault(pointer, "format", "a variable is opened by #{ and not closed, or holds another")
    for name in dict.fromkeys(_NAME.findall(text)):
        if _BAD_NAME.search(name):
            yield Fault(
                pointer,
                "format",
                f"the variable #{{{name}}} cannot be used: its name is blank at an end or has one of . @ # {{ }}, "
                "which vendors refuse",
            )


def too_long(text: str, limit: int) -> str:
    """How far a text is over its limit."""
    return f"has {len(text)} characters, at most {limit}"


def length_fault(text: str | None, limit: int, pointer: str) -> Iterator[Fault]:
    """A text that is over its limit before anything is filled in."""
    if text is not None and len(text) > limit:
        yield Fault(pointer, "1002", too_long(text, limit))


def link_faults(link: Link, pointer: str, limit: int = limits.URL) -> Iterator[Fault]:
    """Links that no handset would open."""
    for field in URLS:
        url = getattr(link, field)
        if url is not None:
            yield from _web_faults(url, f"{pointer}/{field}", limit)
    for field in SCHEMES:
        url = getattr(link, field)
        if url is None:
            continue
        if _FORBIDDEN(url) or not _SCHEME(url):
            yield Fault(f"{pointer}/{field}", "format", "must be an app's address like shop://order/1, without blanks")
        yield from length_fault(url, limit, f"{pointer}/{field}")
        yield from name_faults(url, f"{pointer}/{field}")


def _web_faults(url: str, pointer: str, limit: int) -> Iterator[Fault]:
    if not _WEB(url):
        yield Fault(pointer, "format", "must begin with http:// or https:// (or be a variable), without blanks")
    yield from length_fault(url, limit, pointer)
    yield from name_faults(url, pointer)


def filled_fault(
    button: Mapping[str, Any], values: Mapping[str, str], limit: int = limits.URL
) -> tuple[str, str] | None:
    """(variable, what is wrong) of a link that is none once it is filled in."""
    for field in (*URLS, *SCHEMES):
        url = button.get(field) or ""
        names = variables.names(url)
        if not names:
            continue
        whole = variables.fill(url, values)
        if wrong := _filled_link_fault(field, whole, limit):
            return names[0], f"the link {field} of {button.get('name', 'it')!r} {wrong}"
    return None


def _filled_link_fault(field: str, url: str, limit: int) -> str | None:
    if field in URLS and not _FILLED_WEB(url):
        return "is no http(s) address with it"
    if field in SCHEMES and (_FORBIDDEN(url) or not _FILLED_SCHEME(url)):
        return "is no app's address with it"
    return too_long(url, limit) if len(url) > limit else None


def trimmed(button: Button) -> Button:
    """The button with blanks at the ends of its name and links taken off, as all of it is compared later."""
    changes = {
        name: value.strip() for name, value in button if isinstance(value, str) and name not in ("extra", "event")
    }
    return button.model_copy(update=changes)


def button_faults(
    buttons: Sequence[Button], replies: Sequence[Button], kind: str, pointer: str = ""
) -> Iterator[Fault]:
    """Everything that Kakao's review would refuse, in one answer."""
    most = limits.BUTTONS_WITH_REPLIES if replies else limits.BUTTONS
    if len(buttons) > most:
        beside = " beside quick replies" if replies else ""
        yield Fault(f"{pointer}/buttons", "range", f"has {len(buttons)} buttons, at most {most}{beside}")
    if len(replies) > limits.QUICK_REPLIES:
        yield Fault(f"{pointer}/quick_replies", "range", f"has {len(replies)}, at most {limits.QUICK_REPLIES}")
    adds = [i for i, b in enumerate(buttons) if b.type == "AC"]
    if kind in ("AD", "MI") and adds != [0]:
        yield Fault(
            f"{pointer}/buttons", "conflict", f"kind {kind} needs AC ({limits.ADD_CHANNEL}) as its first button"
        )
    elif kind not in ("AD", "MI") and adds:
        yield Fault(
            f"{pointer}/buttons/{adds[0]}/type", "conflict", "AC stands only in templates of the kinds AD and MI"
        )
    for i, button in enumerate(buttons):
        yield from _one_faults(button, f"{pointer}/buttons/{i}", limits.BUTTON_TYPES, first=i == 0)
    for i, reply in enumerate(replies):
        yield from _one_faults(reply, f"{pointer}/quick_replies/{i}", limits.REPLY_TYPES, first=True)


def _one_faults(button: Button, pointer: str, types: Sequence[str], *, first: bool) -> Iterator[Fault]:
    if button.type not in types:
        yield Fault(f"{pointer}/type", "range", f"must be one of {', '.join(types)}")
        return
    yield from _button_name_faults(button, f"{pointer}/name")
    yield from link_faults(button, pointer)
    if button.type == "WL" and not button.mobile:
        yield Fault(f"{pointer}/mobile", "required", "a web link needs its mobile address")
    if button.type == "AL" and sum(bool(x) for x in (button.mobile, button.ios, button.android)) < 2:
        yield Fault(pointer, "required", "an app link needs two of mobile, ios and android")
    if button.type == "TN" and not _PHONE(button.phone or ""):
        yield Fault(f"{pointer}/phone", "format", f"needs a number of at most {limits.PHONE} digits and hyphens")
    if button.type == "BF" and not (first and button.form):
        yield Fault(pointer, "conflict", "a business form needs `form` and must be the first button")
    if button.type in ("P1", "P2", "P3") and not button.plugin:
        yield Fault(f"{pointer}/plugin", "required", "a plug-in needs its id")
    yield from length_fault(button.extra, limits.CHAT_EXTRA, f"{pointer}/extra")
    yield from length_fault(button.event, limits.CHAT_EVENT, f"{pointer}/event")


_FIXED_NAMES = {"AC": (limits.ADD_CHANNEL,), "TN": limits.PHONE_NAMES, "BF": limits.FORM_NAMES}


def _button_name_faults(button: Button, pointer: str) -> Iterator[Fault]:
    if not button.name:
        yield Fault(pointer, "required", "a button needs its name")
    yield from length_fault(button.name, limits.BUTTON_NAME, pointer)
    if "#{" in button.name:
        yield Fault(pointer, "format", "a button's name has no variables")
    wanted = _FIXED_NAMES.get(button.type)
    if wanted and button.name not in wanted:
        yield Fault(pointer, "range", f"the name of {button.type} must be {' or '.join(wanted)}")


def summary_fault(text: str) -> bool:
    """Whether a summary's amount has more than variables, currency marks, digits, commas, points."""
    return _SUMMARY(text) is None


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """A content with the variables of all its texts filled in; raises KeyError with the name of a missing one."""
    if isinstance(value, str):
        return variables.fill(value, values)
    if isinstance(value, Mapping):
        return {name: filled(part, values) for name, part in value.items()}
    return [filled(part, values) for part in value] if isinstance(value, list) else value
