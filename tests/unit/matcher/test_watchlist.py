"""The watchlist follows files and users' rules without a restart, and loses none while something is wrong."""

import asyncio
from datetime import UTC, datetime

from schemas.article import Article
from schemas.base import content_id
from schemas.streams import MATCHES
from schemas.watch import Actor, ActorKind, WatchRule, WatchTopic
from services.domain.text.gazetteer import Gazetteer
from services.matcher.handler import MatcherHandler
from services.matcher.ports import RuleStoreUnavailableError
from services.matcher.watchlist import RuleFollower, Watchlist
from services.provisioning.catalogues import Watched
from tests.fakes import InMemoryRuleStore, RecordingPublisher


def article(title: str) -> Article:
    return Article(
        id=content_id(title),
        revision=1,
        revision_id=content_id("r", title),
        feed_id="f",
        outlet="O",
        title=title,
        first_seen_at=datetime(2024, 11, 27, tzinfo=UTC),
    )


def rule(rule_id: str, query: str, watch_topic: str = "arms", enabled: bool = True) -> WatchRule:
    return WatchRule(id=rule_id, watch_topic=watch_topic, query=query, enabled=enabled)


def watched(*rules: WatchRule, alias: str = "Seoul") -> Watched:
    actor = Actor(id="seoul", kind=ActorKind.STATE, name="South Korea", aliases={"en": (alias,)})
    return Watched((WatchTopic(id="arms", title="Arms", rules=rules),), Gazetteer.from_actors([actor]))


def hits(watchlist: Watchlist, title: str) -> list[str]:
    return [f"{match.watch_topic}/{hit.rule_id}" for match in watchlist.match(article(title)) for hit in match.hits]


async def test_an_article_gives_one_match_a_topic_with_every_rule_that_hit() -> None:
    publisher = RecordingPublisher()
    watchlist = Watchlist(watched(rule("b", "shells"), rule("a", "@seoul"), rule("c", "tanks")))
    await MatcherHandler(watchlist, publisher).handle(article("Seoul sends shells"))
    (match,) = publisher.on(MATCHES)
    assert [hit.rule_id for hit in match.hits] == ["a", "b"]
    assert match.watch_topic_title == "Arms"


async def test_rules_that_users_add_change_and_remove_count_at_the_next_look() -> None:
    watchlist, store = Watchlist(watched(rule("a", "shells"))), InMemoryRuleStore()
    follow = RuleFollower(watchlist, store)
    await store.put(rule("mine", "tanks"))
    await follow.check()
    assert hits(watchlist, "tanks and shells") == ["arms/a", "arms/mine"]
    await store.put(rule("mine", "planes"))
    await follow.check()
    assert hits(watchlist, "tanks and shells") == ["arms/a"]
    await store.remove("arms", "mine")
    await follow.check()
    assert hits(watchlist, "planes") == []


async def test_a_rule_of_a_topic_of_ones_own_matches_too() -> None:
    watchlist, store = Watchlist(watched()), InMemoryRuleStore()
    await store.put(rule("mine", "tanks", watch_topic="my-desk"))
    await RuleFollower(watchlist, store).check()
    assert hits(watchlist, "tanks") == ["my-desk/mine"]


async def test_a_disabled_rule_does_not_match() -> None:
    assert hits(Watchlist(watched(rule("a", "tanks", enabled=False))), "tanks") == []


async def test_what_the_files_say_now_takes_the_place_of_what_they_said() -> None:
    watchlist = Watchlist(watched(rule("a", "shells")))
    watchlist.provision(watched(rule("a", "tanks")))
    assert hits(watchlist, "tanks") == ["arms/a"]
    assert hits(watchlist, "shells") == []


async def test_an_alias_added_in_a_file_counts_for_rules_that_did_not_change() -> None:
    watchlist = Watchlist(watched(rule("a", "@seoul")))
    assert hits(watchlist, "Hanyang decides") == []
    watchlist.provision(watched(rule("a", "@seoul"), alias="Hanyang"))
    assert hits(watchlist, "Hanyang decides") == ["arms/a"]


async def test_a_stored_rule_that_no_longer_compiles_is_left_out_and_the_others_stay() -> None:
    watchlist, store = Watchlist(watched()), InMemoryRuleStore()
    await store.put(rule("bad", "@nobody"))
    await store.put(rule("good", "tanks"))
    await RuleFollower(watchlist, store).check()
    assert hits(watchlist, "tanks") == ["arms/good"]


async def test_a_provisioned_rule_goes_before_a_stored_one_of_the_same_id() -> None:
    watchlist, store = Watchlist(watched(rule("a", "shells"))), InMemoryRuleStore()
    await store.put(rule("a", "tanks"))
    await RuleFollower(watchlist, store).check()
    assert hits(watchlist, "tanks") == []


async def test_a_store_out_of_reach_is_looked_for_again() -> None:
    watchlist = Watchlist(watched())
    store = InMemoryRuleStore(failures=[RuleStoreUnavailableError("down")])
    await store.put(rule("mine", "tanks"))
    stop = asyncio.Event()
    running = asyncio.create_task(RuleFollower(watchlist, store).run(stop, 0.01))
    async with asyncio.timeout(5):
        while hits(watchlist, "tanks") != ["arms/mine"]:
            await asyncio.sleep(0.005)
    stop.set()
    await running
