"""HTML of a mail: where its variables stand, how values are written there, and the text that is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from html.parser import HTMLParser
from typing import Literal, NamedTuple
from urllib.parse import quote

from shared.domain.variables import compiled

Place = Literal["text", "url", "whole_url", "bare"]
"""Where a variable stands: in text or a quoted attribute; within a URL; as a URL's beginning; in an attribute without
quotes, where a value could add attributes of its own."""

_URL_NAMES = "href|src|action|background|formaction|poster|cite|data|longdesc|srcset|xlink:href"
_IN_TAG = re.compile(r"<[a-zA-Z/!][^<>]*\Z")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*|'[^']*|[^\s"'<>]*)\Z""")
_URL_ATTRIBUTE = re.compile(_URL_NAMES, re.IGNORECASE).fullmatch
_SAFE_URL = re.compile(r"(https?://|mailto:|tel:)[^\s<>\"']+", re.IGNORECASE).fullmatch
_CID = re.compile(r"""\bcid:([^"'\s<>)]+)""", re.IGNORECASE)
_BLOCK_NAMES = (
    "address article aside blockquote br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main "
    "nav ol p pre section table tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HIDDEN = frozenset({"style", "script", "head", "title", "template", "noscript"})
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre"])


@lru_cache(maxsize=256)
def places(html: str) -> tuple[tuple[str, Place], ...]:
    """Each variable of an HTML text with its place, in order."""
    parts = compiled(html).parts
    found: list[tuple[str, Place]] = []
    before = ""
    for i, part in enumerate(parts):
        if i % 2:
            found.append((part, _place(before)))
            before = before[-4000:] + "x"
        else:
            before += part
    return tuple(found)


def _place(before: str) -> Place:
    tag = _IN_TAG.search(before)
    attribute = _ATTRIBUTE.search(tag[0]) if tag else None
    if tag is None:
        return "text"
    if attribute is None:
        return "bare"
    name, value = attribute[1], attribute[2]
    if value[:1] not in ('"', "'"):
        return "bare"
    if not _URL_ATTRIBUTE(name):
        return "text"
    return "url" if value[1:].strip() else "whole_url"


def unsafe(html: str, values: Mapping[str, str]) -> str | None:
    """The variable whose value is to be a link and is none that may be followed, or None."""
    return next((n for n, place in places(html) if place == "whole_url" and not _SAFE_URL(values[n])), None)


def fill(html: str, values: Mapping[str, str] | None) -> str:
    """The HTML for one recipient: values escaped, and percent-encoded within URLs; one pass."""
    if not values or "#{" not in html:
        return html
    parts = compiled(html).parts.copy()
    parts[1::2] = [
        quote(values[name], safe="") if place == "url" else escape(values[name], quote=True)
        for name, place in places(html)
    ]
    return "".join(parts)


def content_ids(html: str) -> frozenset[str]:
    """The pictures that the HTML shows out of the mail itself."""
    return frozenset(_CID.findall(html)) if "cid:" in html.lower() else frozenset()


class _Link(NamedTuple):
    href: str
    start: int


class _Text(HTMLParser):
    """Collects what a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._hidden = 0
        self._links: list[_Link] = []
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
            return
        given = dict(attrs)
        if tag == "a":
            self._links.append(_Link((given.get("href") or "").strip(), len(self.out)))
        elif tag == "img" and given.get("alt"):
            self.handle_data(given["alt"] or "")
        elif tag == "li":
            self.out.append("\n- ")
        elif tag in ("td", "th"):
            self.out.append(" ")
        elif tag in _BLOCKS:
            self.out.append("\n\n" if tag in _PARAGRAPHS else "\n")
        self._pre += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a" and self._links:
            href, start = self._links.pop()
            shown = "".join(self.out[start:]).strip()
            if href and not href.startswith(("#", "cid:", "javascript:")) and href.removeprefix("mailto:") != shown:
                self.out.append(f" ({href})" if shown else href)
        elif tag in _BLOCKS and tag != "br":
            self.out.append("\n\n" if tag in _PARAGRAPHS else "\n")
            self._pre -= tag == "pre" and self._pre > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.out.append(data if self._pre else re.sub(r"\s+", " ", data))


def as_text(html: str) -> str:
    """The text part of a mail that has only HTML: links with their addresses, no styles, no scripts; variables stay."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in "".join(reader.out).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
