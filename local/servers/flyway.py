"""Flyway, run once at each start: migrations/ into the database."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from local.home import ROOT
from local.install import Say, java, maven, program
from local.problems import Problem
from local.servers import FILES

MIGRATIONS = ROOT / "migrations"
WARNINGS_ONLY = "-Djava.util.logging.SimpleFormatter.format=%4$s %5$s%n"


def install(say: Say) -> Path:
    """The folder with Flyway's jars and the launcher (our one source file) as a class newer than its source."""
    java(say)
    jars = maven("flyway", FILES / "flyway.pom.xml", say)
    source, launcher = FILES / "Migrate.java", jars / "Migrate.class"
    if not launcher.exists() or launcher.stat().st_mtime < source.stat().st_mtime:
        javac = program("javac", ["openjdk-17-jdk-headless"], "put a Java development kit on the PATH", say)
        subprocess.run([javac, "-cp", f"{jars}/*", "-d", str(jars), str(source)], check=True)
    return jars


def migrate(address: str) -> None:
    """Bring the schema of a `mysql+pymysql://user:password@host:port/name` address up to date."""
    url = urlsplit(address)
    jdbc = f"jdbc:mariadb://{url.hostname}:{url.port or 3306}{url.path}"
    jars = install(print)
    command = [java(print), "-XX:TieredStopAtLevel=1", WARNINGS_ONLY, "-cp", f"{jars}:{jars}/*", "Migrate"]
    result = subprocess.run(
        [*command, jdbc, unquote(url.username or ""), str(MIGRATIONS)],
        env={**os.environ, "IMS_MIGRATE_PASSWORD": unquote(url.password or "")},
        capture_output=True,
        text=True,
        check=False,
    )
    print(result.stdout, result.stderr, sep="", flush=True)
    if result.returncode != 0:
        words = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or result.stderr.splitlines()
        raise Problem(
            f"the database could not be migrated: {' '.join(words[:3])}", "see the message, then `ims up` again"
        )
