"""A real kube-apiserver with etcd on loopback, for checking manifests: built from Go modules once, thrown away after.

It has no scheduler, no controllers and no webhooks: it knows schemas. What only Knative's webhooks would refuse is in
deploy/rules.py.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.golang import PATIENT, go
from local.home import DIST, ROOT
from local.install import disable_unit, have, program
from local.problems import Problem

MODULE = ROOT / "tools" / "kubernetes"
BIN = DIST / "kubernetes" / "bin"
PROGRAMS = ("kube-apiserver", "kubectl")
INSTEAD = "set KUBECONFIG to a cluster that may be asked (nothing is changed in it)"
START_SECONDS = 120
HOST = "127.0.0.1"


def crds() -> Path:
    """The folder with the CRDs' YAML files: IMS_CRDS, or `shared/crds` beside the project."""
    given = os.environ.get("IMS_CRDS")
    folder = Path(given) if given else ROOT.parent / "shared" / "crds"
    if not any(folder.glob("*.yaml")):
        raise Problem(
            f"there are no CRDs in {folder}",
            "put the released CRDs of Knative Serving, Eventing and its Kafka source, Strimzi, Gateway API and "
            f"Prometheus Operator into a folder and set IMS_CRDS to it; or {INSTEAD}",
        )
    return folder


def build() -> None:
    """kube-apiserver and kubectl, unless they are there already (6 minutes of CPU the first time)."""
    stamp, wanted = DIST / "kubernetes" / ".sum", (MODULE / "go.sum").read_text()
    if all((BIN / name).exists() for name in PROGRAMS) and stamp.exists() and stamp.read_text() == wanted:
        return
    print("building kube-apiserver and kubectl from Go modules, once: 6 minutes of CPU", flush=True)
    BIN.mkdir(parents=True, exist_ok=True)
    packages = [f"k8s.io/kubernetes/cmd/{name}" for name in PROGRAMS]
    go(MODULE, "build", "-ldflags", "-s -w", "-o", f"{BIN}/", *packages, way_out=INSTEAD, flags=PATIENT)
    stamp.write_text(wanted)


def kubectl() -> str:
    """The built kubectl, or an installed one."""
    built = BIN / "kubectl"
    found = str(built) if built.exists() else have("kubectl")
    if found is None:
        raise Problem(
            "kubectl is not installed", "install it; or unset KUBECONFIG: `make test-manifests` builds its own"
        )
    return found


@contextmanager
def cluster() -> Iterator[Path]:
    """The kubeconfig of a running apiserver with the CRDs loaded; everything is gone afterwards."""
    folder_of_crds = crds()
    build()
    etcd = program("etcd", ["etcd-server"], INSTEAD, print)
    disable_unit("etcd")
    openssl = program("openssl", ["openssl"], INSTEAD, print)
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ims-kubernetes-")))
        client, peer, port = _free_ports(3)
        stack.enter_context(_running(_etcd(etcd, state, client, peer), state / "etcd.log"))
        config = _kubeconfig(state, port)
        _keys(openssl, state)
        stack.enter_context(_running(_apiserver(state, client, port), state / "apiserver.log"))
        _wait(config, state / "apiserver.log")
        _load(config, folder_of_crds)
        yield config


def run(config: Path | None, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """kubectl, against `config` or the cluster of KUBECONFIG."""
    env = {**os.environ, **({"KUBECONFIG": str(config)} if config else {})}
    return subprocess.run(
        [kubectl(), *words], env=env, input=given, capture_output=True, text=True, timeout=300, check=False
    )


def _etcd(etcd: str, state: Path, client: int, peer: int) -> list[str]:
    url, peers = f"http://{HOST}:{client}", f"http://{HOST}:{peer}"
    return [
        *(etcd, "--data-dir", str(state / "etcd"), "--unsafe-no-fsync", "--listen-client-urls", url),
        *("--advertise-client-urls", url, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
        *("--initial-cluster", f"default={peers}"),
    ]


def _apiserver(state: Path, etcd: int, port: int) -> list[str]:
    return [
        str(BIN / "kube-apiserver"),
        f"--etcd-servers=http://{HOST}:{etcd}",
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        f"--cert-dir={state / 'certificates'}",
        f"--token-auth-file={state / 'tokens.csv'}",
        f"--service-account-key-file={state / 'accounts.key'}",
        f"--service-account-signing-key-file={state / 'accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.97.0.0/24",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
    ]


def _kubeconfig(state: Path, port: int) -> Path:
    token = secrets.token_hex(16)
    (state / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    config = state / "kubeconfig"
    config.write_text(
        f"""apiVersion: v1
kind: Config
clusters: [{{name: test, cluster: {{server: "https://{HOST}:{port}", insecure-skip-tls-verify: true}}}}]
users: [{{name: admin, user: {{token: {token}}}}}]
contexts: [{{name: test, context: {{cluster: test, user: admin}}}}]
current-context: test
"""
    )
    return config


def _keys(openssl: str, state: Path) -> None:
    command = [openssl, "genrsa", "-out", str(state / "accounts.key"), "2048"]
    subprocess.run(command, check=True, capture_output=True)


def _wait(config: Path, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if run(config, "get", "--raw", "/readyz").returncode == 0:
            return
        time.sleep(0.5)
    raise Problem(f"kube-apiserver did not become ready: {log.read_text()[-500:]}", INSTEAD)


def _load(config: Path, folder: Path) -> None:
    applied = run(config, "apply", "--server-side", "-f", str(folder))
    if applied.returncode != 0:
        raise Problem(f"the CRDs of {folder} were refused: {applied.stderr[-500:]}")
    waited = run(config, "wait", "--for=condition=Established", "crd", "--all", "--timeout=120s")
    if waited.returncode != 0:
        raise Problem(f"the CRDs did not become established: {waited.stderr[-500:]}")


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
