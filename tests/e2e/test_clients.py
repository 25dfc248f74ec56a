"""The clients of clients/ against the whole platform: send, follow, page, be refused, be told the same again."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import Any

import pytest

from local.home import ROOT
from tests.builders import SENDER
from tests.road import Road
from tests.unit.test_clients import client

SCRIPT = """
import { Ims, Problem } from %(module)s
const [key, base, sender] = process.argv.slice(2)
const ims = new Ims(key, base)
const body = { sender, text: 'hi', recipients: [{ to: '01012345678' }, { to: '01023456789' }] }
const sent = await ims.sendMt(body, { idempotencyKey: 'js-1' })
const again = await ims.sendMt(body, { idempotencyKey: 'js-1' })
let refused
try { await ims.sendMt({ sender }) } catch (error) { refused = error instanceof Problem && error.status }
const of = { request_id: sent.request_id }
let found = []
for (let left = 200; left && found.length < 2; left--) {
  found = []
  for await (const one of ims.pages(ims.listMessages, { ...of, status: 'delivered', limit: 1 })) found.push(one.to)
  await new Promise((done) => setTimeout(done, 50))
}
const message = await ims.getMessage(sent.messages[0].message_id)
console.log(JSON.stringify({ same: sent.request_id === again.request_id, refused, found, state: message.state }))
"""


def test_the_python_client_sends_follows_pages_and_is_refused(road: Road) -> None:
    module = client()
    ims = module.Ims(road.keys["live"], road.demo["gateway"])
    body = {"sender": SENDER, "text": "hi", "recipients": [{"to": "01012345678"}, {"to": "01023456789"}]}
    sent = ims.send_mt(body, idempotency_key="py-1")
    assert ims.send_mt(body, idempotency_key="py-1")["request_id"] == sent["request_id"]
    with pytest.raises(module.Problem) as refused:
        ims.send_mt({"sender": SENDER})
    assert (refused.value.status, refused.value.type) == (422, "invalid")
    assert {e["pointer"] for e in refused.value.errors} == {"/recipients", "/text"}
    found: list[str] = []
    deadline = time.monotonic() + 60
    while len(found) < 2 and time.monotonic() < deadline:
        wanted = {"request_id": sent["request_id"], "status": "delivered", "limit": 1}
        found = [one["to"] for one in ims.pages(ims.list_messages, **wanted)]
        time.sleep(0.05)
    assert sorted(found) == ["01012345678", "01023456789"]
    assert ims.get_message(sent["messages"][0]["message_id"])["state"] == "delivered"
    assert ims.list_requests(limit=1)["items"][0]["request_id"] == sent["request_id"]
    with pytest.raises(module.Problem, match="401"):
        module.Ims("ims_live_nobody", road.demo["gateway"]).get_me()


def test_the_typescript_client_does_the_same(road: Road, tmp_path: Any) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node on this machine")
    script = tmp_path / "try.mjs"
    script.write_text(SCRIPT % {"module": json.dumps(str(ROOT / "clients/typescript/ims.js"))})
    command = [node, str(script), road.keys["live"], road.demo["gateway"], SENDER]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sorted(told.pop("found")) == ["01012345678", "01023456789"]
    assert told == {"same": True, "refused": 422, "state": "delivered"}
