"""What watch finds, when it speaks, and whom it tells: pure rules, Slack's and the vendor's messages, the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import alerts
from local.home import ROOT
from shared.domain.errors import Unavailable
from shared.runtime import Context
from shared.runtime.logs import mask
from shared.runtime.settings import WatchSettings, reset
from shared.vendors.base import Answer
from shared.watch import alarms, rules, slack, sms
from shared.watch.alarms import Alarm, Notice, Policy
from shared.watch.checks import kafka, mysql, work
from shared.watch.desk import Desk
from shared.watch.look import look
from shared.watch.memory import State, from_json, to_json
from shared.watch.notify import Delivery, deliver
from shared.watch.rules import Finding, Found, Key
from shared.watch.samples import Check, Look, Sample
from shared.watch.slack import Said
from simulator.http import Request
from simulator.slack import SlackStandIn

MINUTE, HOUR = 60_000, 3_600_000
START = 1_700_000_000_000
KEY: Key = ("ImsRedisDown", "redis")
POLICY = Policy()


def found(*keys: Key, wait_ms: int = 0, unknown: Iterable[str] = ()) -> Found:
    return Found({key: Finding("critical", wait_ms, "down", 1) for key in keys}, frozenset(unknown))


def alarm(key: Key = KEY, **more: Any) -> Alarm:
    return replace(Alarm(*key, "critical", "down", 1, START, START), **more)


def notice(kind: Any = "firing", severity: str = "critical", key: Key = KEY, **more: Any) -> Notice:
    return Notice(kind, replace(alarm(key), severity=severity, **more), False)


# --- rules ----------------------------------------------------------------------------------------------------------


def test_a_sample_over_its_threshold_is_found_for_its_subject_only() -> None:
    seen = Look(START, (Sample("group_oldest", "ims.a-auth", 31), Sample("group_oldest", "ims.a-realtime", 31)))
    assert list(rules.judge(seen).findings) == [("ImsLaneLate", "ims.a-auth")]


def test_the_gravest_of_two_rules_for_one_alarm_counts() -> None:
    seen = Look(START, (Sample("replica_behind", "replica", 400),))
    assert {k: f.severity for k, f in rules.judge(seen).findings.items()} == {
        ("ImsMysqlReplicaLate", "replica"): "warning",
        ("ImsMysqlReplicaBroken", "replica"): "critical",
    }


def test_thresholds_can_be_set_and_a_wrong_one_is_named() -> None:
    mine = rules.with_thresholds("ImsLaneLate/auth=60, ImsRedisFull=90")
    assert {r.key: r.above for r in mine if r.key in ("ImsLaneLate/auth", "ImsLaneLate/bulk", "ImsRedisFull")} == {
        "ImsLaneLate/auth": 60, "ImsLaneLate/bulk": 3600, "ImsRedisFull": 90,
    }  # fmt: skip
    for wrong in ("ImsNothing=1", "ImsRedisFull=much"):
        with pytest.raises(ValueError, match=wrong.split("=")[0]):
            rules.with_thresholds(wrong)


def test_rules_share_their_names_with_the_prometheus_alerts_and_have_a_page() -> None:
    known = {a.name: a for a in alerts.alerts()}
    shared = [r for r in rules.RULES if r.name in known]
    assert len({r.name for r in shared}) > 15
    assert all(r.runbook == known[r.name].runbook for r in shared)
    assert all((ROOT / "docs" / "runbooks" / f"{r.runbook}.md").exists() for r in rules.RULES)
    assert len({r.key for r in rules.RULES}) == len(rules.RULES)


def test_lanes_may_wait_as_long_as_the_prometheus_alerts_allow() -> None:
    for rule in rules.RULES:
        if rule.name == "ImsLaneLate":
            assert rule.above == alerts.WAIT_SECONDS[rule.label]
        if rule.name == "ImsLaneLag":
            assert rule.above == alerts.LAG_EVENTS[rule.label]


WAITING = {("ims.a-auth", 0): (5, 7), ("ims.a-bulk", 0): (0, 900), ("ims.a-ad", 0): (4, 0)}
"""(group, partition) → (next offset, how many events wait)."""


def test_events_that_wait_but_could_not_be_read_neither_fire_nor_end_their_groups_alarm() -> None:
    late, key = ("ims.a-bulk", 0), ("ImsLaneLate", "ims.a-auth")
    samples = tuple(kafka._waiting(WAITING, {late: START - 10_000_000}, START))
    seen = rules.judge(Look(START, samples))
    assert ("ImsLaneLate", late[0]) in seen.findings
    assert seen.unsure == {key}
    firing = {key: alarm(key, firing=True, fired=1), KEY: alarm(firing=True, fired=1)}
    after = alarms.advance(firing, seen, START + HOUR, Policy(calm_ms=0))
    assert after[key] == firing[key]
    assert not after[KEY].firing
    samples = tuple(kafka._waiting({**WAITING, ("ims.a-auth", 0): (12, 0)}, {}, START))
    assert not alarms.advance(firing, rules.judge(Look(START, samples)), START + HOUR, Policy(calm_ms=0))[key].firing


def test_each_groups_longest_queue_is_read_before_any_groups_second() -> None:
    lags = {("ims.a-bulk", p): (0, 1000 + p) for p in range(300)} | {("ims.a-auth", p): (0, 1 + p) for p in range(2)}
    first, second, third, fourth, *_ = kafka._in_turn(lags)
    assert (first, second) == (("ims.a-bulk", 299), ("ims.a-auth", 1))
    assert (third, fourth) == (("ims.a-bulk", 298), ("ims.a-auth", 0))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update accounts set api_key='k3y', phone=01012345678 where id=7", "UPDATE accounts"),
        ("SELECT 'it''s from hidden', \"from hidden\" FROM `ims`.`hops` WHERE code=3001", "SELECT ims.hops"),
        ("INSERT INTO messages (recipient) VALUES ('\\' from hidden", "INSERT messages"),
        ("SELECT 'from hidden \\' from hidden'", "SELECT"),
        ("/* from hidden */ (SELECT 1 -- from hidden\n FROM due) # from hidden", "SELECT due"),
        ("SELECT 5--'a\n from hidden'", "SELECT"),
        ("DELETE FROM due WHERE due_id IN (1,2,3)", "DELETE due"),
        ("ALTER TABLE IF EXISTS hops ADD x INT", "ALTER hops"),
        ("SET PASSWORD = 'hidden'", "SET"),
        ("hidden", "a statement"),
        ("", "a statement"),
        ("idle", "idle"),
    ],
)
def test_of_a_strangers_statement_only_verb_and_table_are_told(statement: str, said: str) -> None:
    assert mysql.gist(statement) == said


async def test_a_backlog_is_stuck_while_its_oldest_batch_stays_the_same() -> None:
    rows: list[tuple[int, int, int, int]] = [(0, 1, 3, 1), (2, 40, 7, 2)]
    marks: dict[str, int] = {}

    async def db(_: Any) -> list[tuple[int, int, int, int]]:
        return rows

    async def still(minutes: int) -> list[Key]:
        seen = await work.backlogs(db, marks, START + minutes * MINUTE)
        return list(rules.judge(Look(START, tuple(seen))).findings)

    assert await still(0) == []
    rows[0] = (0, 1, 4, 1)
    assert await still(9) == []
    assert await still(11) == [("ImsBacklogStuck", "bulk")]
    rows.pop()
    assert await still(12) == []
    rows.append((2, 1, 9, 1))
    assert await still(13) == []
    assert await still(20) == [("ImsBacklogStuck", "auth")]


# --- a look ---------------------------------------------------------------------------------------------------------


async def answers(*samples: Sample) -> list[Sample]:
    return list(samples)


async def breaks() -> list[Sample]:
    raise Unavailable("gone")


async def hangs() -> list[Sample]:
    await asyncio.sleep(60)
    return []


async def test_a_server_that_cannot_be_asked_is_one_finding_and_what_needs_it_is_unknown() -> None:
    checks = [
        Check("primary", breaks, frozenset({"mysql_transaction"}), "mysql_down"),
        Check("due work", breaks, frozenset({"due_overdue"}), needs=("primary",)),
        Check("breakers", lambda: answers(), frozenset({"vendor_open"}), needs=("primary", "redis")),
        Check("redis", lambda: answers(Sample("redis_used", "redis", 3)), frozenset({"redis_used"}), "redis_down"),
    ]
    seen = await look(checks, 1, START)
    result = rules.judge(seen)
    assert list(result.findings) == [("ImsMysqlDown", "primary")]
    assert {"ImsDueLate", "ImsMysqlLongTransaction", "ImsVendorDown"} <= result.unknown
    assert "ImsRedisFull" not in result.unknown


async def test_a_check_that_hangs_or_breaks_is_a_finding_of_its_own() -> None:
    checks = [Check("hops", hangs, frozenset({"hop_oldest"})), Check("due-set", breaks, frozenset({"redis_epochs"}))]
    seen = await look(checks, 0.05, START)
    assert set(rules.judge(seen).findings) == {("ImsWatchBlind", "hops"), ("ImsWatchBlind", "due-set")}
    assert dict(seen.failed)["hops"] == "no answer within 0.05 s"


# --- alarms ---------------------------------------------------------------------------------------------------------


class Clock:
    """Ticks of a minute, as the function has them, each told at once."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.now, self.policy = START, policy
        self.alarms: dict[Key, Alarm] = {}
        self.said: list[tuple[int, str]] = []

    def tick(self, seen: Found, mutes: dict[str, int] | None = None, arrives: bool = True) -> list[Notice]:
        self.now += MINUTE
        self.alarms = alarms.advance(self.alarms, seen, self.now, self.policy)
        self.alarms = alarms.hushed(self.alarms, mutes or {}, self.now)
        batch = alarms.notices(self.alarms, mutes or {}, self.now, self.policy)
        self.alarms = alarms.tried(self.alarms, batch, self.now)
        if arrives:
            self.alarms = alarms.told(self.alarms, batch, batch, [], [], self.now)
            self.said += [(self.now, n.kind) for n in batch]
        return batch


