"""The rule store keeps its promises, in Valkey as in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.watch import Severity, WatchRule
from services.matcher.ports import RuleStore, RuleStoreUnavailableError
from services.matcher.rule_store import RULES_KEY, ValkeyRuleStore
from services.runtime import valkey as valkey_client
from services.runtime.embedded_valkey import Durability, EmbeddedValkey
from tests.fakes import InMemoryRuleStore


@pytest.fixture(params=["in memory", "valkey"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RuleStore]:
    if request.param == "in memory":
        yield InMemoryRuleStore()
        return
    async with EmbeddedValkey(tmp_path, durability=Durability.EVERY_SECOND) as server:
        client = valkey_client.connect(server.url)
        yield ValkeyRuleStore(client)
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


async def test_a_stored_rule_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path, durability=Durability.EVERY_SECOND) as server:
        client = valkey_client.connect(server.url)
        store = ValkeyRuleStore(client)
        await store.put(rule("a"))
        await client.hset(RULES_KEY, "t/b", "{broken")
        assert await store.rules() == (rule("a"),)
        await client.aclose()


async def test_a_store_out_of_reach_is_told_as_such(tmp_path: Path) -> None:
    client = valkey_client.connect(f"unix://{tmp_path}/nobody.sock", pauses_s=())
    with pytest.raises(RuleStoreUnavailableError):
        await ValkeyRuleStore(client).version()
    await client.aclose()
