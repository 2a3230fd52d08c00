"""The watchlist follows files and users' rules without a restart, and loses none while something is wrong."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from schemas.watch import Severity, WatchRule
from services.domain.rules import engine, postings
from services.matcher import following
from services.matcher.following import RuleFollower
from services.matcher.ports import RuleStoreUnavailableError
from services.matcher.watchlist import Watchlist
from services.provisioning.catalogues import Watched
from tests.fakes import InMemoryRuleStore
from tests.unit.matcher.watched import article, hits, rule, watched


class StreamedRuleStore(InMemoryRuleStore):
    """Counts how often all rules are read; while `gate` is unset, the reader waits in the middle."""

    def __init__(self, *, max_changes: int = 1000) -> None:
        super().__init__(max_changes=max_changes)
        self.streams = 0
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def stream(
        self, watch_topic: str | None = None, rule_id: str | None = None
    ) -> AsyncGenerator[WatchRule, None]:
        self.streams += 1
        async for found in super().stream(watch_topic, rule_id):
            self.reached.set()
            await self.gate.wait()
            yield found


class World:
    """A watchlist that follows a store."""

    def __init__(self, provisioned: Watched, store: InMemoryRuleStore | None = None) -> None:
        self.store = store or InMemoryRuleStore()
        self.watchlist = Watchlist(Watched((), provisioned.gazetteer))
        self.follower = RuleFollower(self.watchlist, self.store, provisioned)

    async def hits(self, title: str) -> list[str]:
        """Look at the store, then match."""
        await self.follower.check()
        return hits(self.watchlist, title)


async def test_rules_that_users_add_change_and_remove_count_at_the_next_look() -> None:
    world = World(watched(rule("a", "shells")))
    await world.store.put(rule("mine", "tanks"))
    assert await world.hits("tanks and shells") == ["arms/a", "arms/mine"]
    await world.store.put(rule("mine", "planes"))
    await world.store.put(rule("yours", "tanks"))
    assert await world.hits("tanks and shells") == ["arms/a", "arms/yours"]
    await world.store.remove("arms", "mine")
    assert await world.hits("planes") == []


async def test_a_change_costs_no_look_at_all_other_rules() -> None:
    store = StreamedRuleStore()
    world = World(watched(), store)
    await store.put(rule("first", "tanks"))
    await world.hits("")
    await store.put(rule("second", "tanks"))
    assert await world.hits("tanks") == ["arms/first", "arms/second"]
    assert store.streams == 1


async def test_after_more_changes_than_the_store_can_tell_all_is_as_it_is_stored() -> None:
    store = StreamedRuleStore(max_changes=3)
    world = World(watched(rule("a", "tanks")), store)
    await store.put_batch([rule(f"r{number}", "tanks") for number in range(3)], replace=True)
    assert await world.hits("tanks") == ["arms/a", "arms/r0", "arms/r1", "arms/r2"]
    await store.remove("arms", "r0")
    for number in range(5):
        await store.put(rule(f"s{number}", "planes"))
    assert await world.hits("tanks") == ["arms/a", "arms/r1", "arms/r2"]
    assert await world.hits("planes") == [f"arms/s{number}" for number in range(5)]
    assert store.streams == 2


async def test_severity_and_switch_of_a_rule_count_though_its_query_stays() -> None:
    world = World(watched())
    await world.store.put(rule("mine", "tanks"))
    await world.hits("")
    await world.store.put(rule("mine", "tanks", severity=Severity.CRITICAL))
    await world.follower.check()
    (match,) = world.watchlist.match(article("tanks"))
    assert match.hits[0].severity is Severity.CRITICAL
    await world.store.put(rule("mine", "tanks", enabled=False))
    assert await world.hits("tanks") == []
    await world.store.put(rule("mine", "tanks"))
    assert await world.hits("tanks") == ["arms/mine"]


async def test_a_rule_of_a_topic_of_ones_own_matches_too() -> None:
    world = World(watched())
    await world.store.put(rule("mine", "tanks", watch_topic="my-desk"))
    assert await world.hits("tanks") == ["my-desk/mine"]


async def test_what_the_files_say_now_takes_the_place_of_what_they_said() -> None:
    world = World(watched(rule("a", "shells"), rule("b", "shells")))
    await world.follower.check()
    await world.follower.provision(watched(rule("a", "tanks"), rule("c", "planes"), title="Weapons"))
    assert hits(world.watchlist, "tanks") == ["arms/a"]
    assert hits(world.watchlist, "planes") == ["arms/c"]
    assert hits(world.watchlist, "shells") == []
    assert world.watchlist.match(article("tanks"))[0].watch_topic_title == "Weapons"


async def test_a_file_of_the_same_actors_leaves_the_stored_rules_alone() -> None:
    store = StreamedRuleStore()
    world = World(watched(), store)
    await store.put(rule("mine", "@seoul"))
    await world.follower.check()
    await world.follower.provision(watched(rule("a", "Seoul")))
    assert hits(world.watchlist, "Seoul") == ["arms/a", "arms/mine"]
    assert store.streams == 1


async def test_an_alias_added_in_a_file_counts_for_rules_that_did_not_change() -> None:
    world = World(watched(rule("a", "@seoul")))
    await world.store.put(rule("mine", "@seoul"))
    assert await world.hits("Hanyang decides") == []
    await world.follower.provision(watched(rule("a", "@seoul"), alias="Hanyang", title="Weapons"))
    assert hits(world.watchlist, "Hanyang decides") == ["arms/a", "arms/mine"]
    assert world.watchlist.match(article("Hanyang"))[0].watch_topic_title == "Weapons"


async def test_while_all_is_built_anew_the_rules_from_before_match_and_no_change_is_lost() -> None:
    store = StreamedRuleStore()
    world = World(watched(rule("a", "@seoul")), store)
    await store.put(rule("mine", "tanks"))
    await world.follower.check()
    store.gate.clear()
    store.reached.clear()
    building = asyncio.create_task(world.follower.provision(watched(rule("a", "@seoul"), alias="Hanyang")))
    await store.reached.wait()
    assert hits(world.watchlist, "Seoul tanks") == ["arms/a", "arms/mine"]
    await store.put(rule("late", "tanks"))
    await store.remove("arms", "mine")
    store.gate.set()
    await building
    assert await world.hits("Hanyang tanks") == ["arms/a", "arms/late"]


async def test_a_stored_rule_that_no_longer_compiles_is_left_out_and_the_others_stay() -> None:
    world = World(watched())
    await world.store.put_batch([rule("bad", "@nobody"), rule("good", "tanks")], replace=True)
    assert await world.hits("tanks") == ["arms/good"]
    assert world.watchlist.left_out == 1
    await world.store.put(rule("bad", "tanks"))
    assert await world.hits("tanks") == ["arms/bad", "arms/good"]
    assert world.watchlist.left_out == 0


async def test_a_rule_that_is_edited_so_that_it_does_not_compile_no_longer_matches_as_it_was() -> None:
    world = World(watched())
    await world.store.put(rule("mine", "tanks"))
    assert await world.hits("tanks") == ["arms/mine"]
    await world.store.put(rule("mine", "@nobody"))
    assert await world.hits("tanks") == []
    await world.store.remove("arms", "mine")
    assert await world.hits("tanks") == []
    assert world.watchlist.left_out == 0


async def test_a_rule_that_was_left_out_counts_once_the_files_have_its_actor() -> None:
    seoul = watched()
    nobody = Watched(seoul.topics, type(seoul.gazetteer).from_actors([]))
    world = World(nobody)
    await world.store.put(rule("mine", "@seoul"))
    assert await world.hits("Seoul") == []
    await world.follower.provision(seoul)
    assert hits(world.watchlist, "Seoul") == ["arms/mine"]


async def test_a_provisioned_rule_goes_before_a_stored_one_of_its_name_for_as_long_as_it_stands_in_a_file() -> None:
    world = World(watched(rule("a", "shells")))
    await world.store.put(rule("a", "tanks"))
    assert await world.hits("tanks") == []
    await world.store.put(rule("a", "tanks OR planes"))
    assert await world.hits("planes") == []
    await world.follower.provision(watched())
    assert hits(world.watchlist, "planes") == ["arms/a"]
    assert hits(world.watchlist, "shells") == []
    await world.follower.provision(watched(rule("a", "shells")))
    assert hits(world.watchlist, "planes tanks shells") == ["arms/a"]
    assert hits(world.watchlist, "planes") == []
    await world.store.remove("arms", "a")
    assert await world.hits("shells") == ["arms/a"]


async def test_a_stored_rule_that_was_covered_comes_back_even_if_the_store_is_away_when_its_cover_goes() -> None:
    failures: list[Exception] = []
    world = World(watched(rule("a", "shells")), InMemoryRuleStore(failures))
    await world.store.put(rule("a", "tanks"))
    await world.follower.check()
    failures.append(RuleStoreUnavailableError("down"))
    await world.follower.provision(watched())
    assert hits(world.watchlist, "shells tanks") == []
    assert await world.hits("tanks") == ["arms/a"]


async def test_new_actors_count_as_soon_as_a_store_that_was_away_is_back() -> None:
    failures: list[Exception] = []
    world = World(watched(rule("a", "@seoul")), InMemoryRuleStore(failures))
    await world.follower.check()
    failures.append(RuleStoreUnavailableError("down"))
    await world.follower.provision(watched(rule("a", "@seoul"), alias="Hanyang"))
    assert hits(world.watchlist, "Seoul") == ["arms/a"]
    assert await world.hits("Hanyang") == ["arms/a"]


async def test_a_store_out_of_reach_is_looked_for_again() -> None:
    world = World(watched(), InMemoryRuleStore(failures=[RuleStoreUnavailableError("down")]))
    await world.store.put(rule("mine", "tanks"))
    stop = asyncio.Event()
    running = asyncio.create_task(world.follower.run(stop, 0.01))
    await _until_hit(world, "tanks", "arms/mine")
    stop.set()
    await running


async def test_a_store_that_begins_anew_is_read_anew() -> None:
    world = World(watched())
    for number in range(3):
        await world.store.put(rule(f"r{number}", "tanks"))
    assert len(await world.hits("tanks")) == 3
    restarted = InMemoryRuleStore()
    await restarted.put(rule("only", "tanks"))
    world.store.__dict__.update(restarted.__dict__)
    assert await world.hits("tanks") == ["arms/only"]


async def test_many_changes_are_folded_in_while_rules_match(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MIN_COMPACTED", 50)
    monkeypatch.setattr(postings, "MIN_SORTED", 50)
    world = World(watched())
    await world.follower.check()
    stop = asyncio.Event()
    running = asyncio.create_task(world.follower.run(stop, 0.01))
    await world.store.put_batch([rule(f"r{number}", f"word{number} OR tanks") for number in range(100)], replace=True)
    await _until_hit(world, "word99", "arms/r99")
    async with asyncio.timeout(5):
        while world.watchlist.needs_compaction:
            await asyncio.sleep(0.005)
    assert len(hits(world.watchlist, "tanks")) == 100
    stop.set()
    await running


async def test_to_stop_is_not_to_wait_until_all_rules_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "CHUNK", 1)
    store = StreamedRuleStore()
    world = World(watched(), store)
    await store.put_batch([rule(f"r{number}", "tanks") for number in range(10)], replace=True)
    store.gate.clear()
    stop = asyncio.Event()
    running = asyncio.create_task(world.follower.run(stop, 60))
    await store.reached.wait()
    stop.set()
    store.gate.set()
    async with asyncio.timeout(5):
        await running
    assert hits(world.watchlist, "tanks") == []


async def test_the_event_loop_goes_on_while_very_many_rules_change() -> None:
    world = World(watched(), InMemoryRuleStore(max_changes=5_000))
    await world.follower.check()
    await world.store.put_batch([rule(f"r{number}", f"word{number}") for number in range(2_000)], replace=True)
    checking = asyncio.create_task(world.follower.check())
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 3
    assert len(world.watchlist) == 2_000


async def _until_hit(world: World, title: str, name: str) -> None:
    async with asyncio.timeout(5):
        while name not in hits(world.watchlist, title):
            await asyncio.sleep(0.005)
