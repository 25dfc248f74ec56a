"""The limits of a mail, each with its source."""

from __future__ import annotations

SUBJECT = 998
"""Characters of a subject after filling (NHN E-mail v2.1; RFC 5322's longest line)."""
TEXT = 60_000
"""Characters of `text` and of `html`: contents travel with each event (shared/channels/acceptance.py:MAX_PLAN)."""
CC = 10
"""Copies; there is no bcc (docs/api)."""
ATTACHMENTS = 10
"""Files (NHN E-mail v2.1)."""
SIZE = 20 * 1024 * 1024
"""Bytes of a mail as sent, files in base64: big receivers take 25 MB."""
HEADERS, HEADER_NAME, HEADER_VALUE = 20, 76, 998
"""Own headers, characters of a name and of a value (RFC 5322 §2.1.1)."""
CONTENT_ID = 100
URL = 2000
VARIABLES = 100
FILE_NAME = 255

_PROGRAMS = (
    "ade adp apk appx bat cab chm cmd com cpl dll dmg exe hta ins iso isp jar js jse lib lnk mde msc msi msix msp mst "
    "nsh pif ps1 scr sct shb sys vb vbe vbs vhd vxd wsc wsf wsh"
)
BLOCKED = frozenset(_PROGRAMS.split())
"""File name extensions of programs: big receivers refuse the whole mail (Gmail's list)."""


def encoded(size: int) -> int:
    """Bytes of a file in base64 with its line ends: 78 for each 57."""
    return -(-size // 57) * 78
