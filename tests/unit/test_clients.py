"""The clients are what the OpenAPI document says, with every operation, and hold reports' signatures."""

from __future__ import annotations

import importlib.util
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from local.clients import camel, operations, snake
from local.clients.__main__ import OUTPUTS
from local.docs import openapi
from local.home import ROOT

DOCUMENT = openapi.document()
SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="


def client() -> Any:
    spec: Any = importlib.util.spec_from_file_location("ims_client", ROOT / "clients/python/ims_client/__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_client_is_as_the_document_says_it(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == OUTPUTS[name](DOCUMENT), "run `make clients`"


def test_every_operation_has_a_method_and_every_list_can_be_paged() -> None:
    names = [one.name for one in operations(DOCUMENT)]
    assert len(names) == len(set(names)) > 100
    script = OUTPUTS["clients/typescript/ims.js"](DOCUMENT)
    module = client()
    for name in names:
        assert callable(getattr(module.Ims, snake(name)))
        assert f"  {camel(name)}(" in script
    assert {"send_mt", "list_messages", "create_export"} <= set(map(snake, names))


def test_a_report_is_verified_and_a_changed_or_old_one_is_not() -> None:
    module, body = client(), b'{"type":"message.finished"}'
    now = int(time.time())
    signed = Webhook(SECRET).sign("m1", datetime.fromtimestamp(now, UTC), body.decode())
    headers = {"webhook-id": "m1", "webhook-timestamp": str(now), "webhook-signature": f"v1,AAAA {signed}"}
    assert module.verify(SECRET, body, headers) == json.loads(body)
    for wrong in (
        {**headers, "webhook-id": "m2"},
        {**headers, "webhook-signature": "v1,AAAA"},
        {**headers, "webhook-timestamp": str(now - 3600)},
    ):
        with pytest.raises(ValueError, match=r"signature|old"):
            module.verify(SECRET, body, wrong)
