"""Secrets at rest: what is sealed opens only there, with a key that is in the ring."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.accounts import secrets
from shared.accounts.secrets import Place, Ring, Unreadable

OLD, NEW = os.urandom(32), os.urandom(32)
PLACE = Place(7, b"i" * 16)


@given(st.text(min_size=1, max_size=200))
def test_what_is_sealed_opens_again_and_is_never_sealed_twice_alike(text: str) -> None:
    ring = Ring([NEW])
    first, second = ring.seal(text, "here"), ring.seal(text, "here")
    assert first != second
    assert ring.open(first, "here") == ring.open(second, "here") == text
    assert text not in first or len(text) < 4


def test_the_first_key_writes_and_all_keys_read() -> None:
    before = Ring([OLD]).seal("s3cret-text", "here")
    both = Ring([NEW, OLD])
    assert both.open(before, "here") == "s3cret-text"
    assert both.stale(before)
    after = both.seal("s3cret-text", "here")
    assert not both.stale(after)
    with pytest.raises(Unreadable):
        Ring([OLD]).open(after, "here")


@pytest.mark.parametrize("wrong", ["", "s1.", "s1.AAAA", "s1.****", "s2.", "plain text", "s1." + "A" * 80])
def test_what_nobody_sealed_is_unreadable(wrong: str) -> None:
    with pytest.raises(Unreadable):
        Ring([NEW]).open(wrong, "here")


def test_a_secret_opens_nowhere_else_and_not_when_it_was_changed() -> None:
    ring = Ring([NEW])
    kept = secrets.sealed(ring, {"apns_key": "s3cret-text"}, PLACE, 1000)
    assert secrets.opened(ring, kept, PLACE) == {"apns_key": "s3cret-text"}
    assert not secrets.opens(ring, kept, Place(8, b"i" * 16))
    assert not secrets.opens(ring, {"fcm": kept["apns_key"]}, PLACE)
    raw = bytearray(base64.b64decode(kept["apns_key"]["sealed"].partition(".")[2]))
    raw[-1] ^= 1
    assert not secrets.opens(ring, {"apns_key": {"sealed": f"s1.{base64.b64encode(raw).decode()}"}}, PLACE)


def test_what_is_shown_tells_nothing_of_the_secret() -> None:
    kept = Ring([NEW]).keep("s3cret-text", PLACE.of("a"), 1000)
    told = secrets.shown(kept, str)
    assert told == {"set": True, "fingerprint": kept.fingerprint, "since": "1000"}
    assert "s3cret" not in repr(told)
    assert kept.fingerprint != Ring([NEW]).keep("s3cret-text", PLACE.of("b"), 1000).fingerprint
    assert secrets.same(kept.fingerprint, kept)
    assert secrets.shown(None, str) == {"set": False}


@pytest.mark.parametrize("wrong", ["x", "AAAA", base64.b64encode(b"k" * 31).decode(), "é"])
def test_a_key_that_is_none_is_named_without_being_shown(wrong: str) -> None:
    with pytest.raises(ValueError, match="IMS_SECRET_KEYS"):
        secrets.read_keys(wrong)


def test_keys_may_be_written_in_both_alphabets_of_base64() -> None:
    key = b"\xfb\xff" * 16
    written = f"{base64.b64encode(key).decode()}, {base64.urlsafe_b64encode(key).decode()},"
    assert secrets.read_keys(written) == [key, key]
    assert secrets.read_keys("") == []
