"""Where a process's replicas listen: the map's port on this machine, or what the environment says.

Behind OpenFaaS' gateway a target has a path (`http://gateway.openfaas:8080/function/route`), on Knative a name of
its own and no port (`http://route-fast.ims.svc.cluster.local`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.flow import Process


class Address(NamedTuple):
    """One replica, or the gateway before all of them."""

    host: str
    port: int
    path: str = "/"


def addresses(process: Process, port_offset: int) -> list[Address]:
    """`IMS_TARGET_SEND_MT_FAST=http://127.0.0.1:40401,…` for the process send_mt-fast, else its port of the map."""
    given = os.environ.get("IMS_TARGET_" + process.name.upper().replace("-", "_"))
    if not given:
        return [Address("127.0.0.1", process.port + port_offset)]
    return [_address(text.strip()) for text in given.split(",") if text.strip()]


def _address(text: str) -> Address:
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, port = url.hostname, url.port or (80 if "://" in text else None)
    except ValueError:
        host = port = None
    if not host or not port or url.scheme != "http":
        raise ValueError(f"{text!r} is not http://host[:port][/path] or host:port")
    return Address(host, port, url.path or "/")


class Targets:
    """Takes the replicas in turn."""

    def __init__(self, replicas: list[Address]) -> None:
        if not replicas:
            raise ValueError("no target")
        self._replicas, self._turn = replicas, -1

    def in_turn(self) -> Iterator[Address]:
        """All replicas, beginning with the next one's turn: the later ones are for when the first refuses."""
        self._turn = (self._turn + 1) % len(self._replicas)
        for i in range(len(self._replicas)):
            yield self._replicas[(self._turn + i) % len(self._replicas)]
