"""The command line of operators and of accounts, on the platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.road import Road


def ims(road: Road, *words: str, fails: bool = False) -> str:
    """What a command prints."""
    env = {**os.environ, **road.platform.env, "COLUMNS": "300"}
    command = [str(Path(sys.executable).with_name("ims")), *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is fails, (words, done.stdout, done.stderr)
    return done.stdout


def shown(road: Road, *words: str) -> Any:
    return json.loads(ims(road, *words))


def test_an_account_is_opened_its_owner_invited_and_its_key_made_and_all_of_it_is_in_the_audit(road: Road) -> None:
    name = f"shop-{os.urandom(4).hex()}"
    assert shown(road, "accounts", "open", name)["username"] == name
    assert name in ims(road, "accounts", "list")
    invited = shown(road, "people", "invite", f"{name}@client.example", "--account", name)
    assert invited["mailed"] is True
    assert "none" in ims(road, "people", "list", "--account", name)
    key = shown(road, "keys", "create", "front", "--account", name, "--scope", "messages:send")
    assert key["key"].startswith("ims_live_")
    assert "front" in ims(road, "keys", "list", "--account", name)
    ims(road, "keys", "revoke", key["id"], "--account", name)
    assert "none" in ims(road, "keys", "list", "--account", name)
    assert shown(road, "accounts", "suspend", name, "--reason", "unpaid", "--dry-run")
    told = ims(road, "audit", "list", "--account", name)
    assert all(action in told for action in ("key.create", "key.revoke", "person.invite"))
    assert shown(road, "audit", "verify")["ok"] is True


def test_opt_outs_and_statistics_are_shown(road: Road) -> None:
    to = "01055556666"
    assert shown(road, "optouts", "add", to, "--reason", "called us")["to"] == to
    assert to in ims(road, "optouts", "list", "--to", to)
    assert "accepted" in ims(road, "stats", "show", "--by", "channel", "--step", "day")
    ims(road, "stats", "show", "--step", "week", fails=True)
