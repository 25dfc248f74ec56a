"""tools/seed.sh: the demo account in a cluster's database, as docs/deploy/kind.md has it made."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from local.home import ROOT
from local.probes import HOST
from local.seed import SENDERS, VENDORS
from tests.manifests.database import PASSWORDS, server

SCRIPT = ROOT / "tools" / "seed.sh"


def seed(out: Path, url: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MYSQL_URL": url, "OUT": str(out), "SIMULATOR": "0"}
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
        assert all(url.startswith("http://simulator.ims.svc.cluster.local") for (url,) in addresses)
        assert one.ask("SELECT COUNT(*) FROM ims.vendor_accounts") == [(len(VENDORS),)]
        digest = one.ask("SELECT COUNT(*) FROM ims.api_keys WHERE key_hash = UNHEX(SHA2(%s, 256))", demo["test_key"])
        assert digest == [(1,)]


def test_without_a_database_it_fails(tmp_path: Path) -> None:
    assert seed(tmp_path, f"mysql+pymysql://ims:x@{HOST}:1/ims").returncode != 0
