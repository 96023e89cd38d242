"""With an authority it is TLS, and the server must be who it is called."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from deploy.move.place import Address
from dev.stack.mariadb import MariaDB
from tests.deploy.certificates import write_certificate


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """As the root of a server that is `localhost` by its certificate, which signed itself."""
    directory = tmp_path_factory.mktemp("tls")
    write_certificate(directory, "localhost")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    server = MariaDB(directory / "mariadb", options=[f"--ssl-cert={certificate}", f"--ssl-key={key}"])
    server.spawn()
    server.wait_until_ready()
    yield Address("localhost", server.port, "root", "", "mysql", str(certificate))
    server.kill()


def test_with_an_authority_a_connection_is_encrypted(server: Address) -> None:
    for _ in range(2):
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
            [(_, cipher)] = cursor.fetchall()
            assert cipher.startswith("TLS")


def test_a_server_of_another_name_is_refused(server: Address) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        replace(server, host="127.0.0.1").connect()


def test_a_server_whom_the_authority_did_not_sign_is_refused(server: Address, tmp_path: Path) -> None:
    write_certificate(tmp_path, "other")

    with pytest.raises(pymysql.err.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        replace(server, ca=str(tmp_path / "certificate.pem")).connect()
