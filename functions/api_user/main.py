"""The client's own settings, and its people: who they are, what they may do, and how they sign in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from shared.accounts import (
    access,
    audits,
    contacts,
    defaults,
    devices,
    groups,
    identities,
    optouts,
    suppressions,
    templates,
)
from shared.digest import preferences
from shared.digest.api import get_digest, send_again
from shared.edge.callers import Caller, caller
from shared.edge.once import once
from shared.following import prices, reading, usage
from shared.insight import api as stats
from shared.people import invited, members, oneself, sessions, shapes, signing_in
from shared.runtime import Context, Route, http_function
from shared.stores import digests
from shared.stores.accounts import read_account
from shared.uploads import api as uploads
from shared.uploads import telling
from shared.uploads.shapes import UploadChange, UploadSend

PAGED = ("limit", "cursor")
READ_WISHES = ("account:read", "contacts:write")


async def me(request: Request, ims: Context) -> Response:
    """The account behind a key, with what holds for it now: limits, sender numbers, callback and digests."""
    return await _whole(await caller(request, ims), ims)


async def change_me(request: Request, ims: Context) -> Response:
    """Change the account's defaults; the whole account, as it is then."""
    return await _whole(await defaults.change(request, ims), ims)


async def _whole(who: Caller, ims: Context) -> Response:
    account = await ims.db(read_account, who.account.account_id) or who.account
    return reading.answer(
        {
            "username": account.username,
            "key": {"kind": "test" if who.test else "live"},
            "limits": {
                "rate_per_second": account.rate_per_second,
                "daily": account.daily_limit,
                "in_flight_per_lane": account.send_window,
            },
            "senders": sorted(account.senders),
            "callback": {
                "callback_uri": account.callback_uri,
                "enabled": account.callback_enabled,
                "batch_size": account.callback_batch,
            },
            "digests": preferences.view(await ims.db(digests.preferences, account.account_id)),
            "defaults": defaults.view(account.defaults),
        }
    )


