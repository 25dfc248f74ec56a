"""Files that a vendor keeps go up once: not with each message, not after a failed try, and again when they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from shared.domain.errors import Unavailable
from shared.sending import uploaded
from shared.stores.vendors import Entry
from shared.vendors.base import Outbound, VendorAccount
from shared.vendors.nhn.mt import ADAPTER as SMS
from shared.vendors.nhn.rcs import ADAPTER as RCS

ACCOUNT = VendorAccount("nhn", "main", "https://nhn.example", {"app_key": "a"})


class Said(NamedTuple):
    files: tuple[str, ...]


class Vendor:
    """Counts what goes up; `down` tries fail."""

    def __init__(self) -> None:
        self.count = self.down = self.now = 0

    async def upload(self) -> list[str]:
        await asyncio.sleep(0)
        if self.down:
            self.down -= 1
            raise Unavailable("away")
        self.count += 1
        return [f"file-{self.count}"]

    async def ids(self, *files: str, adapter: Any = RCS, account: VendorAccount = ACCOUNT) -> list[str]:
        entry = Entry(account, adapter, adapter.channel, 100, False)
        message = Outbound("r", "01012345678", "rcs_mms", payload=Said(files), files=[b""] * len(files))
        return await uploaded.once(entry, message, lambda: self.now, self.upload)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    uploaded._known.clear()
    yield Vendor()
    uploaded._known.clear()


async def test_a_thousand_messages_at_once_bring_an_image_once(vendor: Vendor) -> None:
    found = await asyncio.gather(*(vendor.ids("f1") for _ in range(1000)))
    assert found == [["file-1"]] * 1000
    assert await vendor.ids("f2") == ["file-2"]


async def test_it_goes_up_again_when_its_time_is_over_or_the_vendor_has_lost_it(vendor: Vendor) -> None:
    await vendor.ids("f1")
    vendor.now = RCS.files_keep_s * 1000 - 1  # type: ignore[attr-defined]
    assert await vendor.ids("f1") == ["file-1"]
    vendor.now += 1
    assert await vendor.ids("f1") == ["file-2"]
    uploaded.forget(("f1",))
    assert await vendor.ids("f1") == ["file-3"]


async def test_a_try_that_fails_leaves_nothing_behind(vendor: Vendor) -> None:
    vendor.down = 1
    told = await asyncio.gather(*(vendor.ids("f1") for _ in range(3)), return_exceptions=True)
    assert isinstance(told[0], Unavailable)
    assert told[1:] == [["file-1"], ["file-1"]]


async def test_other_keys_are_another_account_and_what_a_vendor_does_not_keep_goes_each_time(vendor: Vendor) -> None:
    await vendor.ids("f1")
    assert await vendor.ids("f1", account=replace(ACCOUNT, settings={"app_key": "b"})) == ["file-2"]
    assert [await vendor.ids("f1", adapter=SMS) for _ in range(2)] == [["file-3"], ["file-4"]]


async def test_only_so_many_are_remembered(vendor: Vendor) -> None:
    for place in range(uploaded.MOST + 5):
        await vendor.ids(f"f{place}")
    assert len(uploaded._known) == uploaded.MOST
