"""Accept RCS messages: 202 once they are safely in Kafka."""

from __future__ import annotations

from shared.accepting.endpoint import endpoint
from shared.channels import rcs
from shared.runtime import Route, http_function

main = http_function([Route("POST", "/v1/rcs/messages", endpoint(rcs.CHANNEL), "messages:send")])
