"""The rule store keeps its promises, in Valkey as in memory."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.watch import Severity, WatchRule
from services.matcher.ports import RuleChanges, RuleStore, RuleStoreUnavailableError, StoredKey
from services.matcher.rule_store import CHUNK, RULES_KEY, VERSION_KEY, ValkeyRuleStore
from services.runtime import valkey as valkey_client
from services.runtime.embedded_valkey import Durability, EmbeddedValkey
from tests.fakes import InMemoryRuleStore

MAX_CHANGES = 10


@pytest.fixture(params=["in memory", "valkey"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RuleStore]:
    if request.param == "in memory":
        yield InMemoryRuleStore(max_changes=MAX_CHANGES)
        return
    async with EmbeddedValkey(tmp_path, durability=Durability.EVERY_SECOND) as server:
        client = valkey_client.connect(server.url)
        yield ValkeyRuleStore(client, max_changes=MAX_CHANGES)
        await client.aclose()


def rule(rule_id: str, query: str = "cobalt", watch_topic: str = "t") -> WatchRule:
    return WatchRule(id=rule_id, watch_topic=watch_topic, query=query, severity=Severity.WARNING, labels={"a": "b"})


async def test_rules_are_kept_by_topic_and_id(store: RuleStore) -> None:
    for one in (rule("b"), rule("a"), rule("a", watch_topic="s"), rule("a", "nickel")):
        await store.put(one)
    assert await store.rules() == (rule("a", watch_topic="s"), rule("a", "nickel"), rule("b"))


async def test_every_change_raises_the_version_and_nothing_else_does(store: RuleStore) -> None:
    versions = [await store.version()]
    await store.put(rule("a"))
    versions.append(await store.version())
    await store.remove("t", "a")
    versions.append(await store.version())
    await store.rules()
    assert len(set(versions)) == 3
    assert await store.version() == versions[-1]


async def test_remove_says_whether_the_rule_was_there(store: RuleStore) -> None:
    await store.put(rule("a"))
    assert await store.remove("t", "a") is True
    assert await store.remove("t", "a") is False
    assert await store.rules() == ()


async def test_what_changes_nothing_leaves_the_version(store: RuleStore) -> None:
    await store.put(rule("a"))
    version = await store.version()
    assert await store.remove("t", "b") is False
    assert await store.put_batch([rule("a", "nickel")], replace=False) == (StoredKey("t", "a"),)
    assert await store.put_batch([], replace=True) == ()
    assert await store.exchange(rule("a", "nickel"), rule("a", "iron")) is False
    assert await store.version() == version


async def test_a_batch_is_one_change_and_takes_the_place_of_rules_only_if_asked(store: RuleStore) -> None:
    await store.put(rule("a"))
    before = await store.version()
    assert await store.put_batch([rule("a", "nickel"), rule("b")], replace=False) == (StoredKey("t", "a"),)
    assert await store.version() == before + 1
    assert await store.rules() == (rule("a"), rule("b"))
    assert await store.put_batch([rule("a", "nickel"), rule("b")], replace=True) == ()
    assert await store.rules() == (rule("a", "nickel"), rule("b"))


async def test_more_rules_than_a_chunk_come_each_once(store: RuleStore) -> None:
    rules = [rule(f"r{number}", f"w{number}") for number in range(2 * CHUNK + 7)]
    await store.put_batch(rules, replace=False)
    streamed = [found async for found in store.stream()]
    assert len(streamed) == len(rules)
    assert {found.id: found for found in streamed} == {each.id: each for each in rules}
    keys = [StoredKey.of(each) for each in rules]
    assert list((await store.get([*keys, StoredKey("t", "nobody")])).values()) == rules


async def test_a_stream_may_be_of_one_topic_or_one_id(store: RuleStore) -> None:
    await store.put_batch([rule("a"), rule("b"), rule("a", watch_topic="s"), rule("aa")], replace=False)
    of_topic = [str(StoredKey.of(found)) async for found in store.stream(watch_topic="t")]
    of_id = [str(StoredKey.of(found)) async for found in store.stream(rule_id="a")]
    assert sorted(of_topic) == ["t/a", "t/aa", "t/b"]
    assert sorted(of_id) == ["s/a", "t/a"]


async def test_of_two_editors_the_second_is_refused(store: RuleStore) -> None:
    await store.put(rule("a"))
    (first,), (second,) = await store.rules(), await store.rules()
    assert await store.exchange(first, rule("a", "nickel")) is True
    assert await store.exchange(second, rule("a", "iron")) is False
    assert await store.rules() == (rule("a", "nickel"),)
    await store.remove("t", "a")
    assert await store.exchange(rule("a", "nickel"), rule("a", "iron")) is False
    assert await store.rules() == ()


async def test_of_many_editors_at_once_one_wins(store: RuleStore) -> None:
    await store.put(rule("a"))
    (held,) = await store.rules()
    async with asyncio.TaskGroup() as editors:
        done = [editors.create_task(store.exchange(held, rule("a", f"w{number}"))) for number in range(20)]
    assert [task.result() for task in done].count(True) == 1


async def test_changes_since_a_version_are_what_is_put_and_removed_since(store: RuleStore) -> None:
    assert await store.changes(0) == RuleChanges(0)
    await store.put_batch([rule("a"), rule("b"), rule("c")], replace=False)
    since = await store.version()
    assert await store.changes(since) == RuleChanges(since)
    await store.put(rule("a", "nickel"))
    (held,) = (await store.get([StoredKey("t", "b")])).values()
    await store.exchange(held, rule("b", "iron"))
    await store.remove("t", "c")
    await store.put(rule("d"))
    await store.remove("t", "d")
    changes = await store.changes(since)
    assert changes is not None
    assert changes.version == await store.version()
    assert sorted(changes.put, key=StoredKey.of) == [rule("a", "nickel"), rule("b", "iron")]
    assert sorted(changes.removed) == [StoredKey("t", "c"), StoredKey("t", "d")]


async def test_what_the_log_no_longer_holds_is_said_to_be_unknown(store: RuleStore) -> None:
    await store.put(rule("first"))
    for number in range(MAX_CHANGES):
        await store.put(rule(f"r{number}"))
    version = await store.version()
    assert await store.changes(0) is None
    kept = await store.changes(1)
    assert kept is not None
    assert len(kept.put) == MAX_CHANGES
    await store.put_batch([rule(f"many{number}") for number in range(MAX_CHANGES + 1)], replace=False)
    assert await store.changes(version) is None
    assert await store.changes(version + 1) == RuleChanges(version + 1)


async def test_a_version_of_the_future_is_unknown(store: RuleStore) -> None:
    await store.put(rule("a"))
    assert await store.changes(7) is None


class Follower:
    """Keeps a copy of a store by asking what changed."""

    def __init__(self, store: RuleStore) -> None:
        self._store = store
        self._version = -1
        self.held: dict[StoredKey, WatchRule] = {}

    async def follow(self) -> None:
        changes = await self._store.changes(self._version)
        if changes is None:
            self._version = await self._store.version()
            self.held = {StoredKey.of(found): found for found in await self._store.rules()}
            return
        self._version = changes.version
        self.held.update({StoredKey.of(found): found for found in changes.put})
        for key in changes.removed:
            self.held.pop(key, None)


async def test_who_follows_the_changes_holds_what_is_stored(store: RuleStore) -> None:
    chance, follower = random.Random(3), Follower(store)
    for step in range(60):
        for _ in range(chance.choice([0, 1, 3, 2 * MAX_CHANGES])):
            rule_id = f"r{chance.randrange(30)}"
            if chance.random() < 0.3:
                await store.remove("t", rule_id)
            else:
                await store.put(rule(rule_id, f"w{step}"))
        await follower.follow()
        assert tuple(follower.held[key] for key in sorted(follower.held)) == await store.rules()


async def test_rules_stored_before_there_was_a_log_are_read_anew(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path, durability=Durability.EVERY_SECOND) as server:
        client = valkey_client.connect(server.url)
        await client.hset(RULES_KEY, "t/a", rule("a").model_dump_json())
        await client.set(VERSION_KEY, 5)
        store = ValkeyRuleStore(client)
        assert await store.changes(3) is None
        assert await store.changes(5) == RuleChanges(5)
        await store.put(rule("b"))
        assert await store.changes(4) is None
        assert await store.changes(5) == RuleChanges(6, (rule("b"),))
        await client.aclose()


async def test_a_rule_that_an_older_version_wrote_can_be_exchanged(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path, durability=Durability.EVERY_SECOND) as server:
        client = valkey_client.connect(server.url)
        await client.hset(RULES_KEY, "t/a", '{"watch_topic": "t", "query": "cobalt", "id": "a"}')
        store = ValkeyRuleStore(client)
        (held,) = await store.rules()
        assert await store.exchange(held, rule("a", "nickel")) is True
        assert await store.rules() == (rule("a", "nickel"),)
        await client.aclose()


async def test_a_stored_rule_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path, durability=Durability.EVERY_SECOND) as server:
        client = valkey_client.connect(server.url)
        store = ValkeyRuleStore(client)
        await store.put(rule("a"))
        await client.hset(RULES_KEY, "t/b", "{broken")
        assert await store.rules() == (rule("a"),)
        assert await store.get([StoredKey("t", "b")]) == {}
        await client.aclose()


async def test_a_store_out_of_reach_is_told_as_such(tmp_path: Path) -> None:
    client = valkey_client.connect(f"unix://{tmp_path}/nobody.sock", pauses_s=())
    with pytest.raises(RuleStoreUnavailableError):
        await ValkeyRuleStore(client).version()
    await client.aclose()
