"""What an image is, whatever it is called; and what is told of one that cannot be sent."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.accepting import images
from shared.accepting.images import NoImage, look
from shared.channels.common import FileInfo
from tests.builders import a_jpeg

PICTURE = a_jpeg()


def refusal(body: bytes) -> str:
    with pytest.raises(NoImage) as refused:
        look(body)
    return str(refused.value)


def saved(kind: str) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(drawn, kind)
    return drawn.getvalue()


def with_size(body: bytes, width: int, height: int) -> bytes:
    at = body.index(b"\xff\xc0")
    return body[: at + 5] + struct.pack(">HH", height, width) + body[at + 9 :]


@pytest.mark.parametrize(
    "how", [{}, {"progressive": True}, {"mode": "L"}, {"quality": 1}, {"quality": 100, "subsampling": 0}]
)
@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (320, 240), (1000, 1000), (17, 9), (4000, 3000)])
def test_a_whole_jpeg_is_taken_with_its_size(size: tuple[int, int], how: dict[str, Any]) -> None:
    body = a_jpeg(*size, **how)
    assert look(body) == FileInfo("image/jpeg", len(body), *size)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_jpeg_that_was_cut_is_refused(part: float, progressive: bool) -> None:
    body = a_jpeg(640, 480, progressive=progressive)
    assert refusal(body[: int(len(body) * part)])
    assert "cut" in refusal(body[:-2])
    assert "cut" in refusal(body[:-1])


@given(st.integers(0, len(PICTURE) - 1))
def test_no_beginning_of_a_jpeg_is_one(length: int) -> None:
    assert refusal(PICTURE[:length])


@given(st.binary(max_size=300), st.integers(0, len(PICTURE)), st.integers(0, 300))
@settings(max_examples=200)
def test_whatever_the_bytes_are_they_are_an_image_or_refused(junk: bytes, at: int, gone: int) -> None:
    for body in (junk, b"\xff\xd8" + junk, PICTURE[:at] + junk + PICTURE[at + gone :]):
        with suppress(NoImage):
            info = look(body)
            assert info.width
            assert info.height


def test_fill_bytes_before_a_marker_are_no_fault() -> None:
    for marker in (b"\xff\xdb", b"\xff\xc0", b"\xff\xc4", b"\xff\xda"):
        filled = PICTURE.replace(marker, b"\xff" * 7 + marker, 1)
        assert look(filled).width == 320
    for behind in (b"\r\n\0\n\r", b"x" * 100_000, b"\xff\xd8\xff"):
        assert look(PICTURE + behind).size == len(PICTURE) + len(behind)


def test_a_thumbnails_end_is_not_the_pictures() -> None:
    thumbnail = a_jpeg(16, 16)
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Exif\0\0" + thumbnail
    whole = PICTURE[:2] + segment + PICTURE[2:]
    assert look(whole).width == 320
    assert "cut" in refusal(whole[:-2])


@pytest.mark.parametrize("size", [(0, 0), (0, 10), (10, 0)])
def test_an_image_without_pixels_is_refused(size: tuple[int, int]) -> None:
    assert refusal(with_size(PICTURE, *size))


@pytest.mark.parametrize("size", [(65_000, 65_000), (4001, 3000), (20_001, 1)])
def test_an_image_of_too_many_pixels_is_not_even_decoded(size: tuple[int, int]) -> None:
    assert "pixels" in refusal(with_size(PICTURE, *size))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        *((saved(kind), kind) for kind in ("PNG", "GIF", "BMP", "TIFF", "PDF", "WebP")),
        (b"", "empty"),
        (b"hello", "not a JPEG"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\xff\xd8\xff\xd9", "JPEG without"),
        (b"\xff\xd8", "JPEG without"),
        (a_jpeg(mode="CMYK"), "CMYK"),
    ],
)
def test_what_cannot_be_sent_is_told_for_what_it_is(body: bytes, word: str) -> None:
    assert word in refusal(body)


async def test_images_are_looked_at_beside_the_requests() -> None:
    assert (await images.examine(PICTURE)).width == 320
    with pytest.raises(NoImage):
        await images.examine(PICTURE[:-10])
