"""Operators' API: what waits for their word."""

from __future__ import annotations

from shared.accounts import access, identities, reviewing
from shared.edge.once import once
from shared.edge.scopes import OPERATOR
from shared.runtime import Route, http_function

main = http_function(
    [
        Route("GET", "/v1/admin/identities", identities.queue, OPERATOR),
        Route("GET", "/v1/admin/identities/{id}", identities.show_any, OPERATOR),
        Route("POST", "/v1/admin/identities/{id}/approve", once(identities.approve), OPERATOR),
        Route("POST", "/v1/admin/identities/{id}/reject", once(identities.reject), OPERATOR),
        Route("GET", "/v1/admin/templates", reviewing.queue, OPERATOR),
        Route("POST", "/v1/admin/templates/{id}/approve", once(reviewing.approve), OPERATOR),
        Route("POST", "/v1/admin/templates/{id}/reject", once(reviewing.reject), OPERATOR),
        Route("GET", "/v1/admin/accounts/{username}/keys", access.list_any, OPERATOR),
        Route("POST", "/v1/admin/accounts/{username}/keys", once(access.create_any), OPERATOR),
        Route("DELETE", "/v1/admin/accounts/{username}/keys/{id}", access.remove_any, OPERATOR),
    ]
)