def test_an_alarm_fires_after_its_wait_once_and_resolves_after_the_calm() -> None:
    clock = Clock()
    down = found(KEY, wait_ms=MINUTE)
    assert clock.tick(down) == []
    assert [n.kind for n in clock.tick(down)] == ["firing"]
    assert [clock.tick(down) for _ in range(5)] == [[]] * 5
    kinds = [n.kind for _ in range(6) for n in clock.tick(found())]
    assert kinds == ["resolved"]


def test_what_was_away_for_less_than_its_wait_is_never_told() -> None:
    clock = Clock()
    clock.tick(found(KEY, wait_ms=3 * MINUTE))
    clock.tick(found(KEY, wait_ms=3 * MINUTE))
    assert [clock.tick(found()) for _ in range(10)] == [[]] * 10
    assert clock.alarms == {}


def test_what_goes_on_firing_is_told_again_after_hours() -> None:
    clock = Clock()
    for _ in range(10 * 60):
        clock.tick(found(KEY))
    assert [kind for _, kind in clock.said] == ["firing", "still", "still"]


def test_what_cannot_be_measured_neither_fires_nor_ends() -> None:
    clock = Clock()
    clock.tick(found(KEY))
    assert all(clock.tick(found(unknown=[KEY[0]])) == [] for _ in range(30))
    assert clock.alarms[KEY].firing
    pending = Clock()
    pending.tick(found(KEY, wait_ms=MINUTE))
    assert all(pending.tick(found(unknown=[KEY[0]])) == [] for _ in range(30))


