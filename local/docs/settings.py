"""docs/settings.md and docs/settings.env: every `IMS_*` variable with its default and its meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

import bridges.settings
import shared.runtime.settings
import simulator.settings
from local.docs.text import notice, table

MODULES: tuple[ModuleType, ...] = (shared.runtime.settings, bridges.settings, simulator.settings)
COMPUTED = {"source_instance": "the machine's name"}
"""Defaults that are known only when the process runs."""


class Setting(NamedTuple):
    """One variable."""

    name: str
    default: str
    description: str


class Section(NamedTuple):
    """Settings of one concern: `source` is where they are read."""

    title: str
    source: str
    text: str
    settings: list[Setting]


LOCAL = Section(
    "The local platform",
    "local/options.py",
    "What `ims up` starts. Everything else of the environment is handed on to the processes.",
    [
        Setting(
            "IMS_PLATFORM",
            "knative",
            "knative: KafkaSource's and PingSource's rules; openfaas-ce: what stack.ce.yml says",
        ),
        Setting(
            "IMS_HOSTS",
            "together",
            "together: functions and sources share four processes; apart: each has its own, as on a cluster",
        ),
        Setting("IMS_HOME", ".ims", "the platform's folder: data, logs, keys; a second home is a second platform"),
        Setting(
            "IMS_HOST",
            "127.0.0.1",
            "where everything listens; another address is for pods on this machine, in their own network namespace",
        ),
        Setting("IMS_PORT_OFFSET", "0", "added to every port; needed for a second platform beside the first"),
        Setting("IMS_SERVER_PORTS", "", "ports of servers that the offset leaves alone, as in mysql=3306,redis=6379"),
        Setting("IMS_KAFKA_NODES", "1", "1, or 3 with three replicas of every partition and min.insync 2"),
        Setting("IMS_MYSQL_REPLICA", "0", "1: a read replica beside the primary"),
        Setting("IMS_REDIS_CLUSTER", "0", "1: a cluster of three primaries and three replicas instead of one server"),
        Setting("IMS_REPLICAS_<FUNCTION>", "1", "processes of a function, as in IMS_REPLICAS_ROUTE=2 (a pool each)"),
        Setting(
            "IMS_KAFKA_BOOTSTRAP, IMS_MYSQL_URL, IMS_REDIS_URL",
            "",
            "when set, that server is yours: it is used as it is and none is started",
        ),
        Setting("IMS_MIGRATE_PASSWORD", "", "set by `ims up` for the migration's process only"),
    ],
)

PROCESS = Section(
    "One process",
    "shared/runtime/__main__.py, shared/runtime/server.py, bridges/targets.py",
    "What is said to a single process, by a manifest or by `ims up`.",
    [
        Setting("IMS_FUNCTION", "", "the folder of functions/ to serve, unless --function names it"),
        Setting("HOST, PORT", "0.0.0.0, 8080", "where a function listens, unless --host and --port say so"),
        Setting("IMS_FUNCTIONS_DIR", "./functions", "where the functions' folders are"),
        Setting(
            "IMS_SECRETS_DIR",
            "/var/openfaas/secrets",
            "a folder whose files are settings: ims-mysql-url, ims-redis-url",
        ),
        Setting("IMS_LANES", "", "the lanes of the process's pool, for whoever looks at its environment"),
        Setting(
            "IMS_TARGET_<PROCESS>",
            "the map's port on this machine",
            "http://host:port/path,… of a process's replicas, for the sources: IMS_TARGET_ROUTE_FAST=http://10.0.0.7:8080",
        ),
        Setting("K_SINK", "", "where redis_expiry sends, set by Knative's SinkBinding"),
        Setting("K_CE_OVERRIDES", "", "extensions that SinkBinding adds to each event"),
        Setting("IMS_VENDOR_URL", "", "set by `ims up`: the simulator that every seeded vendor account points at"),
    ],
)


def sections() -> list[Section]:
    """All settings, concern by concern."""
    return [*(_section(kind) for kind in classes()), LOCAL, PROCESS]


def classes() -> Iterator[type[BaseSettings]]:
    """The settings classes, in the order in which they are written."""
    for module in MODULES:
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__ and value.__name__[0] != "_"
            if own and issubclass(value, BaseSettings):
                yield value


def _section(kind: type[BaseSettings]) -> Section:
    prefix = kind.model_config.get("env_prefix", "")
    settings = [
        Setting((prefix + name).upper(), _default(name, field), field.description or "")
        for name, field in kind.model_fields.items()
    ]
    title = kind.__name__.removesuffix("Settings")
    return Section(title, kind.__module__.replace(".", "/") + ".py", (kind.__doc__ or "").strip(), settings)


def _default(name: str, field: FieldInfo) -> str:
    if name in COMPUTED:
        return COMPUTED[name]
    value = field.default
    return str(value).lower() if isinstance(value, bool) else str(value)


SOURCES = ("the settings classes", "local/docs/settings.py")
INTRO = """\
# Settings

Everything is read from the environment, once per process. A value can also come from a file, so that secrets need not
stand in the environment: `IMS_MYSQL_URL_FILE=/path/to/file`, or a file `/var/openfaas/secrets/ims-mysql-url`.
The same list as a file to copy: [settings.env](settings.env). Rules that are not settings but data (lanes, codes,
retry schedule, limits of texts) stand in `shared/domain/`.
"""


def table_of(section: Section) -> str:
    """One section of the page."""
    rows = [
        (", ".join(f"`{n}`" for n in s.name.split(", ")), f"`{s.default}`" if s.default else "–", s.description)
        for s in section.settings
    ]
    where = ", ".join(f"`{s}`" for s in section.source.split(", "))
    head = f"## {section.title}\n\n{section.text} ({where})\n\n"
    return head + table(("Variable", "Default", "Meaning"), rows)


def page() -> str:
    """docs/settings.md."""
    return f"<!-- {notice(*SOURCES)} -->\n{INTRO}\n" + "\n".join(map(table_of, sections()))


def env_file() -> str:
    """docs/settings.env: every variable commented out at its default."""
    parts = [
        f"# {notice(*SOURCES)}",
        "# Copy it, take away the # of what you change, and: set -a; . ./your.env; set +a",
        "",
    ]
    for section in sections():
        parts += [f"# --- {section.title}: {' '.join(section.text.split())}", ""]
        for setting in section.settings:
            parts += [f"# {setting.description}", *(_line(n, setting.default) for n in setting.name.split(", ")), ""]
    return "\n".join(parts)


def _line(name: str, default: str) -> str:
    plain = default.replace(".", "").replace("_", "").isalnum()
    return f"#{name}={default if plain or not default else json.dumps(default)}"
