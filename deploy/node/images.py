"""Images without a container engine: Debian's buildah builds the Dockerfiles, containerd takes what comes out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.node.build import BIN, sources_of
from deploy.node.machine import INSTEAD, Machine
from deploy.objects import dns
from deploy.settings import BRIDGES_IMAGE, VERSION
from local.home import DIST, ROOT
from local.install import Say, program
from local.problems import Problem
from local.servers import envoy
from shared import flow

STORE = DIST / "node" / "images"
BASE = "node.local/python:3.11-slim"
SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python-is-python3", "python3", "python3-pip", "python3-venv", "tzdata")
"""What the Dockerfiles expect of their base: the Python 3.11 of this Debian."""
CERTIFICATES = "/etc/ssl/certs"
USER = "65532:65532"
DEFAULTS = re.compile(r'Default(EnvoyProxy|ShutdownManager)Image\s*=\s*"([^"]+)"')


def system(machine: Machine, say: Say) -> None:
    """The images of everything but IMS: each one program on the base."""
    _base(say)
    names = [
        p.name for p in sorted(BIN.iterdir()) if re.match("serving-|eventing-|ingress-|coredns|pause|envoy-", p.name)
    ]
    for name, path in [*((name, BIN / name) for name in names), ("envoy", Path(envoy.program()))]:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(path, Path(folder, "program"))
            lines = (f"FROM {BASE}", f"COPY program /usr/local/bin/{name}", f"USER {USER}", f'ENTRYPOINT ["{name}"]')
            Path(folder, "Dockerfile").write_text("\n".join(lines) + "\n")
            _build(f"node.local/{name}:1", folder)
        _load(machine, f"node.local/{name}:1", say)
    for default, ours in _envoy_defaults():
        _containerd(machine, "images", "tag", "--force", ours, default)


def ims(machine: Machine, say: Say, prefix: str = "dev.local", version: str = VERSION) -> None:
    """IMS' own images, by its Dockerfiles."""
    _base(say)
    for name in [BRIDGES_IMAGE, *dict.fromkeys(f.name for f in flow.FLOW)]:
        tag = f"{prefix}/ims/{dns(name)}:{version}"
        file = "Dockerfile.bridge" if name == BRIDGES_IMAGE else "Dockerfile"
        _build(tag, str(ROOT), "--file", str(ROOT / file), "--build-arg", f"FUNCTION={name}")
        _load(machine, tag, say)


def _envoy_defaults() -> Iterator[tuple[str, str]]:
    """Names under which Envoy Gateway asks for its images when nobody says others, and ours for them."""
    text = (sources_of("envoy-gateway", "github.com/envoyproxy/gateway") / "api/v1alpha1/shared_types.go").read_text()
    ours = {"EnvoyProxy": "node.local/envoy:1", "ShutdownManager": "node.local/envoy-gateway:1"}
    for kind, name in DEFAULTS.findall(text):
        yield name, ours[kind]


def _base(say: Say) -> None:
    """A small Debian with Python, in place of Docker Hub's python:3.11-slim."""
    if _buildah("images", "--quiet", "--filter", f"reference={BASE}").strip():
        return
    say("making the base of the images from Debian's packages")
    make = program("mmdebstrap", ["mmdebstrap"], INSTEAD, say)
    with tempfile.TemporaryDirectory() as folder:
        archive = str(Path(folder, "base.tar"))
        words = [make, "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, archive]
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise Problem(f"mmdebstrap failed: {result.stderr.strip()[-300:]}", "check the network; it needs a Debian")
        container = _buildah("from", "scratch").strip()
        _buildah("add", "--quiet", container, archive, "/")
        _buildah("commit", "--quiet", "--rm", container, BASE)


def _build(tag: str, folder: str, *more: str) -> None:
    """The machine's certificates are lent to the build: the packages may come by way of a proxy."""
    certificates = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro")
    base = ("--build-arg", f"BASE={BASE}")
    _buildah("build", "--quiet", "--layers", "--network", "host", *certificates, *base, "--tag", tag, *more, folder)


def _load(machine: Machine, tag: str, say: Say) -> None:
    """Hand an image to the node, unless it is the one that the node has."""
    known = machine.home.read(machine.home.data / "images.json") or {}
    built = _buildah("images", "--quiet", "--no-trunc", tag).strip()
    if known.get(tag) == built:
        return
    say(f"image {tag}")
    with tempfile.TemporaryDirectory() as folder:
        archive = str(Path(folder, "image.tar"))
        _buildah("push", "--quiet", tag, f"docker-archive:{archive}:{tag}")
        _containerd(machine, "images", "import", archive)
    machine.home.write(machine.home.data / "images.json", json.dumps({**known, tag: built}))


def _containerd(machine: Machine, *words: str) -> None:
    _run("ctr", "--address", str(machine.socket), "--namespace", "k8s.io", *words)


def _buildah(*words: str) -> str:
    name = program("buildah", ["buildah"], INSTEAD, print)
    run = STORE / "run"
    return _run(name, "--root", str(STORE / "root"), "--runroot", str(run), *words)


def _run(*words: str) -> str:
    env = {**os.environ, "STORAGE_DRIVER": "overlay", "BUILDAH_ISOLATION": "chroot"}
    result = subprocess.run(words, env=env, capture_output=True, text=True, check=False, cwd=ROOT)
    if result.returncode != 0:
        raise Problem(f"`{' '.join(words)[:200]}` failed: {(result.stderr or result.stdout).strip()[-500:]}")
    return result.stdout
