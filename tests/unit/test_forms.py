"""A form with a file: the file comes out byte for byte, or the answer says what is wrong with the form."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.accepting import forms
from shared.accepting.forms import File, only_file
from shared.runtime.problems import Problem
from tests.builders import a_jpeg

KIND = "multipart/form-data; boundary=b"
NAMED = b'content-disposition: form-data; name="file"; filename="a.jpg"\r\n'
ENDS = st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"-", b"--", b"\r\n--", b"\n--b", b" ", b"\0"])


def form(*parts: bytes) -> bytes:
    """Parts, each with its headers, as the body of a form."""
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def sent(files: Any, data: Any = None) -> tuple[str, bytes]:
    """Content type and body as an HTTP client makes them."""
    request = httpx2.Request("POST", "http://ims", files=files, data=data)
    return request.headers["content-type"], request.read()


def refusal(content_type: str, body: bytes) -> tuple[int, str, str]:
    with pytest.raises(Problem) as refused:
        only_file(content_type, body)
    (fault,) = refused.value.errors
    assert fault["detail"]
    return refused.value.status, fault["pointer"], fault["code"]


@given(st.tuples(ENDS, st.binary(max_size=300), ENDS).map(b"".join))
def test_every_byte_of_a_file_survives(content: bytes) -> None:
    kind, body = sent({"file": ("a.jpg", content, "image/jpeg")}, {"before": "x"})
    assert only_file(kind, body) == File("a.jpg", "image/jpeg", content)
    if b"\r\n--b" not in b"\r\n" + content:
        assert only_file(KIND, form(NAMED + b"\r\n" + content)).body == content


@given(st.binary(max_size=60), st.text(max_size=60), st.binary(max_size=60))
def test_no_form_is_more_than_refused(head: bytes, kind: str, rest: bytes) -> None:
    for content_type in (f"multipart/form-data; {kind}", KIND):
        for body in (rest, form(head), form(NAMED + head + b"\r\n\r\n" + rest), b"--b" + head + b"\r\n--b--" + rest):
            with suppress(Problem):
                only_file(content_type, body)


def test_a_large_image_is_not_changed() -> None:
    content = a_jpeg() + b"\r\n" * 1_000_000
    assert only_file(*sent({"file": ("a.jpg", content, "image/jpeg")})).body == content


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'form-data; name="file"; filename="a b;c.jpg"', "a b;c.jpg"),
        (b"form-data; name=file; filename=a.jpg", "a.jpg"),
        (b'FORM-DATA; Name="file"; FileName="a.jpg"', "a.jpg"),
        ('form-data; name="file"; filename="사진.jpg"'.encode(), "사진.jpg"),
        (b'form-data; name="file"; filename="x"; filename*=UTF-8\'\'%EC%82%AC%EC%A7%84.jpg', "사진.jpg"),
        (b'form-data; name="file"; filename="a\\"b.jpg"', 'a"b.jpg'),
        (b'form-data; name="file"', None),
        (b'form-data; name="picture"; filename="a.jpg"', "a.jpg"),
        (b'form-data; filename="a.jpg"', "a.jpg"),
    ],
)
def test_a_file_is_known_by_its_field_or_its_name(disposition: bytes, name: str | None) -> None:
    part = b"Content-Disposition: " + disposition + b"\r\nContent-Type: IMAGE/JPEG; q=1\r\n\r\nx"
    field = b'content-disposition: form-data; name="note"\r\n\r\nhello'
    for body in (form(part), form(field, part), form(part, field)):
        assert only_file(KIND, body) == File(name, "image/jpeg", b"x")


@pytest.mark.parametrize("boundary", ["b", '"b"', '"a b\'(c)+_,-./:=?"', "-" * 40 + "1234"])
def test_a_boundary_may_be_quoted_and_look_odd(boundary: str) -> None:
    line = b"--" + boundary.strip('"').encode()
    body = b"preamble\r\n" + line + b" \t\r\n" + NAMED + b"\r\n" + b"x\r\n" + line + b"--\r\nepilogue"
    assert only_file(f"multipart/form-data; charset=utf-8; Boundary={boundary}", body) == File("a.jpg", "", b"x")


@pytest.mark.parametrize(
    ("content_type", "body", "pointer", "code"),
    [
        (KIND, form(), "/file", "required"),
        (KIND, form(b'content-disposition: form-data; name="note"\r\n\r\nhello'), "/file", "required"),
        (KIND, form(b"\r\nno headers"), "/file", "required"),
        (KIND, form(NAMED + b"\r\nx", NAMED + b"\r\ny"), "/file", "range"),
        (KIND, form(NAMED + b"\r\nx", NAMED.replace(b'"file"', b'"more"') + b"\r\ny"), "/file", "range"),
        (KIND, form(*[b"\r\nx"] * 21), "", "range"),
        (KIND, form(NAMED + b"x: " + b"y" * forms.MAX_HEADERS + b"\r\n\r\nx"), "", "format"),
        (KIND, form(NAMED + b"\r\nx")[:-6], "", "format"),
        (KIND, form(NAMED + b"\r\nx").replace(b"\r\n", b"\n"), "", "format"),
        (KIND, b"--bee\r\n" + NAMED + b"\r\nx\r\n--b--", "", "format"),
        (KIND, b"", "", "format"),
        ("multipart/form-data", form(NAMED + b"\r\nx"), "", "format"),
        ("multipart/form-data; boundary=", form(NAMED + b"\r\nx"), "", "format"),
        (f"multipart/form-data; boundary={'b' * 71}", form(NAMED + b"\r\nx"), "", "format"),
    ],
)
def test_a_form_without_exactly_one_file_is_refused(content_type: str, body: bytes, pointer: str, code: str) -> None:
    assert refusal(content_type, body) == (422, pointer, code)
