"""The programs of the node, built from Go modules once: about 45 minutes of two busy cores, with cold caches."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from deploy.golang import go
from local.home import DIST, ROOT
from local.install import Say

BIN = DIST / "node" / "bin"
KUBERNETES = "k8s.io/kubernetes"


class Part(NamedTuple):
    """A Go module under tools/, and its programs: name → package."""

    module: str
    programs: dict[str, str]


KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
)
SERVING, EVENTING = ("activator", "autoscaler", "controller", "queue", "webhook"), ("controller", "mtping", "webhook")
PARTS = (
    Part("kubernetes", {name: f"{KUBERNETES}/cmd/{name}" for name in KUBERNETES_PROGRAMS}),
    Part(
        "knative",
        {
            **{f"serving-{name}": f"knative.dev/serving/cmd/{name}" for name in SERVING},
            **{f"eventing-{name}": f"knative.dev/eventing/cmd/{name}" for name in EVENTING},
            "ingress-controller": "knative.dev/net-gateway-api/cmd/controller",
        },
    ),
    Part("envoy-gateway", {"envoy-gateway": "github.com/envoyproxy/gateway/cmd/envoy-gateway"}),
    Part("policies", {"kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"}),
    Part("node", {"coredns": "./dns", "pause": "./pause"}),
)


def build(say: Say) -> None:
    """Whatever is missing, or was built from other files."""
    for part in PARTS:
        folder = ROOT / "tools" / part.module
        stamp, wanted = BIN / f".{part.module}", "".join(p.read_text() for p in sorted(_sources(folder)))
        if all((BIN / name).exists() for name in part.programs) and stamp.exists() and stamp.read_text() == wanted:
            continue
        for name, package in part.programs.items():
            say(f"building {name}")
            _go(folder, "build", "-ldflags", _flags(part), "-o", str(BIN / name), package)
        stamp.write_text(wanted)


@cache
def sources_of(part: str, module: str) -> Path:
    """Where the files of a Go module that a part is built from lie: its manifests are applied as they are."""
    return Path(_go(ROOT / "tools" / part, "list", "-m", "-f", "{{.Dir}}", module).strip())


def _sources(folder: Path) -> list[Path]:
    return [folder / "go.sum", *folder.rglob("*.go")]


def _flags(part: Part) -> str:
    """Knative asks Kubernetes for its version, which only the linker knows."""
    if part.module != "kubernetes":
        return "-s -w"
    version = _go(ROOT / "tools" / part.module, "list", "-m", "-f", "{{.Version}}", KUBERNETES).strip()
    major, minor = version.removeprefix("v").split(".")[:2]
    variables = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{name}={to}" for name, to in variables.items())])


def _go(folder: Path, *words: str) -> str:
    return go(folder, *words, way_out="check the network", nice=5)
