"""Every code that a vendor's table has on a channel has a magic recipient at the simulator, which gives just that."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.vendors.registry import REGISTRY
from simulator import smtp
from simulator.vendors import nhn, nhn_kakao, nhn_rcs, solapi, solapi_kakao, solapi_rcs
from simulator.vendors.apns import ApnsVendor
from simulator.vendors.fcm import FcmVendor
from simulator.vendors.webpush import WebPushVendor

ASKED: Mapping[tuple[str, str], Mapping[str, object]] = {
    ("solapi", "mt"): solapi.RAW_CODES,
    ("nhn", "mt"): nhn.RAW_CODES,
    ("solapi", "kakao"): solapi_kakao.RAW_CODES,
    ("nhn", "kakao"): nhn_kakao.RAW_CODES,
    ("solapi", "rcs"): solapi_rcs.RAW_CODES,
    ("nhn", "rcs"): nhn_rcs.RAW_CODES,
    ("smtp", "email"): smtp.ANSWERS,
    ("fcm", "push"): FcmVendor.raw_codes,
    ("apns", "push"): ApnsVendor.raw_codes,
    ("webpush", "push"): WebPushVendor.raw_codes,
}
UNASKED = {("fcm", "push"): {"0300", "3003"}}
"""0300 is a trick of the simulator's own; no status carries FCM's UNSPECIFIED, so no answer is known to be it."""
OUR_OWN = ("devices", "push")
"""All devices of a user: it is no vendor, and says what its services say."""


def test_every_vendor_is_asked() -> None:
    assert {*REGISTRY} == {*ASKED, OUR_OWN}


@pytest.mark.parametrize("key", ASKED, ids="-".join)
def test_each_code_of_a_vendor_can_be_asked_for(key: tuple[str, str]) -> None:
    codes = {row.ims for row in REGISTRY[key].codes.values()} - UNASKED.get(key, {"0300"})
    assert codes - {*ASKED[key]} == set()
    assert {*ASKED[key]} - codes <= {"0000"}


@pytest.mark.parametrize("key", [key for key in ASKED if key[1] in ("mt", "kakao", "rcs")], ids="-".join)
def test_what_is_answered_means_the_code_that_was_asked_for(key: tuple[str, str]) -> None:
    table = REGISTRY[key].codes
    for ims, raw in ASKED[key].items():
        assert ims == "0000" or table[str(raw)].ims == ims
