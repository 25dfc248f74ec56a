"""The sending of a checked file: part after part through the very code that accepts requests.

The order of effects, for each part: the id of its request is noted → accepted (Kafka or MySQL has its messages) → the
part is noted as sent, with the counts. When the process dies after …
- *the id was noted*: the next one accepts the part under the same id. Ids of messages follow from it and from the place
  of their row, and route takes in once what comes twice.
- *it was accepted*: as before.
- *the part was noted*: the next one goes on with the next part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from shared.accepting.endpoint import in_turn, may_call
from shared.accepting.submission import Submission
from shared.accepting.submit import Submitter
from shared.channels.acceptance import Acceptance, accept_in_steps
from shared.channels.common import Channel, InvalidRequest, channel, read_time
from shared.channels.wanting import files_of, wanted
from shared.domain.errors import Unavailable
from shared.domain.ids import accepted_ms
from shared.runtime import Context, logs
from shared.runtime.clock import new_request_id
from shared.runtime.problems import Problem
from shared.stores import uploads as store
from shared.stores.accounts import Account
from shared.stores.files import note_use
from shared.stores.uploads import Part, Upload
from shared.stores.vendors import offers_of
from shared.uploads import parts
from shared.uploads.rules import body_of, view_of

QUEUED = 20
"""Batches of the account that may wait their turn in the lane before the next part is accepted."""
BUSY_S = 0.5
LONG_S = 60
"""A limit that is over sooner is waited for."""
OVER = "limit"

_submitters: WeakKeyDictionary[Context, Submitter] = WeakKeyDictionary()
log = logs.get(__name__)


class Stop(Exception):
    """The job cannot go on by itself: it is paused, and its owner is told why."""


class Sender:
    """Sends one file."""

    def __init__(self, ims: Context, row: Upload, owner: bytes, lease_ms: int) -> None:
        self._ims, self._row, self._owner, self._lease_ms = ims, row, owner, lease_ms
        self._kind: Channel = channel(row.channel)
        self._submitter = _submitters.get(ims) or _submitters.setdefault(ims, Submitter(ims))

    @property
    def _until(self) -> int:
        return self._ims.now_ms() + self._lease_ms

    async def step(self) -> bool:
        """Send the next part; False when all are sent. Raises Stop, Lost, Unavailable."""
        ims, row = self._ims, self._row
        account = await ims.accounts.by_id(row.account_id)
        if account is None or not account.enabled:
            raise Stop("the account is closed")
        if await ims.db(store.queued, row.account_id, row.lane, QUEUED) >= QUEUED:
            await ims.db(store.note, row, self._owner, self._until, {})
            await asyncio.sleep(BUSY_S)
            return True
        now = ims.now_ms()
        wish = new_request_id(now).bytes
        found = await ims.db(store.next_part, row, self._owner, self._until, wish, now)
        if found is None:
            return False
        part, again = found
        await self._send(account, part, again=again)
        return True

    async def _send(self, account: Account, part: Part, *, again: bool) -> None:
        rows = parts.good(part.good_rows)
        request_id = UUID(bytes=part.request_id or b"")
        try:
            acceptance, size = await self._accepted(account, rows, request_id)
        except InvalidRequest as error:
            await self._invalid(part, rows, error, again=again)
            return
        left_out = [[rows[r.index].row, r.code, r.detail] for r in acceptance.rejected]
        try:
            await self._submitter.submit(Submission(account, acceptance.request, None, size))
        except Problem as problem:
            await self._refused(part, rows, problem, again=again)
            return
        until, now = self._until, self._ims.now_ms()
        await self._ims.db(store.part_sent, self._row, self._owner, until, part, left_out, now)

    async def _accepted(self, account: Account, rows: Sequence[parts.Good], request_id: UUID) -> tuple[Acceptance, int]:
        row, ims, moment = self._row, self._ims, accepted_ms(request_id)
        content = self._content(moment)
        body = body_of(content, row.lane, [one.item for one in rows], f"upload:{UUID(bytes=row.upload_id)}")
        view = await ims.db(view_of, account, self._kind, body, test=row.test)
        offers = offers_of(await ims.vendors.entries())(moment) if self._asks(content) else None
        steps = accept_in_steps(
            self._kind, body, account=replace(view, may_call=may_call), now_ms=moment, request_id=request_id,
            test=row.test, offers=offers,
        )  # fmt: skip
        acceptance = await in_turn(steps, gently=False)
        names = files_of(wanted(self._kind, body, None, account.defaults))
        if names:
            needed = max(acceptance.request.scheduled_at or 0, ims.now_ms())
            await ims.db(note_use, account.account_id, names, needed)
        return acceptance, len(body)

    @staticmethod
    def _asks(content: dict[str, Any]) -> bool:
        return "max_price" in content or "international" in content

    def _content(self, moment: int) -> dict[str, Any]:
        """What all parts say; a reservation whose time has come meanwhile is due now."""
        content = dict(self._row.settings["content"])
        at = content.get("scheduled_at")
        if isinstance(at, str) and (read_time(at) or 0) <= moment:
            del content["scheduled_at"]
        return content

    async def _invalid(self, part: Part, rows: Sequence[parts.Good], error: InvalidRequest, *, again: bool) -> None:
        """All of its rows are refused, each by itself; or the content is, and the job stops."""
        others = [f for f in error.errors if not f.pointer.startswith("/recipients/")]
        if others or len(error.errors) < len(rows):
            if not again:
                await self._ims.db(store.unbegin, self._row, part)
            raise Stop("; ".join(f"{f.pointer}: {f.detail}" for f in others[:3]) or str(error))
        left_out = [[one.row, f.code, f.detail] for one, f in zip(rows, error.errors, strict=False)]
        now = self._ims.now_ms()
        await self._ims.db(store.part_sent, self._row, self._owner, self._until, part, left_out, now)

    async def _refused(self, part: Part, rows: list[parts.Good], problem: Problem, *, again: bool) -> None:
        """Limits are waited for, if that is not long. Of a part over the day's limit as much goes as still fits."""
        if problem.status != 429:
            raise Unavailable(problem.detail)
        if (problem.retry_after or 0) < LONG_S:
            await asyncio.sleep(problem.retry_after or 1)
            return
        if again:
            raise Stop(problem.detail)
        if len(rows) == 1:
            await self._ims.db(store.unbegin, self._row, part)
            raise Stop(problem.detail)
        await self._ims.db(store.split, self._row, self._owner, self._until, halved(part, rows))


def halved(part: Part, rows: Sequence[parts.Good]) -> list[Part]:
    """A part as two; the faulty rows stay with the first."""
    middle = len(rows) // 2
    first, second = rows[:middle], rows[middle:]
    return [
        part._replace(good=len(first), good_rows=parts.pack(first), state=store.WAITS, request_id=None),
        Part(second[0].row, part.last_row, len(second), 0, parts.pack(second), None),
    ]
