"""The node's processes in a network namespace of their own: started, found again, stopped with all that they made."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from string import Template

import psutil

from deploy.cluster import crds
from deploy.node.build import BIN
from local.home import ROOT, Home
from local.install import apt, disable_unit, have, program
from local.problems import Problem
from local.processes import Identity, Spec, end, launch, leftovers, remember

FILES = Path(__file__).parent / "files"
NODE, NODES = "10.87.0.1", "10.87.0.1/24"
PODS = "10.88.0.0/16"
API, SERVICES, DNS = "10.97.0.1", "10.97.0.0/16", "10.97.0.10"
PORT = 6443
PLUGINS = "/usr/lib/cni"
INSTEAD = "use kind where there is a container engine (docs/deploy/kind.md)"
PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "etcd": "etcd-server",
    "nft": "nftables",
    "ip": "iproute2",
    "openssl": "openssl",
    "ipset": "ipset",
    "iptables": "iptables",
}
CONFIGURATION = {
    "containerd.toml": "containerd.toml",
    "kube-proxy.yaml": "kube-proxy.yaml",
    "kubelet.yaml": "kubelet.yaml",
    "network.conflist": "cni/10-node.conflist",
}
"""Template in files/ → file in the home's conf/."""
START_SECONDS = 120
CGROUPS = Path("/sys/fs/cgroup")
NETWORKS = Path("/run/netns")
DAYS = "365"


