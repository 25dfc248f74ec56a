"""Every vendor that IMS can use: adding one is its file, its line here, and the contract tests run over it."""

from __future__ import annotations

from shared.vendors.base import Adapter
from shared.vendors.nhn_sms import NhnSms
from shared.vendors.solapi import Solapi

ADAPTERS: tuple[Adapter, ...] = (Solapi(), NhnSms())
REGISTRY: dict[tuple[str, str], Adapter] = {(a.name, a.channel): a for a in ADAPTERS}
