"""`/v1/digests`: whether an account wants the daily digest, how and where."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.channels.schema import MAX_URI, Content
from shared.digest import delivery, mail
from shared.edge.auditing import Deed, audited
from shared.edge.callers import caller
from shared.following import reading
from shared.following.callbacks import address_faults
from shared.runtime import Context
from shared.runtime.problems import Problem
from shared.runtime.settings import MailSettings, load
from shared.stores import digests
from shared.stores.accounts import Account
from shared.stores.digests import Preferences

COLUMNS = {"by": "send_by"}
"""Fields that are called otherwise in MySQL."""

Json = dict[str, Any]


class Change(Content):
    """New preferences; only what is given changes, and a null `callback_uri` means the account's own callback."""

    enabled: bool = True
    by: Literal["email", "callback"] = "email"
    email: Annotated[str, Field(max_length=mail.MAX_ADDRESS)] | None = None
    callback_uri: Annotated[str, Field(max_length=MAX_URI)] | None = None
    language: Literal["ko", "en"] = "ko"
    always: bool = False


def view(chosen: Preferences) -> Json:
    """The preferences as a client sees them."""
    return {
        "enabled": chosen.enabled,
        "by": chosen.send_by,
        "email": chosen.email,
        "callback_uri": chosen.callback_uri,
        "language": chosen.language,
        "always": chosen.always,
    }


async def show(request: Request, ims: Context) -> Response:
    """What holds now."""
    who = await caller(request, ims)
    return reading.answer(view(await ims.db(digests.preferences, who.account.account_id)))


async def change(request: Request, ims: Context) -> Response:
    """Change some of it; 422 where a digest that is switched on would lead nowhere."""
    who = await caller(request, ims)

    async def faults(wish: Change) -> list[Fault]:
        wrong = [] if wish.email is None or mail.address_ok(wish.email) else [_BAD_ADDRESS]
        return wrong + await address_faults(ims.egress, wish.callback_uri)

    wish = await reading.body(request, Change, faults)
    changes = {COLUMNS.get(name, name): getattr(wish, name) for name in wish.model_fields_set}
    before = await ims.db(digests.preferences, who.account.account_id)
    missing = nowhere(before._replace(**changes), who.account)
    if missing is not None and before._replace(**changes).enabled:
        raise missing
    if not changes:
        return reading.answer(view(before))
    after = await audited(
        ims, who, lambda done: Deed("digests.change", "digests", view(before), view(done)), digests.choose,
        who.account.account_id, changes, ims.now_ms(),
    )  # fmt: skip
    return reading.answer(view(after))


_BAD_ADDRESS = Fault("/email", "format", "must be a mail address like ops@example.com, in ASCII")


def nowhere(chosen: Preferences, account: Account) -> Problem | None:
    """Why a digest would not get anywhere by these preferences, or None."""
    if chosen.send_by == "callback":
        if delivery.callback_of(chosen, account):
            return None
        detail = "There is no callback to send digests to: give callback_uri, or set one by PUT /v1/callbacks."
        fault = {"pointer": "/callback_uri", "code": "required", "detail": "needed for digests by callback"}
        return Problem(422, detail, [fault], kind="no-callback")
    if not load(MailSettings).smtp_host:
        fault = {"pointer": "/by", "code": "range", "detail": "must be callback here"}
        return Problem(422, "This installation sends no mail; choose by: callback.", [fault], kind="no-mail")
    if chosen.email is None:
        return reading.invalid([Fault("/email", "required", "needed for digests by e-mail")])
    return None
