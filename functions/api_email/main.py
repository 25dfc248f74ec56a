"""Accept mails: 202 once they are safely in Kafka; and let their recipients unsubscribe."""

from __future__ import annotations

from shared.accepting.endpoint import endpoint
from shared.accounts import unsubscribing
from shared.channels import email
from shared.runtime import Route, http_function

main = http_function(
    [
        Route("POST", "/v1/email/messages", endpoint(email.CHANNEL), "messages:send"),
        Route("GET", "/v1/unsubscribe/{token}", unsubscribing.page),
        Route("POST", "/v1/unsubscribe/{token}", unsubscribing.unsubscribe),
    ]
)
