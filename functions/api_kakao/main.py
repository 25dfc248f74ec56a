"""Accept KakaoTalk messages (AlimTalk, Brand Message): 202 once they are safely in Kafka."""

from __future__ import annotations

from shared.accepting.endpoint import endpoint
from shared.channels import kakao
from shared.runtime import Route, http_function

main = http_function([Route("POST", "/v1/kakao/messages", endpoint(kakao.CHANNEL), "messages:send")])
