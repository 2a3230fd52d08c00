"""What users do to rules on the command line counts in a running matcher within two seconds."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import bootstrap
from services.matcher.following import RuleFollower
from services.matcher.rule_store import ValkeyRuleStore
from services.matcher.watchlist import Watchlist
from services.provisioning.catalogues import load_watched
from services.settings import Settings
from tests.integration.cli.conftest import Run
from tests.unit.matcher.watched import hits

WITHIN_SECONDS = 2.0


class RunningMatcher(threading.Thread):
    """The rules of a matcher that runs on the same data folder, as `redline matcher` keeps them."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__()
        self._settings = Settings(data_dir=data_dir)
        self.watchlist = Watchlist(load_watched(self._settings.topics, self._settings.actors))
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopped_by = asyncio.Event()

    def __enter__(self) -> "RunningMatcher":
        self.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped_by.set)
        self.join(30)
        self._loop.close()

    def run(self) -> None:
        self._loop.run_until_complete(self._follow())

    async def _follow(self) -> None:
        async with bootstrap.open_valkey(self._settings) as valkey:
            follower = RuleFollower(self.watchlist, ValkeyRuleStore(valkey))
            await follower.check()
            self._ready.set()
            await follower.run(self._stopped_by, self._settings.matching.reload_seconds)

    def hits_within_two_seconds(self, title: str, expected: list[str]) -> list[str]:
        """Return the rules that hit an article as soon as they are the expected ones, else after two seconds."""
        until = time.monotonic() + WITHIN_SECONDS
        while (found := hits(self.watchlist, title)) != expected and time.monotonic() < until:
            time.sleep(0.02)
        return found


@pytest.fixture
def matcher(tmp_path: Path) -> Iterator[RunningMatcher]:
    with RunningMatcher(tmp_path / "data") as running:
        yield running


def test_add_edit_disable_enable_and_remove_count_within_two_seconds(run: Run, matcher: RunningMatcher) -> None:
    name = "arms-supply-ukraine/cobalt"
    added = run("rules", "add", "cobalt", "--topic", "arms-supply-ukraine", "--id", "cobalt")
    assert added.code == 0, added.err
    assert matcher.hits_within_two_seconds("Cobalt is dear", [name]) == [name]
    for command, title, expected in (
        (("edit", name, "--query", "nickel"), "Cobalt is dear", []),
        (("disable", name), "Nickel is dear", []),
        (("enable", name), "Nickel is dear", [name]),
        (("remove", name), "Nickel is dear", []),
    ):
        ran = run("rules", *command)
        assert ran.code == 0, ran.err
        assert matcher.hits_within_two_seconds(title, expected) == expected, command
