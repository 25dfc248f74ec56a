"""Accept push messages: 202 once they are safely in Kafka."""

from __future__ import annotations

from shared.accepting.endpoint import endpoint
from shared.channels.push import CHANNEL
from shared.runtime import Route, http_function

main = http_function([Route("POST", "/v1/push/messages", endpoint(CHANNEL), "messages:send")])