class Machine:
    """One node, in the folder `home`; two nodes in two folders do not meet."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self.name = f"ims-{zlib.crc32(str(path).encode()):08x}"

    @property
    def config(self) -> Path:
        """The administrator's kubeconfig."""
        return self.home.path / "kubeconfig"

    @property
    def socket(self) -> Path:
        """containerd's."""
        return self.home.run / "containerd.sock"

    def inside(self, *words: str) -> tuple[str, ...]:
        """A command as it runs in the node's network namespace."""
        return ("nsenter", f"--net={NETWORKS / self.name}", *words)

    def environment(self) -> dict[str, str]:
        """The environment of whatever runs inside: the administrator's kubeconfig, the node's own kubectl."""
        return {**os.environ, "KUBECONFIG": str(self.config), "PATH": f"{BIN}:{os.environ['PATH']}"}

    def run(self, *words: str, given: str | None = None, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command inside; its outcome is the caller's business."""
        return subprocess.run(
            self.inside(*words),
            env=self.environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def kubectl(self, *words: str, given: str | None = None, seconds: float = 600) -> str:
        """What kubectl answers; a Problem when it fails."""
        return self._must("kubectl", *words, given=given, seconds=seconds)

    def running(self) -> bool:
        """Whether the API server answers."""
        return self.config.exists() and self.run("kubectl", "get", "--raw", "/readyz", seconds=30).returncode == 0

    def start(self) -> None:
        """Start what is not running; return when the node is Ready."""
        self.check()
        self.home.make()
        self._network()
        self.write_files()
        self._cgroups()
        if not self.config.exists():
            self._keys()
        known = {name for name, _ in leftovers(self.home)}
        for name, argv in self._processes().items():
            if name not in known:
                self._launch(name, argv)
            if name == "kube-apiserver":
                self._wait("the API server", self.running)
            if name == "kubelet":
                self._wait("the node", lambda: "True" in self._ready())

    def check(self) -> None:
        """What can be known before anything is built: who we are, what is installed, the custom resources."""
        _check()
        crds()

    def stop(self) -> None:
        """End every process of the node and of its pods, and take its mounts, its cgroups and its network away."""
        found = dict(leftovers(self.home))
        containerd = found.pop("containerd", None)
        end(list(found.values()))
        shims = self._shims()
        inside = [child for shim in shims for child in _children(shim)]
        networks = [path for path in NETWORKS.glob("cni-*") if path.stat().st_ino in set(map(_network_of, inside))]
        for process in (*inside, *shims):
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(shims, timeout=10)
        end([containerd] if containerd else [])
        for name in [*found, "containerd"]:
            remember(self.home, name, None)
        self._unmount()
        self._remove_cgroups()
        for path in (*networks, NETWORKS / self.name):
            subprocess.run(["ip", "netns", "del", path.name], capture_output=True, check=False)

    def _shims(self) -> list[psutil.Process]:
        """Each container's keeper, known by our containerd's socket in its command line."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if words and "containerd-shim" in words[0] and str(self.socket) in words:
                found.append(process)
        return found

    def _unmount(self) -> None:
        points = [part.mountpoint for part in psutil.disk_partitions(all=True)]
        for point in sorted((p for p in points if p.startswith(f"{self.home.path}/")), key=len, reverse=True):
            subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)

    def _remove_cgroups(self) -> None:
        for top in (CGROUPS / self.name, *CGROUPS.glob(f"*/{self.name}")):
            for folder in sorted((p for p in top.rglob("*") if p.is_dir()), key=lambda p: len(p.parts), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                top.rmdir()

    def _network(self) -> None:
        """A namespace with one bridge that holds the node's address; its default route leads nowhere."""
        if (NETWORKS / self.name).exists():
            return
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        for words in (
            "ip link set lo up",
            "ip link add node0 type bridge",
            f"ip addr add {NODES} dev node0",
            "ip link set node0 up",
            f"ip route add default via {NODE}",
            "sysctl -qw net.ipv4.ip_forward=1",
            "sysctl -qw net.bridge.bridge-nf-call-iptables=1",
        ):
            self._must(*words.split())

    def write_files(self) -> None:
        """The configuration of the node's programs."""
        home = self.home
        values = {"home": home.path, "name": self.name, "node": NODE, "pods": PODS, "dns": DNS, "cni": PLUGINS}
        (home.conf / "cni").mkdir(exist_ok=True)
        for name, to in CONFIGURATION.items():
            (home.conf / to).write_text(Template((FILES / name).read_text()).substitute(values))
        (home.conf / "resolv.conf").write_text(f"nameserver {NODE}\n")

    def _cgroups(self) -> None:
        """A group of our own for the pods: in each controller of version 1, or in the one tree of version 2."""
        if (CGROUPS / "cgroup.controllers").exists():
            (CGROUPS / self.name).mkdir(exist_ok=True)
            return
        for top in CGROUPS.iterdir():
            if top.is_dir() and not top.is_symlink():
                (top / self.name).mkdir(exist_ok=True)

    def _keys(self) -> None:
        """An authority, the API server's certificate, the key of service accounts, the administrator's token."""
        folder = self.home.path / "keys"
        folder.mkdir(mode=0o700, exist_ok=True)
        names = (
            "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
        )
        (folder / "names").write_text(f"subjectAltName={names},IP:{NODE},IP:{API}\n")
        for words in (
            "genrsa -out accounts.key 2048",
            f"req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days {DAYS} -subj /CN=node",
            "req -newkey rsa:2048 -nodes -keyout api.key -out api.csr -subj /CN=kube-apiserver",
            f"x509 -req -in api.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out api.crt -days {DAYS} -extfile names",
        ):
            subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
        token = secrets.token_hex(16)
        (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        server = f'{{server: "https://{NODE}:{PORT}", certificate-authority: "{folder}/ca.crt"}}'
        self.config.touch(mode=0o600)
        self.config.write_text(
            f"""apiVersion: v1
kind: Config
clusters: [{{name: node, cluster: {server}}}]
users: [{{name: admin, user: {{token: {token}}}}}]
contexts: [{{name: node, context: {{cluster: node, user: admin}}}}]
current-context: node
"""
        )

    def _processes(self) -> dict[str, tuple[str, ...]]:
        """Name → command, in the order in which they start."""
        home, keys = self.home, self.home.path / "keys"
        config, client, peer = f"--kubeconfig={self.config}", "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        return {
            "containerd": ("containerd", "-c", str(home.conf / "containerd.toml")),
            "etcd": (
                *("etcd", "--data-dir", str(home.data / "etcd"), "--unsafe-no-fsync"),
                *("--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer),
                *("--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
            ),
            "kube-apiserver": (
                *(f"{BIN}/kube-apiserver", "--etcd-servers", client, f"--bind-address={NODE}", f"--secure-port={PORT}"),
                *(f"--advertise-address={NODE}", f"--service-cluster-ip-range={SERVICES}"),
                *(f"--tls-cert-file={keys}/api.crt", f"--tls-private-key-file={keys}/api.key"),
                *(f"--token-auth-file={keys}/tokens.csv", f"--client-ca-file={keys}/ca.crt"),
                *(f"--service-account-{kind}-file={keys}/accounts.key" for kind in ("key", "signing-key")),
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                *("--authorization-mode=Node,RBAC", "--allow-privileged=true"),
                "--kubelet-preferred-address-types=InternalIP",
            ),
            "kube-controller-manager": (
                *(f"{BIN}/kube-controller-manager", config, "--leader-elect=false", f"--root-ca-file={keys}/ca.crt"),
                *(f"--service-account-private-key-file={keys}/accounts.key", "--use-service-account-credentials=true"),
            ),
            "kube-scheduler": (f"{BIN}/kube-scheduler", config, "--leader-elect=false"),
            "kubelet": (
                *(f"{BIN}/kubelet", config, f"--config={home.conf}/kubelet.yaml", f"--root-dir={home.data}/kubelet"),
                *("--hostname-override=node", f"--node-ip={NODE}"),
            ),
            "kube-proxy": (f"{BIN}/kube-proxy", f"--config={home.conf}/kube-proxy.yaml"),
            "kube-router": (
                *(f"{BIN}/kube-router", config, "--hostname-override=node", f"--service-cluster-ip-range={SERVICES}"),
                *("--run-firewall=true", "--run-router=false", "--run-service-proxy=false"),
                *("--run-loadbalancer=false", "--health-port=0", "--metrics-port=0"),
            ),
        }

    def _launch(self, name: str, argv: tuple[str, ...]) -> None:
        started = launch(Spec(name, "server", self.inside(*argv), 0, lambda: True), self.home.logs / f"{name}.log")
        remember(self.home, name, Identity.of(started.pid))

    def _ready(self) -> str:
        path = '{.items[0].status.conditions[?(@.type=="Ready")].status}'
        return self.run("kubectl", "get", "node", "-o", f"jsonpath={path}", seconds=30).stdout

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > until:
                raise Problem(f"{what} was not ready within {START_SECONDS} s", f"read {self.home.logs}/*.log")
            time.sleep(0.5)

    def _must(self, *words: str, given: str | None = None, seconds: float = 600) -> str:
        result = self.run(*words, given=given, seconds=seconds)
        if result.returncode != 0:
            raise Problem(f"`{' '.join(words[:6])}` failed: {(result.stderr or result.stdout).strip()[-500:]}")
        return result.stdout


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _network_of(process: psutil.Process) -> int:
    """The inode of the network namespace that a process is in; 0 when it is gone."""
    try:
        return Path(f"/proc/{process.pid}/ns/net").stat().st_ino
    except OSError:
        return 0


def _check() -> None:
    """What the node needs of the machine, with the way out for each."""
    if os.geteuid() != 0:
        raise Problem("only root may make containers without an engine", f"`sudo make cluster`, or {INSTEAD}")
    for name, package in PROGRAMS.items():
        program(name, [package], INSTEAD, print)
    if not Path(PLUGINS, "bridge").exists():
        apt("the bridge plugin", ["containernetworking-plugins"], INSTEAD)
    for unit in ("containerd", "etcd"):
        disable_unit(unit)
    if not shutil.which("nsenter") or have("sysctl") is None:
        raise Problem("nsenter or sysctl is missing", "apt-get install util-linux procps")


def default_home() -> Path:
    """`IMS_CLUSTER_HOME`, or .ims/cluster."""
    return Path(os.environ.get("IMS_CLUSTER_HOME") or ROOT / ".ims" / "cluster").absolute()
