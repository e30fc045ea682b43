"""Nothing is sent anywhere: neither the package nor the command opens a connection."""

import ast
import socket
from pathlib import Path

import pytest

import sklearn_wsca

pytest.importorskip("click")

from click.testing import CliRunner

from sklearn_wsca._cli.commands import wsca

PACKAGE = Path(sklearn_wsca.__file__).parent
# Modules that speak to other machines, but for dask's, whose address users give.
OF_NETWORKS = {
    *("socket", "ssl", "http", "urllib", "ftplib", "smtplib", "xmlrpc", "asyncio"),
    *("requests", "httpx", "urllib3", "aiohttp", "fsspec", "webbrowser"),
}


def imported_by(source):
    """First names of all modules that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_no_module_imports_what_speaks_to_other_machines():
    sources = list(PACKAGE.rglob("*.py"))
    assert len(sources) > 200
    for path in sources:
        assert OF_NETWORKS.isdisjoint(imported_by(path.read_text("utf-8"))), path


@pytest.fixture
def alone(monkeypatch):
    """A machine without connections: asking for one is an error, and is remembered."""
    asked = []

    def refuse(*arguments, **_):
        asked.append(arguments)
        raise OSError("there is no network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    return asked


@pytest.mark.parametrize("command", [["demo"], ["--version", "--verbose"]], ids=str)
def test_a_command_asks_for_no_connection(command, alone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(wsca, command)
    assert done.exit_code == 0, done.output
    assert alone == []


def test_who_asks_is_noticed(alone):
    assert "urllib" in imported_by("def f():\n    from urllib.request import urlopen")
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("127.0.0.1", 9))
    assert alone == [(("127.0.0.1", 9),)]
