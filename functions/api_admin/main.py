"""Operators' API: what waits for their word."""

from __future__ import annotations

from shared.accounts import access, audits, identities, resealing, reviewing
from shared.edge.once import once
from shared.edge.scopes import OPERATOR, OPERATOR_AUDIT, OPERATOR_OWNER
from shared.people import members, shapes
from shared.runtime import Route, http_function

PAGED = ("limit", "cursor")

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
        Route("GET", "/v1/admin/audit", audits.list_all, OPERATOR_AUDIT, query=(*audits.ALL, *PAGED)),
        Route("GET", "/v1/admin/audit/verify", audits.verify, OPERATOR_AUDIT),
        Route(
            "GET", "/v1/admin/audit/export", audits.export, OPERATOR_AUDIT, confirm=True, query=(*audits.ALL, "purpose")
        ),
    ]
)