def test_after_a_pause_of_watch_a_finding_begins_anew() -> None:
    clock = Clock()
    clock.tick(found(KEY, wait_ms=MINUTE))
    clock.now += HOUR
    assert clock.tick(found(KEY, wait_ms=MINUTE)) == []
    assert [n.kind for n in clock.tick(found(KEY, wait_ms=MINUTE))] == ["firing"]


def test_what_nobody_took_is_told_again_and_says_so_only_if_it_may_have_arrived() -> None:
    clock = Clock()
    assert [n.again for n in clock.tick(found(KEY), arrives=False)] == [False]  # the process dies before it is noted
    (again,) = clock.tick(found(KEY), arrives=False)
    assert again.kind == "firing"
    assert again.again
    clock.alarms = alarms.told(clock.alarms, [again], [], [], [], clock.now)  # both ways certainly failed
    assert [n.again for n in clock.tick(found(KEY))] == [False]
    assert clock.tick(found(KEY)) == []


def test_what_is_muted_is_not_told_until_the_mute_ends() -> None:
    clock = Clock()
    until = START + 10 * MINUTE
    for _ in range(8):
        assert clock.tick(found(KEY), {KEY[0]: until}) == []
    assert [n.kind for n in [*clock.tick(found(KEY), {KEY[0]: until}), *clock.tick(found(KEY), {KEY[0]: until})]] == [
        "firing"
    ]
    quiet = Clock()
    quiet.tick(found(KEY))
    ends = [quiet.tick(found(), {KEY[0]: quiet.now + HOUR}) for _ in range(10)]
    assert ends == [[]] * 10
    assert [quiet.tick(found()) for _ in range(10)] == [[]] * 10


