"""The one readiness check of each kind of process; each answers within two seconds."""

from __future__ import annotations

import http.client
import os
import socket
from functools import partial

from local.processes import Probe

LOOPBACK = "127.0.0.1"
HOST = os.environ.get("IMS_HOST") or LOOPBACK
"""Where everything listens and is asked. Another address than loopback is for pods on this machine that must reach the
servers; it belongs into a network namespace of its own, since Redis and Kafka ask nobody for a password here.
"""
PATIENCE = 2.0


def http_ok(port: int, path: str) -> Probe:
    """Ready when GET `path` answers 200."""
    return partial(_http_ok, port, path)


def accepts(port: int) -> Probe:
    """Ready when it takes connections."""
    return partial(_accepts, port)


def redis(port: int) -> Probe:
    """Ready when PING is answered (not while it loads its data)."""
    return partial(_redis, port)


def mysql(port: int, user: str, password: str) -> Probe:
    """Ready when the user can log in."""
    return partial(_mysql, port, user, password)


def _http_ok(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"connection": "close"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), PATIENCE).close()
    except OSError:
        return False
    return True


def _redis(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), PATIENCE) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _mysql(port: int, user: str, password: str) -> bool:
    import pymysql

    try:
        pymysql.connect(
            host=HOST, port=port, user=user, password=password, connect_timeout=2, read_timeout=PATIENCE
        ).close()
    except (pymysql.err.MySQLError, OSError):
        return False
    return True
