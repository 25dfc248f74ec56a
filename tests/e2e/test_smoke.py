"""tools/pipeline/smoke.sh, as the pipelines run it after a roll-out, against a platform."""

from __future__ import annotations

import os
import subprocess

from local.home import ROOT
from tests.road import Road

SCRIPT = ROOT / "tools" / "pipeline" / "smoke.sh"


def smoke(road: Road, **env: str) -> subprocess.CompletedProcess[str]:
    own = {"IMS_URL": road.demo["gateway"], "IMS_TEST_KEY": road.keys["test"], **env}
    return subprocess.run([SCRIPT], env={**os.environ, **own}, capture_output=True, text=True, check=False)


def test_a_test_message_goes_the_whole_way(road: Road) -> None:
    result = smoke(road)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().endswith("delivered")
    (row,) = road.sql("SELECT vendor_account FROM messages WHERE account_id = %s", road.account_id)
    assert row == ("test",)


def test_a_message_that_fails_fails_the_pipeline(road: Road) -> None:
    result = smoke(road, TO="01090004001")
    assert result.returncode == 1
    assert result.stderr.strip().endswith("failed")


def test_a_key_that_is_refused_fails_the_pipeline(road: Road) -> None:
    assert smoke(road, IMS_TEST_KEY="ims_test_nobody").returncode != 0