@given(st.lists(st.sampled_from([True, False, None]), max_size=300), st.integers(0, 3))
def test_however_it_flaps_it_is_told_in_turn_and_a_few_times_an_hour(seen: list[bool | None], waits: int) -> None:
    clock = Clock()
    for down in seen:
        here = found(KEY, wait_ms=waits * MINUTE) if down else found(unknown=[KEY[0]] if down is None else [])
        clock.tick(here)
    kinds = [kind for _, kind in clock.said if kind != "still"]
    assert kinds == [("firing", "resolved")[i % 2] for i in range(len(kinds))]
    fired = [at for at, kind in clock.said if kind == "firing"]
    assert all(sum(0 <= later - at < HOUR for later in fired) <= 6 for at in fired)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=120))
def test_nothing_is_lost_when_messages_do_not_arrive(steps: list[tuple[bool, bool]]) -> None:
    clock = Clock(Policy(calm_ms=0))
    for down, arrives in steps:
        clock.tick(found(KEY) if down else found(), arrives=arrives)
    kinds = [kind for _, kind in clock.said if kind != "still"]
    assert kinds == [("firing", "resolved")[i % 2] for i in range(len(kinds))]
    clock.tick(found(KEY))
    assert [k for _, k in clock.said if k != "still"][-1] == "firing"


# --- whom it tells --------------------------------------------------------------------------------------------------


class Way:
    """Slack or SMS that says what it is told to."""

    def __init__(self, *said: Said) -> None:
        self.said, self.got, self.notes = list(said), list[list[Key]](), list[str]()

    async def send(self, notices: Sequence[Notice], now_ms: int = 0, note: str = "") -> Said:
        self.got.append([n.alarm.key for n in notices])
        self.notes.append(note)
        return self.said.pop(0) if self.said else Said(True)


GRAVE, MILD = notice(), notice(severity="warning", key=("ImsStoreLate", "ims.store"))
ENDED = notice("resolved", key=("ImsMysqlDown", "primary"))


def done(made: Delivery) -> set[Key]:
    return {n.alarm.key for n in made.done}


async def test_slack_hears_everything_and_sms_only_what_is_critical() -> None:
    to_slack, to_sms = Way(), Way()
    made = await deliver([GRAVE, MILD, ENDED], START, to_slack, to_sms)
    assert to_sms.got == [[GRAVE.alarm.key]]
    assert len(to_slack.got[0]) == len(done(made)) == 3


async def test_when_slack_fails_sms_takes_what_is_left_and_ends_wait() -> None:
    to_sms = Way()
    made = await deliver([GRAVE, MILD, ENDED], START, Way(Said(False)), to_sms)
    assert to_sms.got == [[GRAVE.alarm.key], [MILD.alarm.key]]
    assert done(made) == {GRAVE.alarm.key, MILD.alarm.key}


async def test_when_sms_fails_slack_says_so() -> None:
    to_slack = Way()
    made = await deliver([GRAVE], START, to_slack, Way(Said(False, detail="balance used up")))
    assert "balance used up" in to_slack.notes[0]
    assert done(made) == {GRAVE.alarm.key}
    assert made.sms == []


async def test_when_both_fail_nothing_is_done_and_only_the_doubtful_may_repeat() -> None:
    made = await deliver([GRAVE, MILD], START, Way(Said(False, True)), Way(Said(False), Said(False)))
    assert done(made) == set()
    assert set(made.doubtful) == {GRAVE.alarm.key, MILD.alarm.key}


async def test_without_any_way_the_log_is_all_there_is() -> None:
    assert done(await deliver([GRAVE, MILD, ENDED], START, None, None)) == {n.alarm.key for n in (GRAVE, MILD, ENDED)}


async def test_an_alarm_gets_one_sms_an_hour() -> None:
    to_sms = Way()
    recently = notice("still", sms_ms=START - HOUR + 1)
    long_ago = notice("still", key=("ImsMysqlDown", "primary"), sms_ms=START - HOUR)
    await deliver([recently, long_ago], START, Way(), to_sms)
    assert to_sms.got == [[long_ago.alarm.key]]


