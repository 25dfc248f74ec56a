"""What SMTP replies mean: enhanced status codes (RFC 3463, 7372, 7505) first, then reply codes; words only where
neither says enough. Codes of class 4 mean "later": they never say anything about the address."""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.vendors.base import CodeTable
from shared.vendors.tables import codes

CODES: CodeTable = codes("""
    5.1.0      5002  the address is not good
    5.1.1      5002  no such mailbox
    5.1.2      5002  no such host
    5.1.3      5002  the address is not well formed there
    5.1.6      5002  the mailbox has moved
    5.1.10     5002  the host takes no mail (null MX)
    5.1.7      1004  our sender address is not good
    5.1.8      1004  our sender's host is not good
    5.2.0      3003  something about the mailbox
    5.2.1      5002  the mailbox is disabled
    5.2.2      4003  the mailbox is full
    5.2.3      1002  the mail is too large for the mailbox
    5.3.0      3003  the host failed
    5.3.2      3003  the host takes no mail now
    5.3.4      1002  the mail is too large
    5.4.1      3003  the host does not answer
    5.4.4      5002  no route to the host
    5.4.6      3003  a mail loop
    5.4.7      3003  the relay has tried long enough
    5.5.0      1009  a fault in the dialogue
    5.5.1      1009  a command that is not known there
    5.5.2      1009  a command that is not well formed
    5.5.4      1009  an argument that is not good
    5.6.0      1009  something about the content
    5.7.0      4006  refused by policy
    5.7.1      4006  refused by policy, as spam
    5.7.7      4006  the mail's integrity is doubted
    5.7.8      3004  the relay refuses our login
    5.7.9      3004  the relay wants another way to log in
    5.7.20     1004  no DKIM signature that passes
    5.7.21     1004  no DKIM signature that is acceptable
    5.7.22     1004  the DKIM signature is of another domain
    5.7.23     1004  SPF says no
    5.7.24     1004  SPF cannot be read
    5.7.25     1004  our address has no name
    5.7.26     1004  neither SPF nor DKIM passes
    5.7.27     1004  our sender's host takes no mail (null MX)
    5.7.509    1004  DMARC says no
    5.7.515    1004  the sending domain is not authenticated
    5.7.511    4006  our address is banned
    5.7.606    4006  our address is banned
    5.7.708    4006  our address is not trusted
    4.2.1      3002  the mailbox is busy
    4.2.2      4003  the mailbox is full
    4.3.2      3002  the host is busy
    4.5.3      3002  too many recipients at once
    4.7.0      3002  slow down
    4.7.1      3002  slow down
    4.7.28     3002  too much mail
    4.7.500    3002  the host is busy
    421        3001  the host closes the connection
    450        3001  the mailbox cannot be reached now
    451        3001  an error at the host
    452        3001  the host has no room now
    454        3001  the host cannot do it now
    503        1009  commands in the wrong order
    521        5002  the host takes no mail
    523        1002  the mail is too large
    530        3004  the relay wants a login
    534        3004  the relay wants another way to log in
    535        3004  the relay refuses our login
    550        3003  refused
    551        5002  the mailbox is not here
    552        4003  the mailbox is full
    553        5002  the mailbox name is not allowed
    554        3003  refused
    556        5002  the host takes no mail
    abuse      5002  the recipient has complained
    complaint  5002  the recipient has complained
    bounce     3003  it came back, and no code says why
    bounce.unknown  5002  it came back: no such mailbox
    bounce.full     4003  it came back: the mailbox is full
    bounce.spam     4006  it came back as spam
    bounce.large    1002  it came back: too large
""")
"""By enhanced code, by reply code where that is all, and by our own words for bounces without a code."""

CLASSES = {"4.7": "3002", "4": "3001", "5.1": "5002", "5.7": "4006"}
"""By the beginning of an enhanced code that the table does not have."""

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_UNKNOWN = re.compile(
    r"(no such|unknown|invalid|nonexist\w*|does ?n[o']t (have|exist)|not (found|exist\w*)|no mailbox|disabled|"
    r"unavailable) ?(user|recipient|mailbox|address|account|here|a )?|recipientnotfound|user unknown|"
    r"no longer (available|active)|존재하지 않|없는 (사용자|주소|계정)|수신자를 찾을 수",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"over ?quota|mailbox (is )?full|quota exceeded|용량 (초과|부족)|insufficient .{0,10}storage", re.IGNORECASE
)
_SPAM = re.compile(
    r"spam|unsolicited|block ?list|blacklist|blocked|reputation|policy|banned|junk|스팸|차단", re.IGNORECASE
)
_LARGE = re.compile(r"too (large|big)|size (limit|exceed)|exceed\w* .{0,20}size|message size", re.IGNORECASE)


class Meaning(NamedTuple):
    """The IMS code of a reply and the raw code that it is kept under."""

    ims: str
    raw: str


def worded(text: str) -> str | None:
    """Which of our own words fits a text, or None."""
    for word, found in (
        ("bounce.spam", _SPAM), ("bounce.full", _FULL), ("bounce.large", _LARGE), ("bounce.unknown", _UNKNOWN),
    ):  # fmt: skip
        if found.search(text):
            return word
    return None


def enhanced(text: str) -> str | None:
    """The enhanced code that a reply begins with, or has within its first words."""
    found = ENHANCED.search(text[:300])
    return found[1] if found else None


def meaning(code: int, text: str) -> Meaning:
    """What a refusal means, by its reply code and text (without the code)."""
    status = enhanced(text)
    if status and status[0] == str(code)[:1]:
        return Meaning(of_status(status), status)
    raw = str(code)
    if code < 500:
        return Meaning(CODES[raw].ims if raw in CODES else "3001", raw)
    if code in (530, 534, 535, 503, 523):
        return Meaning(CODES[raw].ims, raw)
    word = worded(text)
    if word:
        return Meaning(CODES[word].ims, raw)
    return Meaning(CODES[raw].ims if raw in CODES else "3003", raw)


def of_status(status: str) -> str:
    """The IMS code of an enhanced code, from its whole to its class."""
    if status in CODES:
        return CODES[status].ims
    head = status.rpartition(".")[0]
    return CLASSES.get(head) or CLASSES.get(status[0], "3003")
