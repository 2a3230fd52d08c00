"""The command line, run in this process."""

import asyncio
import io
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from redis.asyncio import Redis

from services import configuration
from services.cli import loading
from services.cli.main import app, main
from services.domain.text.gazetteer import Gazetteer
from services.provisioning import catalogues
from services.provisioning.catalogues import Watched
from services.runtime import valkey
from services.settings import SEEDS
from tests.integration.alerter.conftest import valkey_socket

__all__ = ["valkey_socket"]  # a server that all tests here share


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class _Terminal(io.TextIOWrapper):
    """Standard input of somebody who types."""

    def isatty(self) -> bool:
        return True


Run = Callable[..., Ran]
_read_watched, _read_gazetteer = catalogues.load_watched, catalogues.load_gazetteer


@cache
def _seed_gazetteer() -> Gazetteer:
    return _read_gazetteer(SEEDS / "actors")


@cache
def _seeds() -> Watched:
    return _read_watched(SEEDS / "topics", SEEDS / "actors")


@pytest.fixture(autouse=True)
def _seeds_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every command reads them, which takes longer than most of what is tested here."""

    def gazetteer(folder: Path) -> Gazetteer:
        return _seed_gazetteer() if folder == SEEDS / "actors" else _read_gazetteer(folder)

    def watched(topics: Path, actors: Path) -> Watched:
        return _seeds() if (topics, actors) == (SEEDS / "topics", SEEDS / "actors") else _read_watched(topics, actors)

    monkeypatch.setattr(catalogues, "load_gazetteer", gazetteer)
    for module in (catalogues, configuration, loading):
        monkeypatch.setattr(module, "load_watched", watched)


_commands = typer.main.get_command(app)


@pytest.fixture(autouse=True)
def _commands_are_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process does so once as well, and each of its fifty commands takes a millisecond."""
    monkeypatch.setattr(typer.main, "get_command", lambda asked: {app: _commands}[asked])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `redline` with these arguments, in an empty folder and on a state of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDLINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, stdin: bytes = b"", at_terminal: bool = False) -> Ran:
        monkeypatch.setattr(sys, "argv", ["redline", *arguments])
        opened = _Terminal if at_terminal else io.TextIOWrapper
        monkeypatch.setattr(sys, "stdin", opened(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, said.out, said.err)

    return run


InStore = Callable[[Callable[[Redis], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture
def in_store(valkey_socket: Path, monkeypatch: pytest.MonkeyPatch) -> InStore:
    """Do something in the store that commands of this test see, which is empty at first."""
    url = f"unix://{valkey_socket}"
    monkeypatch.setenv("REDLINE_REDIS_URL", url)

    async def connected(work: Callable[[Redis], Coroutine[Any, Any, Any]]) -> Any:
        client = valkey.connect(url)
        try:
            return await work(client)
        finally:
            await client.aclose()

    async def empty(client: Redis) -> None:
        await client.flushall()

    asyncio.run(connected(empty))
    return lambda work: asyncio.run(connected(work))


@pytest.fixture
def cobalt(run: Run) -> Run:
    """Add a rule of the topic my-desk."""
    added = run(
        "rules", "add", "cobalt", "--topic", "my-desk", "--new-topic", "--author", "ann", "--label", "desk=metals",
        "--must-match", "cobalt mines",
    )  # fmt: skip
    assert added.code == 0, added.err
    return run
