"""What speaks MongoDB's protocol, in memory: statistics, which end with it.

A real one is used where IMS_MONGODB_URL names it; `IMS_MONGODB_URL=none` does without statistics.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from local.install import Say, java, maven, program
from local.options import Options
from local.probes import HOST, accepts
from local.processes import Spec
from local.servers import FILES, Server

NONE = "none"
JVM = ("-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


def install(options: Options, say: Say) -> None:
    """See to Java, the server's jars and our launcher, unless the user gave an address."""
    if not options.mongodb_url:
        java(say)
        jars(say)


def jars(say: Say) -> Path:
    """The folder with the server's jars and the launcher (our one source file) as a class newer than its source."""
    folder = maven("mongodb", FILES / "mongodb.pom.xml", say)
    source, launcher = FILES / "Mongo.java", folder / "Mongo.class"
    if not launcher.exists() or launcher.stat().st_mtime < source.stat().st_mtime:
        javac = program("javac", ["openjdk-17-jdk-headless"], "put a Java development kit on the PATH", say)
        subprocess.run([javac, "-cp", f"{folder}/*", "-d", str(folder), str(source)], check=True)
    return folder


def command(port: int, say: Say = print) -> tuple[str, ...]:
    """What runs one on a port."""
    folder = jars(say)
    return (java(say), *JVM, "-cp", f"{folder}:{folder}/*", "Mongo", str(port))


def build(options: Options) -> Server:
    """Its process, and how functions reach it."""
    if options.mongodb_url == NONE:
        return Server()
    if options.mongodb_url:
        return Server(env={"IMS_MONGODB_URL": options.mongodb_url})
    port = options.ports["mongodb"]
    spec = Spec("mongodb", "server", command(port), port, accepts(port), grace=10)
    return Server((spec,), {"IMS_MONGODB_URL": f"mongodb://{HOST}:{port}/ims"})
