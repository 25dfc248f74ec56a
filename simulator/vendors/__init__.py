"""The simulated vendors: adding one is its file and its line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shared.vendors.base import VendorAccount
from simulator.vendors.apns import ApnsVendor
from simulator.vendors.base import SimVendor
from simulator.vendors.fcm import FcmVendor
from simulator.vendors.nhn import NhnVendor
from simulator.vendors.nhn_kakao import NhnAlimtalk, NhnBrand
from simulator.vendors.nhn_rcs import NhnRcsVendor
from simulator.vendors.solapi import SolapiVendor
from simulator.vendors.webpush import WebPushVendor

VENDORS: dict[str, Callable[[Iterable[VendorAccount]], SimVendor]] = {
    "solapi": SolapiVendor,
    "nhn": NhnVendor,
    "fcm": FcmVendor,
    "apns": ApnsVendor,
    "webpush": WebPushVendor,
}
FURTHER: dict[str, tuple[Callable[[Iterable[VendorAccount]], SimVendor], ...]] = {
    "nhn": (NhnAlimtalk, NhnBrand, NhnRcsVendor),
}
"""Further APIs of a vendor, each with the `prefix` of its paths."""
