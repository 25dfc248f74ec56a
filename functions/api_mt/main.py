"""Accept text messages (SMS, LMS, MMS) and the images they carry: 202 once they are safely in Kafka."""

from __future__ import annotations

from shared.accepting import files
from shared.accepting.endpoint import endpoint
from shared.accepting.uploads import upload
from shared.channels import mt
from shared.edge.once import once
from shared.runtime import Route, http_function

main = http_function(
    [
        Route("POST", "/v1/mt/messages", endpoint(mt.CHANNEL), "messages:send"),
        Route("POST", "/v1/files", once(upload), "messages:send"),
        Route("GET", "/v1/files", files.list_files, "messages:send"),
        Route("GET", "/v1/files/{id}", files.get_file, "messages:send"),
        Route("DELETE", "/v1/files/{id}", files.delete_file, "messages:send"),
    ]
)
