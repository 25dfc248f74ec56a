"""A server that takes encrypted connections only, as managed ones often are."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from local.install import program
from local.probes import HOST
from shared.domain.errors import Unavailable
from shared.runtime.mysql import SQL_MODE, Database, encryption
from shared.stores import sql
from tests.manifests.database import PASSWORDS, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "server.crt", folder / "server.key"
    openssl = program("openssl", ["openssl"], "install it", print)
    names = ("-subj", "/CN=mysql", "-addext", f"subjectAltName=IP:{HOST}")
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key), "-out")
    subprocess.run([openssl, *made, str(certificate), *names], check=True, capture_output=True)
    tls = (f"--ssl-cert={certificate}", f"--ssl-key={key}", f"--ssl-ca={certificate}", "--require-secure-transport=ON")
    one = Server(folder, 1, *tls)
    one.create("accounts.sh")
    yield one, certificate
    one.stop()


def ask(database: Database, statement: str) -> object:
    ((value,),) = database.run(sql.fetch, statement)
    database.close()
    return value


def test_a_connection_is_encrypted_where_the_address_asks_for_it(server: tuple[Server, Path]) -> None:
    one, certificate = server
    address = f"mysql+pymysql://ims:{quote(PASSWORDS['IMS'])}@{HOST}:{one.port}/ims"
    cipher = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME='Ssl_cipher'"
    assert ask(Database(f"{address}?ssl_ca={certificate}"), cipher)
    assert ask(Database(f"{address}?ssl_ca={certificate}"), "SELECT @@sql_mode") == SQL_MODE
    assert ask(Database(address), cipher), "encrypted where the server can, but it may be anybody"
    with pytest.raises(Unavailable):  # signed by nobody that the system knows
        ask(Database(f"{address}?ssl=true"), cipher)


@pytest.mark.parametrize("query", ["ssl=yes", "sslmode=require", "ssl_ca"])
def test_a_misspelt_request_for_encryption_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="ssl"):
        encryption(query) if query != "ssl_ca" else encryption("ssl-ca=x")
