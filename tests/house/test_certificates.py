"""The demo's certificate serves TLS for this machine, is made once and keeps its key to itself."""

import shutil
import ssl
from pathlib import Path

import pytest

from config.settings import SHIPPED
from gateway.certificates import CERTIFICATE_FILE, KEY_FILE, main, make_demo_certificate, named_folders


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Both sides of a handshake in memory; raises what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    open_sides = [ours, theirs]
    for side in open_sides * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert ours.version() in ("TLSv1.2", "TLSv1.3")


def test_serves_tls_under_every_name_of_this_machine(tmp_path: Path) -> None:
    assert make_demo_certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / CERTIFICATE_FILE, tmp_path / KEY_FILE)
    for name in ("localhost", "127.0.0.1", "::1"):
        handshake(server, ssl.create_default_context(cafile=str(tmp_path / CERTIFICATE_FILE)), name)


def test_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    make_demo_certificate(tmp_path)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / CERTIFICATE_FILE).write_text("an operator's own")
    assert not make_demo_certificate(folder)
    assert [path.name for path in folder.iterdir()] == [CERTIFICATE_FILE]
    assert main([str(folder)]) == 0


def test_is_made_where_the_configuration_looks_for_it(tmp_path: Path) -> None:
    """The second shipped configuration takes the certificate of the first."""
    folder = tmp_path / "config" / "per-instrument"
    folder.mkdir(parents=True)
    shutil.copy(SHIPPED / "per-instrument" / "exchange.toml", folder)
    assert main(["--config", str(folder)]) == 0
    assert (tmp_path / "config" / "certs" / CERTIFICATE_FILE).exists()
    assert not (folder / "certs").exists()
    shutil.copy(SHIPPED / "exchange.toml", tmp_path / "config")
    assert named_folders(tmp_path / "config") == [tmp_path / "config" / "certs"]


def test_files_of_other_names_are_an_operators_own(tmp_path: Path) -> None:
    text = '[[listener]]\ntls = true\ncertificate = "mine.crt"\nprivate_key = "mine.key"\n'
    for content in (text, "[[listener]]\ntls = true\n", "no toml"):
        (tmp_path / "exchange.toml").write_text(content)
        assert named_folders(tmp_path) == []
    assert named_folders(tmp_path / "nowhere") == []


@pytest.mark.parametrize("arguments", [[], ["--config"], ["a", "b"]])
def test_usage(arguments: list[str]) -> None:
    assert main(arguments) == 2
