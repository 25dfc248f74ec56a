"""Performs a Dockerfile's own steps without an engine: stages are folders, RUN runs with paths put into the stage."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOTS = ("/opt/ims", "/build", "/app")
"""The folders of the image that steps name; each becomes one of the stage's."""


@dataclass(frozen=True)
class Step:
    """One instruction."""

    word: str
    rest: str


def steps(dockerfile: Path) -> list[Step]:
    """The instructions of a Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n", " ", dockerfile.read_text())
    lines = [line.strip() for line in text.splitlines()]
    return [Step(*line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]


def ignored(path: Path, root: Path) -> bool:
    """Whether .dockerignore keeps a file out of the build context."""
    verdict, name = False, path.relative_to(root).as_posix()
    for line in (root / ".dockerignore").read_text().split("\n"):
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = name.split("/")
        hit = any(fnmatch("/".join(parts[: i + 1]), pattern) for i in range(len(parts)))
        hit = hit or (rule.removeprefix("!").startswith("**/") and any(fnmatch(part, pattern) for part in parts))
        verdict = not rule.startswith("!") if hit else verdict
    return verdict


@dataclass
class Stage:
    """What a stage holds."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def here(self, path: str) -> Path:
        """A path of the image, in the stage's folder."""
        absolute = path if path.startswith("/") else f"{self.workdir.rstrip('/')}/{path}"
        return self.folder / absolute.lstrip("/")

    def translated(self, text: str) -> str:
        """Text whose image paths are those of the stage."""
        for root in ROOTS:
            text = re.sub(rf"(?<![\w/]){root}(?=[/\s:]|$)", str(self.folder / root.lstrip("/")), text)
        return text


@dataclass
class Build:
    """A build of one Dockerfile into folders under `out`; a finished dependencies stage may be handed over."""

    root: Path
    dockerfile: Path
    out: Path
    arguments: dict[str, str] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)

    def run(self) -> Stage:
        """Perform every step; the last stage is the image."""
        known, stage, skip = dict(self.arguments), Stage(self.out / "none"), False
        for step in steps(self.dockerfile):
            if step.word == "ARG":
                name, _, default = step.rest.partition("=")
                known.setdefault(name, default)
                continue
            rest = re.sub(r"\$\{(\w+)\}", lambda m: known[m[1]], step.rest)
            if step.word == "FROM":
                name = rest.partition(" AS ")[2] or "image"
                skip = name in self.stages
                stage = self.stages.setdefault(name, Stage(self.out / name))
            elif not skip:
                getattr(self, f"_{step.word.lower()}")(stage, rest)
        return stage

    def _label(self, stage: Stage, rest: str) -> None:
        assert "=" in rest

    _expose = _stopsignal = lambda self, stage, rest: None

    def _workdir(self, stage: Stage, rest: str) -> None:
        stage.workdir = rest
        stage.here(".").mkdir(parents=True, exist_ok=True)

    def _env(self, stage: Stage, rest: str) -> None:
        stage.env |= dict(pair.split("=", 1) for pair in rest.split())

    def _user(self, stage: Stage, rest: str) -> None:
        stage.user = rest

    def _entrypoint(self, stage: Stage, rest: str) -> None:
        stage.entrypoint = json.loads(rest)

    def _cmd(self, stage: Stage, rest: str) -> None:
        stage.command = json.loads(rest)

    def _copy(self, stage: Stage, rest: str) -> None:
        words = rest.split()
        if words[0].startswith("--from="):
            origin = self.stages[words[0].removeprefix("--from=")]
            stage.here(words[2]).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-al", origin.here(words[1]), stage.here(words[2])], check=True)
            return
        source, target = self.root / words[0], stage.here(words[1])
        files = [source] if source.is_file() else [f for f in source.rglob("*") if f.is_file()]
        taken = [f for f in files if not ignored(f, self.root)]
        assert taken, f"COPY {words[0]} finds nothing in the context"
        for file in taken:
            place = target if source.is_file() else target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)

    def _run(self, stage: Stage, rest: str) -> None:
        """pip's cache is used here, which changes nothing in the result; `python` is the interpreter of the tests, and
        what an image keeps of its library's bytecode goes into the stage's folder `bytecode`."""
        base = sys._base_executable  # type: ignore[attr-defined]
        command = stage.translated(rest).replace(" --no-cache-dir", "")
        command = re.sub(r"(?<![\w/])python -m pip ", f"{sys.executable} -m pip ", command)
        command = re.sub(r"(?<![\w/.-])python ", f"{base} ", command)
        env = {**os.environ, **{k: stage.translated(v) for k, v in stage.env.items()}}
        stage.here(".").mkdir(parents=True, exist_ok=True)
        if "sysconfig" in command:
            env["PYTHONPYCACHEPREFIX"] = str(stage.folder / "bytecode")
        done = subprocess.run(
            ["sh", "-ec", command],
            cwd=stage.here("."),
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
