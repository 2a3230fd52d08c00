"""The watchlist follows the real rule store, whatever happens to that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.matcher import following
from services.matcher.following import RuleFollower
from services.matcher.ports import RuleStoreUnavailableError
from services.matcher.rule_store import ValkeyRuleStore
from services.matcher.watchlist import Watchlist
from services.runtime import valkey as valkey_client
from services.runtime.embedded_valkey import Durability, EmbeddedValkey
from tests.unit.matcher.watched import hits, rule, watched

MAX_CHANGES = 5


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[ValkeyRuleStore]:
    async with EmbeddedValkey(folder, durability=Durability.ALWAYS) as server:
        client = valkey_client.connect(server.url, pauses_s=())
        try:
            yield ValkeyRuleStore(client, max_changes=MAX_CHANGES)
        finally:
            await client.aclose()


async def test_more_rules_than_a_chunk_are_loaded_and_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "CHUNK", 50)
    async with opened(tmp_path) as store:
        count = 2 * following.CHUNK + 3
        await store.put_batch([rule(f"r{number}", f"word{number}") for number in range(count)], replace=True)
        watchlist = Watchlist(watched())
        follower = RuleFollower(watchlist, store)
        await follower.check()
        assert len(watchlist) == count
        await store.put(rule("r7", "nickel"))
        await store.remove("arms", "r8")
        await follower.check()
        assert hits(watchlist, "nickel word7 word8 word9") == ["arms/r7", "arms/r9"]


async def test_a_follower_that_missed_more_than_the_log_holds_ends_up_with_what_is_stored(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.put_batch([rule("gone", "cobalt"), rule("kept", "cobalt")], replace=True)
        watchlist = Watchlist(watched())
        follower = RuleFollower(watchlist, store)
        await follower.check()
        await store.remove("arms", "gone")
        for number in range(3 * MAX_CHANGES):
            await store.put(rule(f"r{number}", f"word{number}"))
        assert await store.changes(1) is None
        await follower.check()
        assert hits(watchlist, "cobalt word0") == ["arms/kept", "arms/r0"]
        assert len(watchlist) == 1 + 3 * MAX_CHANGES


async def test_a_store_that_restarts_is_followed_on(tmp_path: Path) -> None:
    watchlist, stop = Watchlist(watched()), asyncio.Event()
    async with EmbeddedValkey(tmp_path, durability=Durability.ALWAYS) as server:
        client = valkey_client.connect(server.url, pauses_s=())
        store = ValkeyRuleStore(client)
        await store.put(rule("first", "cobalt"))
        follower = RuleFollower(watchlist, store)
        await follower.check()
    running = asyncio.create_task(follower.run(stop, 0.05))
    with pytest.raises(RuleStoreUnavailableError):
        await follower.check()
    assert hits(watchlist, "cobalt") == ["arms/first"]
    async with EmbeddedValkey(tmp_path, durability=Durability.ALWAYS):
        await store.put(rule("second", "cobalt"))
        async with asyncio.timeout(5):
            while hits(watchlist, "cobalt") != ["arms/first", "arms/second"]:
                await asyncio.sleep(0.02)
        stop.set()
        await running
        await client.aclose()


async def test_a_store_that_lost_everything_leaves_the_provisioned_rules(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path, durability=Durability.EVERY_SECOND) as server:
        client = valkey_client.connect(server.url)
        store = ValkeyRuleStore(client)
        await store.put(rule("mine", "cobalt"))
        watchlist = Watchlist(watched(rule("ours", "cobalt")))
        follower = RuleFollower(watchlist, store)
        await follower.check()
        assert hits(watchlist, "cobalt") == ["arms/mine", "arms/ours"]
        await client.flushall()
        await follower.check()
        assert hits(watchlist, "cobalt") == ["arms/ours"]
        await client.aclose()
