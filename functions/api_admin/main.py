"""Operators' API: what waits for their word."""

from __future__ import annotations

from shared.accounts import identities
from shared.edge.scopes import OPERATOR
from shared.runtime import Route, http_function

main = http_function(
    [
        Route("GET", "/v1/admin/identities", identities.queue, OPERATOR),
        Route("GET", "/v1/admin/identities/{id}", identities.show_any, OPERATOR),
        Route("POST", "/v1/admin/identities/{id}/approve", identities.approve, OPERATOR),
        Route("POST", "/v1/admin/identities/{id}/reject", identities.reject, OPERATOR),
    ]
)
