"""`ims dead`: the dead letters that `store` keeps; look at them, publish them again, give them up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from bridges.kafka_source.cloudevent import as_binary
from local import control, show
from local.client import demo_account
from local.problems import Problem
from shared.domain.errors import Unavailable
from shared.runtime.bus import Bus, connection
from shared.runtime.clock import now_ms
from shared.runtime.mysql import Database
from shared.runtime.settings import KafkaSettings
from shared.stores import dead as store

commands = typer.Typer(
    help="Dead letters: records that no function could read or that a source gave up.\n\n"
    "They are those of your own platform, or of the servers that IMS_MYSQL_URL and IMS_KAFKA_BOOTSTRAP name.\n\n"
    "Examples:\n\n    ims dead list\n\n    ims dead show 12\n\n    ims dead replay 12\n\n    ims dead replay --all",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
ALL = 100_000
SILENT = 3
"""So many in a row that Kafka does not take say that it takes none."""
READ_MS = 10_000
"""How long Kafka may take to find a record."""
Numbers = Annotated[list[int], typer.Argument(help="Their numbers.")]


@commands.command("list")
def show_list(
    state: Annotated[str, typer.Option(help="waiting, replayed or dropped")] = store.WAITING,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many, the newest first.")] = 20,
) -> None:
    """Show the newest.

    Examples:

        ims dead list

        ims dead list --state replayed -n 100
    """
    if state not in store.STATES:
        raise Problem(f"there is no state {state!r}", f"one of {', '.join(store.STATES)}")
    letters = _ask(store.find, state, limit)
    table = Table("id", "at", "topic", "type", "reason")
    for letter in letters:
        table.add_row(
            str(letter.dead_id), _time(letter.at_ms), *map(escape, (letter.topic, letter.type, letter.reason))
        )
    show.out.print(table if letters else f"no dead letter is {state}")
    show.out.print(", ".join(f"{n} {name}" for name, n in _ask(store.counts).items()), style="dim")


@commands.command("show")
def show_one(dead_id: int) -> None:
    """Show one with its headers and body.

    Example: ims dead show 12
    """
    letter = _get(dead_id)
    record = letter.record()
    show.out.print_json(
        data={
            "id": letter.dead_id, "state": letter.state, "at": _time(letter.at_ms), "reason": letter.reason,
            "replayed_at": None if letter.replayed_ms is None else _time(letter.replayed_ms),
            "topic": record[0] if record else None, "headers": dict(letter.headers), "body": _body(letter.value),
            **({"record": _named(letter.place)} if letter.place else {}),
            **({"letter": _named(letter.letter_place)} if letter.letter_place else {}),
            **({"cut": f"only its beginning; the record is {_named(letter.original)}"} if letter.original else {}),
        }
    )  # fmt: skip


@commands.command()
def replay(
    dead_ids: Annotated[list[int] | None, typer.Argument(help="Their numbers.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    topic: Annotated[str, typer.Option(help="Where to, for one whose topic nobody noted.")] = "",
) -> None:
    """Publish them again, each as it was and with its id, to where it came from. Repeating it does no harm.

    Examples:

        ims dead replay 12 13

        ims dead replay --all

        ims dead replay 14 --topic ims.outcome.bulk
    """
    if bool(dead_ids) == every:
        raise Problem("which ones?", "name their numbers, or --all")
    if every and topic:
        raise Problem("--topic is for single letters", f"name their numbers: ims dead replay 12 13 --topic {topic}")
    bus = Bus(_kafka(), "/ims/dead")
    try:
        if every:
            _replay_all(_ask(store.waiting, ALL), bus)
        for dead_id in dead_ids or ():
            _replay(dead_id, bus, topic)
    finally:
        bus.close()


def _replay_all(waiting: Sequence[int], bus: Bus) -> None:
    """What cannot be replayed is named and left; a bus that takes nothing any more ends it."""
    left = silent = 0
    for dead_id in waiting:
        try:
            _replay(dead_id, bus)
            silent = 0
        except Problem as found:
            show.problem(found)
            left += 1
            silent = silent + 1 if isinstance(found, Untaken) else 0
            if silent == SILENT:
                raise Problem(f"{SILENT} in a row were not taken; stopped", "is Kafka up? see `ims status`") from found
    if left:
        raise Problem(f"{left} of {len(waiting)} were left, for the reasons above", "see `ims dead list`")


class Untaken(Problem):
    """The bus did not take a letter."""


def _replay(dead_id: int, bus: Bus, topic: str = "") -> None:
    def publish(records: Sequence[store.Record]) -> None:
        try:
            asyncio.run(bus.resend(records))
        except Exception as error:  # kafka-python names a bad topic by a bare ValueError
            said = error.detail if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
            raise Untaken(f"dead letter {dead_id} was not published to {records[0][0]}: {said}", _NOT_TAKEN) from error

    record = _ask(store.replay, dead_id, now_ms(), publish, topic)
    letter = None if record else _get(dead_id)
    if letter and letter.original:
        record = _ask(store.replay, dead_id, now_ms(), publish, topic, _read(letter, letter.original))
    if record is None:
        raise Problem(f"nobody noted the topic of dead letter {dead_id}", f"ims dead replay {dead_id} --topic …")
    show.out.print(f"[green]✓[/] {dead_id} → {escape(record[0])}")


def _named(place: store.Place) -> str:
    return f"{place.topic}, partition {place.partition}, offset {place.offset}"


def _read(letter: store.Letter, place: store.Place) -> store.Record:
    """The record of which a letter has only the beginning; a Problem when another one lies there by now: a topic that
    was made anew counts from 0 again.
    """
    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    where = TopicPartition(place.topic, place.partition)
    try:
        consumer = KafkaConsumer(**connection(_kafka()), group_id=None, auto_offset_reset="earliest")
        try:
            consumer.assign([where])
            consumer.seek(where, place.offset)
            found = [r for batch in consumer.poll(READ_MS, max_records=1).values() for r in batch]
        finally:
            consumer.close()
    except KafkaError as error:
        raise Untaken(f"dead letter {letter.dead_id} could not be read: {type(error).__name__}", _NOT_TAKEN) from error
    wanted = letter.headers.get("ce_id")
    if not found or found[0].offset != place.offset or (wanted and as_binary(found[0])[0].get("ce_id") != wanted):
        gone = f"the record of dead letter {letter.dead_id} is gone: {_named(place)}"
        raise Problem(gone, "its topic keeps 7 days of them")
    headers = [(name, value or b"") for name, value in found[0].headers]
    return place.topic, found[0].value or b"", headers


_NOT_TAKEN = "it still waits; is that a topic, and is Kafka up? see `ims status`"


@commands.command()
def drop(dead_ids: Numbers) -> None:
    """Give them up: they wait no more, and are removed after 30 days.

    Example: ims dead drop 12
    """
    for dead_id in dead_ids:
        if not _ask(store.drop, dead_id):
            raise Problem(f"dead letter {dead_id} is {_get(dead_id).state}", "only waiting ones can be dropped")
        show.out.print(f"[green]✓[/] {dead_id} dropped")


def _get(dead_id: int) -> store.Letter:
    letter: store.Letter | None = _ask(store.get, dead_id)
    if letter is None:
        raise Problem(f"there is no dead letter {dead_id}", "see `ims dead list`")
    return letter


def _ask(question: Any, *args: Any) -> Any:
    url = os.environ.get("IMS_MYSQL_URL") or demo_account(control.current().home)["mysql"]
    database = Database(url, pool=1)
    try:
        return database.run(question, *args)
    except Unavailable as error:
        raise Problem(f"a server does not answer: {error.detail}", "is it up? see `ims status`") from error
    finally:
        database.close()


def _kafka() -> KafkaSettings:
    if os.environ.get("IMS_KAFKA_BOOTSTRAP"):
        return KafkaSettings()
    return KafkaSettings(kafka_bootstrap=demo_account(control.current().home)["kafka"])


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _body(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value.decode(errors="replace")