async def test_with_sms_alone_a_second_outage_within_the_hour_is_told_when_the_hour_is_over() -> None:
    to_sms, ended = Way(), replace(ENDED.alarm, sms_ms=START)
    again = notice(sms_ms=START)
    batch = [again, MILD, Notice("resolved", ended, False)]
    made = await deliver(batch, START + 10 * MINUTE, None, to_sms)
    assert to_sms.got == []
    assert done(made) == {MILD.alarm.key, ended.key}
    made = await deliver([again], START + HOUR, None, to_sms)
    assert to_sms.got == [[again.alarm.key]]
    assert done(made) == {again.alarm.key}
    made = await deliver([again], START + 10 * MINUTE, Way(), to_sms)
    assert done(made) == {again.alarm.key}, "Slack was told"
    made = await deliver([again], START + 10 * MINUTE, Way(Said(False)), to_sms)
    assert done(made) == set()


# --- messages -------------------------------------------------------------------------------------------------------


def many(n: int, words: str = "down") -> list[Notice]:
    return [notice(key=("ImsFunctionDown", f"route-{i}"), text=words) for i in range(n)]


@pytest.mark.parametrize("notices", [many(1), many(40, "x" * 500), many(800, "<&>" * 150), [MILD, ENDED]])
async def test_slack_takes_the_message_whatever_is_in_it(notices: list[Notice]) -> None:
    import orjson

    body = orjson.dumps(slack.payload(notices, "local", "https://docs.example/runbooks", START, "note"))
    answer = await SlackStandIn().take(Request("POST", "/slack/services/T/B/x", {}, {}, body), START)
    assert (answer.status, answer.body) == (200, b"ok")


def test_a_line_says_what_since_when_where_to_read_on_and_whether_it_repeats() -> None:
    text = slack.line(
        Notice("firing", alarm(text="down <now>"), True), "https://docs.example/runbooks/", START + 5 * MINUTE
    )
    assert "*ImsRedisDown* `redis` down &lt;now&gt;" in text
    assert "<https://docs.example/runbooks/redis-down.md|runbook>" in text
    assert "(5 min)" in text
    assert "may repeat" in text


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (200, {}, Said(True)),
        (404, {}, Said(False, False, "Slack answered 404 x")),
        (500, {}, Said(False, True, "Slack answered 500 x")),
        (429, {"retry-after": "3"}, Said(False, False, "Slack answered 429 x", 3.0)),
        (429, {"retry-after": "soon"}, Said(False, False, "Slack answered 429 x", slack.DEFAULT_RETRY_S)),
    ],
)
def test_slacks_answers_are_read(status: int, headers: dict[str, str], said: Said) -> None:
    assert slack.read(Answer(status, headers, b"x")) == said


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=60)), min_size=1, max_size=12))
def test_an_sms_fits_into_90_bytes_whatever_the_names(names: list[tuple[str, str]]) -> None:
    text = sms.words([notice(key=key) for key in names], START)
    assert len(text.encode("cp949", "replace")) <= sms.SMS_BYTES
    assert text.startswith("[IMS] ")


def test_an_sms_names_the_first_alarms_and_counts_the_rest() -> None:
    assert sms.words(many(1), START) == "[IMS] 07:13 ImsFunctionDown route-0"
    assert (
        sms.words(many(9), START)
        == "[IMS] 07:13 ImsFunctionDown route-0, ImsFunctionDown route-1, ImsFunctionDown route-2 +6"
    )


def test_the_webhooks_address_is_in_no_log_and_no_settings_dump() -> None:
    url = "https://hooks.slack.com/services/T0/B0/secret"
    assert "secret" not in mask(f"POST {url} failed")
    settings = WatchSettings(slack_webhook_url=url)  # type: ignore[arg-type]
    assert "secret" not in repr(settings) + str(settings.model_dump())


def test_the_state_survives_its_way_through_redis() -> None:
    state = State(7, {KEY: alarm(firing=True, told_ms=5)}, {"ImsRedisFull": 9}, {"epoch": 1})
    assert from_json(to_json(state)) == state
    assert from_json(b"{}") == State()


async def test_settings_that_cannot_work_are_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "THRESHOLDS": "ImsNothing=1", "SMS_VENDOR": "solapi", "SMS_URL": "http://x", "SMS_SENDER": "1",
        "SMS_RECIPIENTS": "1", "SMS_SETTINGS": "{no json",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"IMS_WATCH_{name}", value)
    reset()
    try:
        desk = Desk(Context("watch"))
        (own,) = [check for check in desk.checks({}, START) if check.name == "settings"]
        seen = await look([own], 1, START)
        assert desk.rules == rules.RULES
        assert desk.sms is None
        (text,) = [f.text for f in rules.judge(seen).findings.values()]
        assert "ImsNothing" in text
        assert "IMS_WATCH_SMS_SETTINGS" in text
    finally:
        reset()
