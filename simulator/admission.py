"""From a readable call to records: each message gets its fate, and receipts are sorted by how they will go out."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from simulator.behaviour import Behaviour
from simulator.fate import DELIVERED, Fate
from simulator.store import Record
from simulator.vendors.base import SimVendor, Submission


@dataclass(slots=True)
class Admission:
    """What a call leads to."""

    records: list[Record] = field(default_factory=list)
    receipts: list[Record] = field(default_factory=list)
    late: list[Record] = field(default_factory=list)
    early: list[Record] = field(default_factory=list)
    again: list[Record] = field(default_factory=list)
    abroad: list[Record] = field(default_factory=list)
    """Receipts that follow those of texts to foreign numbers."""
    slow_ms: int = 0
    hang: bool = False

    def sort(self, record: Record, fate: Fate, vendor: SimVendor) -> None:
        """Put the record's receipt where its fate wants it."""
        self.slow_ms = max(self.slow_ms, fate.slow_ms)
        self.hang = self.hang or fate.hang
        if record.refused or not fate.copies:
            return
        self.follow(record, vendor)
        (self.early if fate.early else self.late if fate.delay_ms else self.receipts).append(record)
        if fate.copies > 1:
            self.again.append(record)

    def follow(self, record: Record, vendor: SimVendor) -> None:
        """A vendor with an `abroad_event` tells twice of a foreign number: that it was taken, and what became of it."""
        if record.to[:1] == "+" and (event := getattr(vendor, "abroad_event", "")):
            self.abroad.append(record._replace(event=event))


def admit(
    vendor: SimVendor, account: str, call: Submission, behaviour: Behaviour, dice: Random, now_ms: int, serial: int
) -> Admission:
    """Decide the fate of every message of a call."""
    admission = Admission()
    name, channel, group, path, magic = vendor.name, vendor.channel, call.group, call.path, vendor.magic
    final_at, spoiled, delivered = now_ms + behaviour.receipt_delay_ms, behaviour.spoils_receipts, vendor.delivered
    records, receipts, vendor_ref = admission.records, admission.receipts, vendor.vendor_ref
    for seq, (to, sender, kind, text, reference, fault, extra) in enumerate(call.items, 1):
        fate = Fate(fault, True) if fault else (magic if extra is None else extra.magic).get(to, DELIVERED)
        if spoiled:
            fate = _spoil(fate, behaviour, dice)
        raw, refused = fate.raw, fate.refused
        record = Record(
            serial + seq, name, account, channel if extra is None else extra.channel, to, sender, kind, text, reference,
            vendor_ref(group, seq), group, seq, path, raw or delivered, refused, not raw, now_ms,
            final_at + fate.delay_ms, extra,
        )  # fmt: skip
        records.append(record)
        if fate is DELIVERED:
            receipts.append(record)
            admission.follow(record, vendor)
        else:
            admission.sort(record, fate, vendor)
    return admission


def _spoil(fate: Fate, behaviour: Behaviour, dice: Random) -> Fate:
    if dice.random() < behaviour.receipt_lost_rate:
        return fate._replace(copies=0)
    if dice.random() < behaviour.receipt_twice_rate:
        fate = fate._replace(copies=2)
    return fate._replace(early=True) if dice.random() < behaviour.receipt_early_rate else fate
