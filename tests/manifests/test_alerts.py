"""Every alert fires when it should and stays still when it should not, by promtool; every one has its runbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import alerts
from local.home import ROOT
from shared.watch.rules import RULES
from shared.watch.tasks import TASKS
from tests.manifests import metrics
from tests.manifests.promtool import check, promtool

ALL = list(alerts.alerts())
NAMES = sorted({a.name for a in ALL})
ENDLESS = {a.name for a in ALL if a.severity == "none"}
"""They fire always: what is told is their silence."""
ALWAYS = {
    'ims_events_total{function="schedule",type="com.ims.tick.v1",result="done"}': "0+1x400",
    'up{function="redis-expiry"}': "1x400",
    "mysql_up": "1x400",
    "redis_up": "1x400",
    **{f'ims_last_success_timestamp_seconds{{task="{task}"}}': "0+15x400" for task in TASKS},
    'ims_digests_unsent{state="waiting"}': "0x400",
    'ims_digests_unsent{state="given_up"}': "0x400",
}
"""What a healthy cluster always has, each 15 s: without these their alerts fire."""


def end(topic: str) -> str:
    return f'kafka_topic_partition_current_offset{{topic="{topic}",partition="0"}}'


def done(group: str, topic: str) -> str:
    return f'kafka_consumergroup_current_offset{{consumergroup="{group}",topic="{topic}",partition="0"}}'


def lag(group: str, topic: str) -> str:
    return f'kafka_consumergroup_lag{{consumergroup="{group}",topic="{topic}",partition="0"}}'


def calls(metric: str, labels: str, ok: str, bad: str, good: int, failed: int) -> dict[str, str]:
    return {
        f"{metric}{{{labels},{ok}}}": f"0+{good}x400",
        f"{metric}{{{labels},{bad}}}": f"0+{failed}x400",
    }


def histogram(metric: str, labels: str, below: str, slow: int) -> dict[str, str]:
    """100 measures each 15 s, `slow` of them above `below`."""
    comma = "," if labels else ""
    return {
        f'{metric}_bucket{{{labels}{comma}le="{below}"}}': f"0+{100 - slow}x400",
        f'{metric}_bucket{{{labels}{comma}le="10"}}': "0+100x400",
        f'{metric}_bucket{{{labels}{comma}le="+Inf"}}': "0+100x400",
    }


def success(task: str, process: str = "") -> str:
    """The series of a task, beside that which a healthy cluster always has when a process is named."""
    more = f',process="{process}"' if process else ""
    return f'ims_last_success_timestamp_seconds{{task="{task}"{more}}}'


AUTH, BULK = "ims.accepted.auth", "ims.accepted.bulk"
ROUTE_AUTH, ROUTE_BULK = "ims.route-accepted-auth", "ims.route-accepted-bulk"
DONE = 'ims_events_total{function="watch",type="com.ims.tick.v1",result="done"}'
DISK = 'kubelet_volume_stats_{}_bytes{{namespace="ims-data",persistentvolumeclaim="data-mysql-0"}}'
SLAVE = "mysql_slave_status_slave_{}_running"
TAKEN = 'outcome="delivered"'
MIN_ISR = "kafka_server_replicamanager_underminisrpartitioncount"
OFFLINE = "kafka_controller_offlinepartitionscount"
Case = tuple[str, dict[str, str], dict[str, str]]
VENDOR, OK, FAILED = 'vendor="nhn",account="m"', 'result="ok"', 'result="failed"'
CASES: list[Case] = [
    # alert, series (one value each 15 s) with which it fires after 90 minutes, and with which it does not
    ("ImsLaneLate", {end(AUTH): "0+1x400", done(ROUTE_AUTH, AUTH): "0+1x200 200x200"},
     {end(AUTH): "1+1x400", done(ROUTE_AUTH, AUTH): "0+1x400"}),
    ("ImsLaneLate", {'ims_source_oldest_seconds{source="send_mt-send-realtime"}': "121x400"},
     {'ims_source_oldest_seconds{source="send_mt-send-realtime"}': "119x400"}),
    ("ImsLaneLate", {end(BULK): "0+1x400", done(ROUTE_BULK, BULK): "0x400"},
     {end(BULK): "0+1x400", done(ROUTE_BULK, BULK): "0x40 0+1x400"}),
    ("ImsLaneLag", {lag(ROUTE_BULK, BULK): "0+100x400"}, {lag(ROUTE_BULK, BULK): "30000-10x400"}),
    ("ImsSourceStuck", {lag(ROUTE_BULK, BULK): "7x400", done(ROUTE_BULK, BULK): "5x400"},
     {lag(ROUTE_BULK, BULK): "7x400", done(ROUTE_BULK, BULK): "0+1x400"}),
    ("ImsStoreLate", {end(BULK): "0+1x400", done("ims.store", BULK): "0+1x100 100x300"},
     {end(BULK): "0+1x400", done("ims.store", BULK): "0x20 0+1x380"}),
    ("ImsDeadLetters", {end("ims.dead"): "3x350 4x50"}, {end("ims.dead"): "3x400"}),
    ("ImsDeadLetters", {'ims_source_dead_total{source="store"}': "0x350 1x50"},
     {'ims_source_dead_total{source="store"}': "2x400"}),
    ("ImsFunctionErrors", calls("ims_events_total", 'function="route",type="t"', 'result="done"', 'result="E"', 9, 1),
     calls("ims_events_total", 'function="route",type="t"', 'result="done"', 'result="E"', 99, 1)),
    ("ImsApiErrors", calls("ims_http_requests_total", 'function="api-mt"', 'status="202"', 'status="503"', 9, 1),
     calls("ims_http_requests_total", 'function="api-mt"', 'status="202"', 'status="429"', 1, 9)),
    ("ImsPublishFailing", {'ims_published_total{function="api-mt",topic="t",result="failed"}': "0+1x400"},
     {'ims_published_total{function="api-mt",topic="t",result="acked"}': "0+1x400"}),
    ("ImsAuthSlow", histogram("ims_handler_seconds", 'process="route-fast"', "1", 2),
     histogram("ims_handler_seconds", 'process="route-slow"', "1", 50)),
    ("ImsScheduleNotTicking",
     {'ims_events_total{function="schedule",type="com.ims.tick.v1",result="done"}': "5x400"}, {}),
    ("ImsExpiryDown", {'up{function="redis-expiry"}': "0x400"}, {}),
    ("ImsWatchNotTicking", {success("watch"): "0+15x320 4800x80"}, {success("watch"): "0+15x348 5220x52"}),
    ("ImsWatchNotTicking", {success("watch"): "0+15x320 _x80"},
     {success("watch"): "0+15x320 4800x80", DONE: "0+1x400"}),
    ("ImsWatchNotTicking", {success("watch"): "_x400", DONE: "7x400"}, {success("watch"): "_x400", DONE: "0+1x400"}),
    ("ImsScheduleFailing", {success("schedule"): "0+15x300 4500x100"}, {success("schedule"): "0+15x330 4950x70"}),
    ("ImsScheduleFailing", {success("schedule"): "_x400", success("schedule", "old"): "0+15x100 1500x300"},
     {success("schedule", "old"): "0+15x100 1500x300"}),
    ("ImsDigestLate", {success("digest"): "-86600x400"}, {success("digest"): "-86300x400"}),
    ("ImsDigestsUnsent", {'ims_digests_unsent{state="waiting"}': "0x110 2x290"},
     {'ims_digests_unsent{state="waiting"}': "0x130 2x270"}),
    ("ImsDigestsGivenUp", {'ims_digests_unsent{state="given_up"}': "0x350 1x50"},
     {'ims_digests_unsent{state="given_up"}': "1x350 0x50"}),
    ("ImsRetentionLate", {success("retention"): "-175400x400"}, {success("retention"): "-175000x400"}),
    ("ImsVendorErrors", calls("ims_vendor_calls_total", VENDOR, OK, FAILED, 8, 2),
     calls("ims_vendor_calls_total", VENDOR, OK, FAILED, 19, 1)),
    ("ImsVendorDown", calls("ims_vendor_calls_total", VENDOR, OK, FAILED, 1, 2),
     {'ims_vendor_calls_total{vendor="nhn",account="m",result="failed"}': "0x355 1x100"}),
    ("ImsVendorFailsOver", {'ims_vendor_failed_over_total{vendor="nhn",account="m",channel="kakao"}': "_x355 1x45"},
     {'ims_vendor_failed_over_total{vendor="nhn",account="m",channel="kakao"}': "1x400"}),
    ("ImsVendorSlow", histogram("ims_vendor_seconds", 'vendor="nhn"', "2.5", 10),
     histogram("ims_vendor_seconds", 'vendor="nhn"', "2.5", 4)),
    ("ImsCallbacksFailing", calls("ims_report_tries_total", 'namespace="ims"', TAKEN, 'outcome="failed"', 6, 4),
     calls("ims_report_tries_total", 'namespace="ims"', TAKEN, 'outcome="deferred"', 1, 9)),
    ("ImsReportsGivenUp", {'ims_report_tries_total{outcome="exhausted"}': "0x320 1x80"},
     {'ims_report_tries_total{outcome="failed"}': "0+1x400"}),
    ("ImsRetriesLate", histogram("ims_report_lateness_seconds", "", "5", 2),
     histogram("ims_report_lateness_seconds", "", "5", 0)),
    ("ImsRetriesPiling", {f'redis_key_size{{key="due:{{{i}}}",pod="redis-0"}}': "7000x400" for i in range(16)},
     {f'redis_key_size{{key="due:{{1}}",pod="redis-{i}"}}': "60000x400" for i in range(6)}),
    ("ImsMysqlDown", {"mysql_up": "0x400"}, {}),
    ("ImsMysqlReplicaLate", {"mysql_slave_status_seconds_behind_master": "31x400"},
     {"mysql_slave_status_seconds_behind_master": "2x400"}),
    ("ImsMysqlReplicaBroken", {SLAVE.format("sql"): "0x400", SLAVE.format("io"): "1x400"},
     {SLAVE.format("sql"): "1x400", SLAVE.format("io"): "1x400"}),
    ("ImsRedisDown", {"redis_cluster_state": "0x400"}, {"redis_cluster_state": "1x400"}),
    ("ImsRedisFull", {"redis_memory_used_bytes": "900x400", "redis_memory_max_bytes": "1000x400"},
     {"redis_memory_used_bytes": "900x400", "redis_memory_max_bytes": "0x400"}),
    ("ImsRedisRebuilt", {'redis_key_value{key="epoch:{3}"}': "17000x340 _x5 17999x100"},
     {'redis_key_value{key="epoch:{3}"}': "17000x340 _x5 17000x100"}),
    ("ImsKafkaUnderReplicated", {"kafka_server_replicamanager_underreplicatedpartitions": "3x400"},
     {"kafka_server_replicamanager_underreplicatedpartitions": "0x400"}),
    ("ImsKafkaRefusing", {MIN_ISR: "1x400", OFFLINE: "0x400"}, {MIN_ISR: "0x400", OFFLINE: "0x400"}),
    ("ImsVolumeFull", {DISK.format("available"): "10x400", DISK.format("capacity"): "100x400"},
     {DISK.format("available"): "20x400", DISK.format("capacity"): "100x400"}),
    ("ImsBackupMissing", {'kube_cronjob_status_last_successful_time{cronjob="backup-mysql"}': "-95000x400"},
     {'kube_cronjob_status_last_successful_time{cronjob="backup-mysql"}': "0x400"}),
]  # fmt: skip


def rules(folder: Path, *names: str) -> Path:
    """The rules of some alerts as promtool reads them."""
    found = [r for group in alerts.rules()["spec"]["groups"] for r in group["rules"] if r["alert"] in names]
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": found}]}))
    return file


def firing(folder: Path, series: dict[str, str], *names: str) -> bool:
    """Whether one of the alerts fires after 90 minutes of these series, beside those that are always there."""
    given = [{"series": key, "values": values} for key, values in {**ALWAYS, **series}.items()]
    quiet = [{"eval_time": "90m", "alertname": name, "exp_alerts": []} for name in names]
    tests: Any = [{"interval": "15s", "input_series": given, "alert_rule_test": quiet}]
    file = folder / "test.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(rules(folder, *names))], "evaluation_interval": "15s", "tests": tests})
    )
    result = promtool("test", "rules", str(file))
    said = result.stdout + result.stderr
    assert result.returncode == 0 or "exp:" in said, said
    return result.returncode != 0


@pytest.mark.parametrize(("name", "bad", "good"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_an_alert_fires_when_it_should_and_only_then(
    tmp_path: Path, name: str, bad: dict[str, str], good: dict[str, str]
) -> None:
    assert firing(tmp_path, bad, name)
    assert not firing(tmp_path, good, name)


def test_every_alert_is_tried() -> None:
    assert {case[0] for case in CASES} == set(NAMES) - ENDLESS


def test_nothing_fires_on_a_healthy_cluster(tmp_path: Path) -> None:
    assert not firing(tmp_path, {}, *(set(NAMES) - ENDLESS))


def test_the_watchdog_is_heard_whatever_happens(tmp_path: Path) -> None:
    assert {"ImsWatchdog"} == ENDLESS
    assert firing(tmp_path, {}, "ImsWatchdog")
    assert firing(tmp_path, dict.fromkeys(ALWAYS, "_x400"), "ImsWatchdog")


def test_promtool_takes_every_rule(tmp_path: Path) -> None:
    result = promtool("check", "rules", str(rules(tmp_path, *NAMES)))
    assert result.returncode == 0, result.stderr
    assert check(tmp_path, [a.expr for a in ALL]) == ""


def test_alerts_read_only_metrics_that_there_are() -> None:
    assert {name for a in ALL for name in metrics.used(a.expr)} - metrics.known() == set()


def test_every_alert_says_how_grave_it_is_and_where_to_read_on() -> None:
    for group in alerts.rules()["spec"]["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning", "none")
            assert rule["annotations"]["runbook_url"].startswith("https://")


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    folder = ROOT / "docs" / "runbooks"
    pages = {a.runbook: a.name for a in ALL} | {r.runbook: r.name for r in RULES}
    assert {p.stem for p in folder.glob("*.md")} - {"README"} == set(pages)
    for runbook, name in pages.items():
        page = (folder / f"{runbook}.md").read_text()
        assert page.startswith(f"# {name}\n")
        assert all(f"## {part}" in page for part in ("Meaning", "Look", "Do"))
