"""Getting a missing program: Debian's packages or Maven, with a clear word when neither can be used."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from local.home import DIST
from local.problems import Problem

Say = Callable[[str], None]
MINUTES = 60
APT_ENV = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


def have(program: str) -> str | None:
    """The path of an installed program; /usr/sbin is looked into as well."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")


def program(name: str, packages: Sequence[str], instead: str, say: Say) -> str:
    """The path of program `name`, installed from Debian's `packages` if need be."""
    path = have(name)
    if path is None:
        say(f"installing {' '.join(packages)}")
        apt(name, packages, instead)
        path = have(name)
    if path is None:
        raise Problem(f"{name} is not there although {' '.join(packages)} is installed", instead)
    return path


def apt(name: str, packages: Sequence[str], instead: str) -> None:
    """Install Debian packages; without root or apt, say what to do."""
    wish = f"apt-get install -y {' '.join(packages)}"
    if have("apt-get") is None:
        raise Problem(
            f"{name} is not installed, and there is no apt-get here", f"install {name} yourself, or {instead}"
        )
    if os.geteuid() != 0:
        raise Problem(f"{name} is not installed, and only root may install it", f"run `{by_root(wish)}`, or {instead}")
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    if _run(command, APT_ENV).returncode == 0:
        return
    _run(["apt-get", "update", "-q"], APT_ENV)
    result = _run(command, APT_ENV)
    if result.returncode != 0:
        raise Problem(
            f"{name} could not be installed: {_reason(result)}",
            f"check the network and run `{wish}`, or {instead}",
        )


def by_root(command: str) -> str:
    """A command that needs root, as this user gives it: with sudo where there is one and it is needed."""
    return f"sudo {command}" if os.geteuid() != 0 else command


def disable_unit(unit: str) -> None:
    """A package that we installed may have started a system service: the platform runs its own."""
    if have("systemctl"):
        _run(["systemctl", "disable", "--now", unit], {})


def java(say: Say) -> str:
    """A Java 17 or newer."""
    return program("java", ["openjdk-17-jre-headless"], "put a Java 17 or newer on the PATH", say)


def maven(name: str, pom: Path, say: Say) -> Path:
    """The folder with the jars that `pom` names, downloaded once."""
    folder = DIST / name
    stamp = folder / ".pom"
    wanted = pom.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    java(say)
    mvn = program("mvn", ["maven"], "put Maven 3 on the PATH", say)
    say(f"downloading {name} with Maven")
    shutil.rmtree(folder, ignore_errors=True)
    goal = (f"-DoutputDirectory={folder}", "-DincludeScope=runtime", "dependency:copy-dependencies")
    result = _run([mvn, "-q", "-B", "-f", str(pom), *goal], {})
    if result.returncode != 0:
        raise Problem(f"{name} could not be downloaded: {_reason(result)}", f"check the network; `{mvn} -f {pom}`")
    stamp.write_text(wanted)
    return folder


def _run(command: Sequence[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=15 * MINUTES,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Problem(f"`{' '.join(command)}` did not end within 15 minutes", "check the network") from None


def _reason(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.removeprefix("[ERROR]").strip() for line in f"{result.stdout}\n{result.stderr}".splitlines()]
    errors = [line for line in lines if line.startswith(("E:", "Failed", "Could not"))]
    return next(filter(None, [*errors, *lines]), "no word why")[:300]