main = http_function(
    [
        Route("GET", "/v1/me", me, "account:read"),
        Route("PUT", "/v1/me", change_me, "account:write"),
        Route("GET", "/v1/digests", preferences.show, "account:read"),
        Route("PUT", "/v1/digests", preferences.change, "account:write"),
        Route("GET", "/v1/digests/{date}", get_digest, "account:read"),
        Route("POST", "/v1/digests/{date}/send", once(send_again), "account:write"),
        Route("GET", "/v1/identities", identities.list_all, "account:read"),
        Route("POST", "/v1/identities", once(identities.create), "account:write"),
        Route("GET", "/v1/identities/{id}", identities.show, "account:read"),
        Route("PUT", "/v1/identities/{id}", identities.change, "account:write"),
        Route("PATCH", "/v1/identities/{id}", identities.change, "account:write"),
        Route("DELETE", "/v1/identities/{id}", identities.remove, "account:write"),
        Route("POST", "/v1/identities/{id}/check", identities.check, "account:write"),
        Route("GET", "/v1/senders", identities.list_senders, "account:read"),
        Route("POST", "/v1/senders", once(identities.create_sender), "account:write"),
        Route("GET", "/v1/senders/{id}", identities.show_sender, "account:read"),
        Route("DELETE", "/v1/senders/{id}", identities.remove_sender, "account:write"),
        Route("GET", "/v1/templates", templates.list_all, ("account:read", "templates:write")),
        Route("POST", "/v1/templates", once(templates.create), "templates:write"),
        Route("GET", "/v1/templates/{code}", templates.show, ("account:read", "templates:write")),
        Route("PUT", "/v1/templates/{code}", templates.change, "templates:write"),
        Route("DELETE", "/v1/templates/{code}", templates.remove, "templates:write"),
        Route("GET", "/v1/templates/{code}/versions", templates.list_versions, ("account:read", "templates:write")),
        Route("POST", "/v1/templates/{code}/preview", templates.preview, ("account:read", "templates:write"), own=True),
        Route("POST", "/v1/templates/{code}/submit", once(templates.submit), "templates:write"),
        Route("GET", "/v1/suppressions", suppressions.list_all, "account:read"),
        Route("GET", "/v1/suppressions/{id}", suppressions.show, "account:read"),
        Route("DELETE", "/v1/suppressions/{id}", suppressions.lift, "account:write"),
        Route("GET", "/v1/prices", prices.show, "account:read"),
        Route("GET", "/v1/usage", usage.show, "account:read"),
        Route("GET", "/v1/keys", access.list_all, "keys:write"),
        Route("POST", "/v1/keys", once(access.create), "keys:write", confirm=True),
        Route("GET", "/v1/keys/{id}", access.show, "keys:write"),
        Route("DELETE", "/v1/keys/{id}", access.remove, "keys:write"),
        Route("POST", "/v1/keys/{id}/rotate", once(access.rotate), "keys:write", confirm=True),
        Route("GET", "/v1/devices", devices.list_all, "contacts:write"),
        Route("PUT", "/v1/devices", devices.register, "contacts:write", own=True),
        Route("DELETE", "/v1/devices", devices.remove_user, "contacts:write", own=True),
        Route("DELETE", "/v1/devices/{id}", devices.remove, "contacts:write", own=True),
        Route("GET", "/v1/contacts", contacts.list_all, READ_WISHES, query=(*contacts.FILTERS, *PAGED)),
        Route(
            "POST",
            "/v1/contacts",
            once(contacts.create),
            "contacts:write",
            body=contacts.ContactIn,
            query=("merge",),
        ),
        Route("GET", "/v1/contacts/{id}", contacts.show, READ_WISHES),
        Route("PATCH", "/v1/contacts/{id}", contacts.change, "contacts:write", body=contacts.ContactIn),
        Route("DELETE", "/v1/contacts/{id}", contacts.remove, "contacts:write"),
        Route("GET", "/v1/groups", groups.list_all, READ_WISHES, query=PAGED),
        Route("POST", "/v1/groups", once(groups.create), "contacts:write", body=groups.GroupIn),
        Route("GET", "/v1/groups/{id}", groups.show, READ_WISHES),
        Route("PATCH", "/v1/groups/{id}", groups.change, "contacts:write", body=groups.GroupIn),
        Route("DELETE", "/v1/groups/{id}", groups.remove, "contacts:write"),
        Route("GET", "/v1/optouts", optouts.list_optouts, READ_WISHES, query=(*optouts.OPTOUTS, *PAGED)),
        Route("POST", "/v1/optouts", once(optouts.add_optout), "contacts:write", body=optouts.NewOptout),
        Route("GET", "/v1/optouts/{id}", optouts.show_optout, READ_WISHES),
        Route("DELETE", "/v1/optouts/{id}", optouts.end_optout, "contacts:write", body=optouts.Ending),
        Route("GET", "/v1/consents", optouts.list_consents, READ_WISHES, query=(*optouts.CONSENTS, *PAGED)),
        Route("POST", "/v1/consents", once(optouts.add_consent), "contacts:write", body=optouts.NewConsent),
        Route("GET", "/v1/consents/check", optouts.check, READ_WISHES, query=("to", "channel")),
        Route("GET", "/v1/uploads", uploads.list_all, "uploads:write", query=("state", *PAGED)),
        Route("POST", "/v1/uploads", once(uploads.create), "uploads:write", query=("channel", "lane", "name")),
        Route("GET", "/v1/uploads/{id}", uploads.show, "uploads:write"),
        Route("PUT", "/v1/uploads/{id}", uploads.change, "uploads:write", body=UploadChange),
        Route("POST", "/v1/uploads/{id}/send", once(uploads.send), "uploads:write", body=UploadSend),
        Route("POST", "/v1/uploads/{id}/pause", once(uploads.pause), "uploads:write"),
        Route("POST", "/v1/uploads/{id}/resume", once(uploads.resume), "uploads:write"),
        Route("POST", "/v1/uploads/{id}/cancel", once(uploads.cancel), "uploads:write"),
        Route("GET", "/v1/uploads/{id}/faults", telling.faults, "uploads:write", query=("class", "format", *PAGED)),
        Route("GET", "/v1/uploads/{id}/rows/{n}", telling.show_row, "uploads:write"),
        Route("GET", "/v1/uploads/{id}/results", telling.results, "uploads:write"),
        Route("GET", "/v1/stats", stats.own, "account:read", query=tuple(stats.READERS)),
        Route("GET", "/v1/people", members.list_own, "people:write", query=PAGED),
        Route("GET", "/v1/people/invitations", members.invitations_own, "people:write", query=PAGED),
        Route(
            "POST",
            "/v1/people/invitations",
            once(members.invite_own),
            "people:write",
            confirm=True,
            body=shapes.NewInvitation,
        ),
        Route("DELETE", "/v1/people/invitations/{id}", members.withdraw_own, "people:write"),
        Route("GET", "/v1/people/{id}", members.show_own, "people:write"),
        Route("PATCH", "/v1/people/{id}", members.change_own, "people:write", confirm=True, body=shapes.Change),
        Route("DELETE", "/v1/people/{id}", members.remove_own, "people:write", confirm=True),
        Route("GET", "/v1/audit", audits.list_own, "audit:read", query=(*audits.OWN, *PAGED)),
        Route("GET", "/v1/invitations/{token}", invited.show),
        Route("POST", "/v1/invitations/{token}", invited.accept, body=shapes.Acceptance),
        Route("POST", "/v1/sessions", signing_in.sign_in, body=shapes.SignIn),
        Route("GET", "/v1/sessions", sessions.list_all),
        Route("DELETE", "/v1/sessions", sessions.end_all),
        Route("GET", "/v1/sessions/current", sessions.current),
        Route("PUT", "/v1/sessions/current", sessions.choose, body=shapes.Choice),
        Route("DELETE", "/v1/sessions/current", sessions.leave),
        Route("POST", "/v1/sessions/current/confirm", sessions.confirm, body=shapes.Confirmation),
        Route("DELETE", "/v1/sessions/{id}", sessions.end_one),
        Route("POST", "/v1/passwords/reset", oneself.ask_reset, body=shapes.Asked),
        Route("POST", "/v1/passwords/{token}", oneself.reset_password, body=shapes.NewPassword),
        Route("PUT", "/v1/me/password", oneself.change_password, body=shapes.ChangedPassword),
        Route("POST", "/v1/me/totp", oneself.begin_totp),
        Route("PUT", "/v1/me/totp", oneself.set_totp, confirm=True, body=shapes.Given),
        Route("DELETE", "/v1/me/totp", oneself.end_totp, confirm=True),
        Route("POST", "/v1/me/totp/recovery", oneself.renew_recovery, confirm=True),
    ]
)
