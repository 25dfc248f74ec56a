"""What an uploaded image is: decoded to its end, within limits, and judged by what it is, whatever it is called.

Only complete, baseline or progressive JPEGs in colours (RGB) or grey are taken: vendors take nothing else, and what is
broken would be charged and not shown. CMYK, as printers have it, comes out inverted on many handsets.
"""

from __future__ import annotations

import asyncio
import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

from shared.channels.common import FileInfo

MAX_PIXELS = 12_000_000
"""4,000 × 3,000, as phones take pictures; an MMS carries much less (shared/domain/text.py)."""
MAX_SIDE = 20_000
SHRINK = 8
"""An image is decoded at an eighth of its size: every byte of it is read, a sixty-fourth of the memory is needed."""
MODES = frozenset({"RGB", "L"})
_WORKERS = ThreadPoolExecutor(1, "images")
"""One image at a time: decoding must not take the processor from the requests."""
_SOI, _EOI, _SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length (ITU-T T.81, table B.1)."""


class NoImage(ValueError):
    """An image that cannot be sent; `known` is whether it is a JPEG at all."""

    def __init__(self, detail: str, *, known: bool = True) -> None:
        super().__init__(detail)
        self.known = known


async def examine(body: bytes) -> FileInfo:
    """What an image is; raises NoImage. In a thread, one after the other."""
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, look, body)


def look(body: bytes) -> FileInfo:
    """The same, here and now."""
    from PIL import Image, UnidentifiedImageError  # needed by uploads only

    if not body.startswith(_SOI):
        raise NoImage(_other(body), known=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(body), formats=("JPEG",)) as image:
                width, height = image.size
                _check_size(width, height)
                if image.mode not in MODES:
                    raise NoImage(f"its colours are {image.mode}: save it as RGB")
                image.draft(image.mode, (max(1, width // SHRINK), max(1, height // SHRINK)))
                image.load()
        except NoImage:
            raise
        except UnidentifiedImageError as error:
            raise NoImage("it is a JPEG without an image: a part of it is missing or broken") from error
        except Exception as error:  # Pillow raises what its reading of a broken file happens to raise
            raise NoImage(f"it is cut or broken: {str(error)[:100] or type(error).__name__}") from error
    if body.find(_EOI, _scan(body)) < 0:
        raise NoImage("it is cut: its end is missing")
    return FileInfo("image/jpeg", len(body), width, height)


def _check_size(width: int, height: int) -> None:
    if not width or not height:
        raise NoImage(f"it has {width} × {height} pixels")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise NoImage(f"it has {width} × {height} pixels, at most {MAX_PIXELS:,} in all")


def _scan(body: bytes) -> int:
    """Where the image's own data begin, behind all that may hold another image (a thumbnail)."""
    at = len(_SOI)
    while 0 <= (at := body.find(b"\xff", at)) < len(body) - 3:
        marker = body[at + 1]
        if marker == 0xFF:  # fill bytes may stand before any marker
            at += 1
            continue
        if marker == _SCAN:
            return at
        at += 2 if marker in _BARE or not marker else 2 + int(struct.unpack_from(">H", body, at + 2)[0])
    return len(body)


_KNOWN: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"%PDF", "a PDF"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
)


def _other(body: bytes) -> str:
    if not body:
        return "it is empty"
    kind = next((name for start, name in _KNOWN if body.startswith(start)), "")
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        kind = "a WebP"
    if body[4:8] == b"ftyp":
        kind = "a HEIC or AVIF"
    return f"it is {kind}, not a JPEG: save it as one" if kind else "it is not a JPEG"
