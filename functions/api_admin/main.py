"""Operators' API: what waits for their word, what they see and what they stop."""

from __future__ import annotations

from shared.accounts import access, audits, identities, resealing, reviewing
from shared.edge.once import once
from shared.edge.scopes import OPERATOR, OPERATOR_AUDIT, OPERATOR_OWNER
from shared.insight import api as stats
from shared.operating import (
    accounts,
    alarms,
    dead,
    flowing,
    functions,
    lanes,
    logs,
    messages,
    prices,
    servers,
    stopping,
    streaming,
    vendors,
    work,
)
from shared.operating.common import DRY
from shared.people import members, shapes
from shared.runtime import Route, http_function

PAGED = ("limit", "cursor")
VENDOR = "/v1/admin/vendors/{vendor}/{account}"

main = http_function(
    [
        Route("GET", "/v1/admin/identities", identities.queue, OPERATOR),
        Route("GET", "/v1/admin/identities/{id}", identities.show_any, OPERATOR),
        Route("POST", "/v1/admin/identities/{id}/approve", once(identities.approve), OPERATOR),
        Route("POST", "/v1/admin/identities/{id}/reject", once(identities.reject), OPERATOR),
        Route("GET", "/v1/admin/templates", reviewing.queue, OPERATOR),
        Route("POST", "/v1/admin/templates/{id}/approve", once(reviewing.approve), OPERATOR),
        Route("POST", "/v1/admin/templates/{id}/reject", once(reviewing.reject), OPERATOR),
        Route("GET", "/v1/admin/secrets", resealing.status, OPERATOR),
        Route("POST", "/v1/admin/secrets/rotate", resealing.rotate, OPERATOR_OWNER),
        Route("GET", "/v1/admin/accounts/{username}/keys", access.list_any, OPERATOR),
        Route("POST", "/v1/admin/accounts/{username}/keys", once(access.create_any), OPERATOR),
        Route("DELETE", "/v1/admin/accounts/{username}/keys/{id}", access.remove_any, OPERATOR),
        Route("GET", "/v1/admin/accounts/{username}/people", members.list_any, OPERATOR, query=PAGED),
        Route(
            "POST",
            "/v1/admin/accounts/{username}/people/invitations",
            once(members.invite_any),
            OPERATOR,
            body=shapes.NewInvitation,
        ),
        Route("PATCH", "/v1/admin/accounts/{username}/people/{id}", members.change_any, OPERATOR, body=shapes.Change),
        Route("GET", "/v1/admin/people", members.list_operators, OPERATOR_OWNER, query=PAGED),
        Route("GET", "/v1/admin/people/invitations", members.invitations_operators, OPERATOR_OWNER, query=PAGED),
        Route(
            "POST",
            "/v1/admin/people/invitations",
            once(members.invite_operator),
            OPERATOR_OWNER,
            confirm=True,
            body=shapes.NewInvitation,
        ),
        Route("DELETE", "/v1/admin/people/invitations/{id}", members.withdraw_operator, OPERATOR_OWNER),
        Route("GET", "/v1/admin/people/{id}", members.show_operator, OPERATOR_OWNER),
        Route(
            "PATCH", "/v1/admin/people/{id}", members.change_operator, OPERATOR_OWNER, confirm=True, body=shapes.Change
        ),
        Route("DELETE", "/v1/admin/people/{id}", members.remove_operator, OPERATOR_OWNER, confirm=True),
        Route("GET", "/v1/admin/stats", stats.of_any, OPERATOR, query=("username", "test", *stats.READERS)),
        Route("GET", "/v1/admin/audit", audits.list_all, OPERATOR_AUDIT, query=(*audits.ALL, *PAGED)),
        Route("GET", "/v1/admin/audit/verify", audits.verify, OPERATOR_AUDIT),
        Route(
            "GET", "/v1/admin/audit/export", audits.export, OPERATOR_AUDIT, confirm=True, query=(*audits.ALL, "purpose")
        ),
        Route("GET", "/v1/admin/stops", stopping.list_all, OPERATOR),
        Route("GET", "/v1/admin/lanes", lanes.list_all, OPERATOR),
        Route("POST", "/v1/admin/lanes/{lane}/pause", once(lanes.pause), OPERATOR, body=lanes.Pause, query=DRY),
        Route("POST", "/v1/admin/lanes/{lane}/resume", once(lanes.resume), OPERATOR, query=DRY),
        Route("GET", "/v1/admin/accounts", accounts.list_all, OPERATOR, query=("username", *PAGED)),
        Route("POST", "/v1/admin/accounts", once(accounts.create), OPERATOR, body=accounts.New),
        Route("GET", "/v1/admin/accounts/{username}", accounts.show, OPERATOR),
        Route("PATCH", "/v1/admin/accounts/{username}", accounts.change, OPERATOR, body=accounts.Change),
        Route(
            "POST",
            "/v1/admin/accounts/{username}/suspend",
            once(accounts.suspend),
            OPERATOR,
            body=accounts.Suspension,
            query=DRY,
        ),
        Route("POST", "/v1/admin/accounts/{username}/resume", once(accounts.resume), OPERATOR, query=DRY),
        Route("GET", "/v1/admin/vendors", vendors.list_all, OPERATOR, query=("channel", "vendor")),
        Route("PATCH", f"{VENDOR}", vendors.change, OPERATOR, body=vendors.Change, query=DRY),
        Route("POST", f"{VENDOR}/drain", once(vendors.drain), OPERATOR, body=vendors.Drain, query=DRY),
        Route("POST", f"{VENDOR}/undrain", once(vendors.undrain), OPERATOR, body=vendors.Undrain, query=DRY),
        Route("POST", f"{VENDOR}/reset", once(vendors.reset), OPERATOR),
        Route("POST", f"{VENDOR}/test", once(vendors.test), OPERATOR),
        Route("GET", "/v1/admin/dead", dead.list_all, OPERATOR, query=(*dead.FILTERS, *PAGED)),
        Route("GET", "/v1/admin/dead/groups", dead.groups, OPERATOR),
        Route("POST", "/v1/admin/dead/replay", once(dead.replay_many), OPERATOR, body=dead.Filter, query=DRY),
        Route(
            "POST", "/v1/admin/dead/drop", once(dead.drop_many), OPERATOR, confirm=True, body=dead.DropMany, query=DRY
        ),
        Route("GET", "/v1/admin/dead/{id}", dead.show, OPERATOR),
        Route("POST", "/v1/admin/dead/{id}/replay", once(dead.replay), OPERATOR, query=DRY),
        Route("POST", "/v1/admin/dead/{id}/drop", once(dead.drop), OPERATOR, confirm=True, body=dead.Drop, query=DRY),
        Route("GET", "/v1/admin/alarms", alarms.list_all, OPERATOR),
        Route("GET", "/v1/admin/alarms/history", alarms.history, OPERATOR, query=("name", *PAGED)),
        Route("POST", "/v1/admin/alarms/{id}/mute", once(alarms.mute), OPERATOR, body=alarms.Silence, query=DRY),
        Route("DELETE", "/v1/admin/alarms/{id}/mute", alarms.unmute, OPERATOR),
        Route("POST", "/v1/admin/alarms/{id}/acknowledge", once(alarms.acknowledge), OPERATOR, body=alarms.Taken),
        Route("GET", "/v1/admin/functions", functions.list_all, OPERATOR),
        Route(
            "PUT",
            "/v1/admin/functions/{name}/log-level",
            functions.set_level,
            OPERATOR,
            body=functions.Level,
            query=DRY,
        ),
        Route("DELETE", "/v1/admin/functions/{name}/log-level", functions.end_level, OPERATOR),
        Route("GET", "/v1/admin/flow", flowing.show, OPERATOR),
        Route("GET", "/v1/admin/stream", streaming.stream, OPERATOR, query=("topics",)),
        Route("GET", "/v1/admin/logs", logs.list_all, OPERATOR, query=("function", "new")),
        Route("GET", "/v1/admin/kafka", flowing.kafka, OPERATOR),
        Route("GET", "/v1/admin/redis", servers.redis, OPERATOR),
        Route("GET", "/v1/admin/mysql", servers.mysql, OPERATOR),
        Route("GET", "/v1/admin/due", work.due, OPERATOR, query=("lane",)),
        Route("GET", "/v1/admin/retries", work.retries, OPERATOR),
        Route("GET", "/v1/admin/jobs", work.jobs, OPERATOR),
        Route("GET", "/v1/admin/routes", prices.routes, OPERATOR),
        Route("GET", "/v1/admin/prices", prices.list_all, OPERATOR, query=("channel", "vendor")),
        Route(
            "POST", "/v1/admin/prices", once(prices.create), OPERATOR_OWNER, confirm=True, body=prices.New, query=DRY
        ),
        Route("GET", "/v1/admin/messages", messages.list_all, OPERATOR, query=(*messages.FILTERS, *PAGED)),
        Route("GET", "/v1/admin/messages/{message_id}", messages.show, OPERATOR),
        Route("GET", "/v1/admin/journal", functions.journal, OPERATOR, query=("limit",)),
    ]
)
