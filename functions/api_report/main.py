"""Follow messages: look-ups, cancelling and moving reservations, the feed of reports and replays, the callback."""

from __future__ import annotations

from shared.edge.once import once
from shared.exporting import api as exports
from shared.following.attempts import list_attempts
from shared.following.callbacks import change_settings, rotate, settings, test_call
from shared.following.content import get_content
from shared.following.messages import get_message, list_messages
from shared.following.reports import list_reports, replay_message, replay_reports
from shared.following.requests import cancel_request, change_request, get_request, list_requests
from shared.following.search import QUERY, search
from shared.runtime import Route, http_function

main = http_function(
    [
        Route("GET", "/v1/messages", list_messages, "messages:read"),
        Route("GET", "/v1/messages/{message_id}", get_message, "messages:read"),
        Route("GET", "/v1/messages/{message_id}/content", get_content, "content:read"),
        Route("POST", "/v1/messages/{message_id}/report/replay", once(replay_message), "reports:replay"),
        Route("GET", "/v1/requests", list_requests, "messages:read"),
        Route("GET", "/v1/requests/{request_id}", get_request, "messages:read"),
        Route("PATCH", "/v1/requests/{request_id}", change_request, "messages:send"),
        Route("POST", "/v1/requests/{request_id}/cancel", once(cancel_request), "messages:send"),
        Route("GET", "/v1/search", search, "messages:read", query=tuple(QUERY)),
        Route("GET", "/v1/reports", list_reports, "reports:read"),
        Route("POST", "/v1/reports/replay", once(replay_reports), "reports:replay"),
        Route("GET", "/v1/exports", exports.list_all, "exports:write"),
        Route("POST", "/v1/exports", once(exports.create), "exports:write", confirm=True),
        Route("GET", "/v1/exports/{id}", exports.show, "exports:write"),
        Route("DELETE", "/v1/exports/{id}", exports.remove, "exports:write"),
        Route("GET", "/v1/exports/{id}/file", exports.download, "exports:write"),
        Route("GET", "/v1/callbacks", settings, ("callbacks:write", "reports:read")),
        Route("GET", "/v1/callbacks/attempts", list_attempts, "content:read"),
        Route("PUT", "/v1/callbacks", change_settings, "callbacks:write"),
        Route("POST", "/v1/callbacks/secrets/rotate", once(rotate), "callbacks:write"),
        Route("POST", "/v1/callbacks/test", test_call, "callbacks:write", own=True),
    ]
)
