"""A bulk file from the command line and over the gateway to the handsets: each good row once, with its result."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

from tests.builders import numbers
from tests.road import Road, until


def test_a_file_reaches_each_handset_once_and_tells_every_result(road: Road) -> None:
    people = numbers(1200)
    body = "받는이,이름\n" + "".join(f"{to},김{n}\n" for n, to in enumerate(people)) + "없음,나쁨\n"
    form = {"file": ("명단.csv", body.encode("cp949"), "text/csv")}
    made = road.call("POST", "/v1/uploads", files=form).json()
    at = f"/v1/uploads/{made['id']}"
    content = {"sender": "0215441234", "text": "#{이름}님 안내"}
    changed = road.call("PUT", at, json={"mapping": {"to": "받는이"}, "content": content})
    assert changed.status_code == 200, changed.text
    found = until(lambda: (one := road.get(at))["state"] == "checked" and one, "the check")
    assert (found["rows"], found["good"], found["faults"], found["encoding"]) == (1201, 1200, 1, "cp949")
    assert road.call("POST", f"{at}/send", json={}).status_code == 202
    until(lambda: road.get(at)["state"] == "done", "the job")

    def results() -> list[dict[str, str]]:
        answer = road.call("GET", f"{at}/results")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        return rows if all(row["status"] == "delivered" for row in rows) else []

    rows = until(results, "every end")
    assert [row["row"] for row in rows] == [str(n) for n in range(2, 1202)]
    assert len({row["message_id"] for row in rows}) == 1200
    for n in range(0, 1200, 60):
        assert [one["text"] for one in road.texts(people[n])] == [f"김{n}님 안내"]


def test_the_command_line_sends_a_file(road: Road, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("phone,name\n" + "".join(f"{to},Kim\n" for to in numbers(3)) + "x,Lee\n", encoding="utf-8")
    env = {**os.environ, **road.platform.env}

    def ims(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "local.cli", "uploads", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)

    text = f"#{{name}} {file}"
    sent = ims("send", str(file), "--text", text, "--yes")
    assert sent.returncode == 0, sent.stderr
    assert "done: 3 accepted, 0 refused" in sent.stdout
    again = ims("send", str(file), "--text", text, "--yes")
    assert again.returncode == 1
    assert "sent" in again.stdout + again.stderr
    listed = ims("list")
    assert listed.returncode == 0
    assert "list.csv" in listed.stdout
