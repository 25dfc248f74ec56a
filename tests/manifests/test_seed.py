"""The demo account by tools/seed.sh (docs/deploy/kind.md), and the first one by hand (docs/deploy/cloud.md)."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from local.home import ROOT
from local.probes import HOST
from local.seed import SENDERS, VENDORS, channels_of
from simulator.accounts import accounts
from tests.manifests.database import PASSWORDS, Server, server

SCRIPT = ROOT / "tools" / "seed.sh"


def seed(out: Path, url: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MYSQL_URL": url, "OUT": str(out), "SIMULATOR": "0", **more}
    return subprocess.run([SCRIPT], env=env, capture_output=True, text=True, check=False)


def test_a_clusters_database_is_seeded_and_again_changes_nothing(tmp_path: Path) -> None:
    with server(tmp_path / "mysql", 1, "accounts.sh", "settled.sh") as one:
        one.migrate()
        url = f"mysql+pymysql://ims:{PASSWORDS['IMS']}@{HOST}:{one.port}/ims"
        first = seed(tmp_path / "out", url)
        assert first.returncode == 0, first.stderr
        demo = json.loads((tmp_path / "out" / "demo.json").read_text())
        assert first.stdout.strip() == f"test key: {demo['test_key']}"
        before = one.checksums()
        assert seed(tmp_path / "out", url).returncode == 0
        assert one.checksums() == before
        assert {number for (number,) in one.ask("SELECT number FROM ims.senders")} >= set(SENDERS)
        addresses = one.ask("SELECT DISTINCT base_url FROM ims.vendor_accounts")
        assert {urlsplit(url).hostname for (url,) in addresses} == {"simulator.ims.svc.cluster.local"}
        assert one.ask("SELECT COUNT(*) FROM ims.vendor_accounts") == [
            (sum(len(channels_of(vendor)) for vendor, *_ in VENDORS),)
        ]
        digest = one.ask("SELECT COUNT(*) FROM ims.api_keys WHERE key_hash = UNHEX(SHA2(%s, 256))", demo["test_key"])
        assert digest == [(1,)]
        told = seed(tmp_path / "out", url, SIMULATOR="1", PATH=with_kubectl(tmp_path, one))
        assert told.stdout == first.stdout, told.stderr
        asked = (tmp_path / "asked").read_text().splitlines()
        assert asked[0].startswith("-n ims set env deployment/simulator IMS_SIM_SECRETS={")
        assert asked[1].startswith("-n ims rollout status deployment/simulator"), "it knows them when this returns"


def with_kubectl(folder: Path, one: Server) -> str:
    """A PATH with a kubectl that runs what goes to the database there, and writes everything else into `asked`."""
    kubectl = folder / "bin" / "kubectl"
    kubectl.parent.mkdir()
    client = f"mariadb --no-defaults -uroot --socket={one.socket} ims"
    kubectl.write_text(f'#!/bin/bash\n[[ "$*" != *" exec "* ]] || exec {client}\necho "$*" >>{folder}/asked\n')
    kubectl.chmod(0o755)
    return f"{kubectl.parent}:{os.environ['PATH']}"


def test_the_first_account_of_the_guide_can_send_and_test(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "deploy" / "cloud.md").read_text()
    (block,) = re.findall(r"```bash\n(.*?)```", guide.partition("## 6.")[2].partition("## 7.")[0], re.DOTALL)
    with server(tmp_path / "mysql", 1, "accounts.sh", "settled.sh") as one:
        one.migrate()
        env = {**os.environ, "PATH": with_kubectl(tmp_path, one)}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        keys = re.findall(r"\bims_(live|test)_(\w{32})\b", done.stdout)
        assert [kind for kind, _ in keys] == ["live", "test"]
        for kind, random in keys:
            owner = "SELECT username, kind FROM ims.api_keys JOIN ims.accounts USING (account_id)"
            found = one.ask(f"{owner} WHERE key_hash = UNHEX(SHA2(%s, 256))", f"ims_{kind}_{random}")
            assert found == [("acme", kind)]
        (row,) = one.ask(
            "SELECT vendor, account, channel, base_url, enabled, sandbox, settings FROM ims.vendor_accounts"
        )
        assert one.ask("SELECT number, state FROM ims.senders") == [("0215441234", "approved")]
        ((secrets,),) = one.ask("SELECT callback_secrets FROM ims.accounts")
    assert json.loads(secrets)[0] in done.stdout
    told = (tmp_path / "asked").read_text().partition("IMS_SIM_SECRETS=")[2].splitlines()[0]
    simulated = accounts("http://simulator.ims.svc.cluster.local", told)
    (known,) = [a for a in simulated if (a.vendor, a.account) == (row[0], row[1])]
    assert row[2:] == ("mt", known.base_url, 1, 1, json.dumps(dict(known.settings)))


def test_without_a_database_it_fails(tmp_path: Path) -> None:
    assert seed(tmp_path, f"mysql+pymysql://ims:x@{HOST}:1/ims").returncode != 0
