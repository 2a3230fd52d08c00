"""Rebuilding replaces what the log still holds, keeps what it does not, and forgets nothing that was told."""

from collections.abc import AsyncIterator, Iterable

from schemas.article import Article
from schemas.match import Match
from schemas.streams import MATCHES
from services.matcher.handler import MatcherHandler
from services.matcher.watchlist import Watchlist
from services.tracker.position_records import Change
from services.tracker.rebuilding import Rebuilt, rebuild
from tests.fakes import RecordingPublisher
from tests.unit.tracker.shifting import (
    DAY,
    MAY,
    START,
    TOPIC,
    World,
    agreed,
    article,
    ladder,
    refused,
    revised,
    watched,
)

LATER = START + 20 * DAY


async def matches(articles: Iterable[Article]) -> AsyncIterator[Match]:
    publisher = RecordingPublisher()
    matcher = MatcherHandler(Watchlist(watched()), publisher)
    for one in articles:
        await matcher.handle(one)
    for match in publisher.on(MATCHES):
        yield match


async def test_the_log_gives_what_the_store_has_lost() -> None:
    world, articles = World(), [*agreed(), *refused(LATER)]
    await world.hear(*articles)
    lost = World(now=LATER + DAY)
    assert await rebuild(TOPIC, matches(articles), watched(), lost.store, lost.clock.now()) == Rebuilt(4, 4, 4, 0)
    assert await lost.store.states(TOPIC) == await world.store.states(TOPIC)
    await lost.settle()
    assert len(lost.told()) == 1


async def test_what_was_told_is_not_told_again_and_nothing_changes_where_nothing_is_different() -> None:
    world, articles = World(), [*agreed(), *refused(LATER)]
    await world.hear(*articles)
    await world.settle()
    kept = await world.store.states(TOPIC)
    assert await rebuild(TOPIC, matches(articles), watched(), world.store, world.clock.now()) == Rebuilt(4, 4, 0, 0)
    await world.settle()
    assert await world.store.states(TOPIC) == kept
    assert len(world.told()) == 1


async def test_articles_that_the_log_no_longer_holds_keep_their_claims_and_newer_revisions_stay() -> None:
    world, (old, *rest) = World(), [*agreed(), *refused(LATER)]
    newer = revised(rest[-1], MAY, at=LATER + DAY)
    await world.hear(old, *rest, newer)
    kept = await world.store.states(TOPIC)
    await rebuild(TOPIC, matches(rest), watched(), world.store, world.clock.now())
    assert await world.store.states(TOPIC) == kept


async def test_a_ladder_that_came_later_has_the_history_too_and_what_was_coded_otherwise_goes() -> None:
    world = World()
    await world.hear(article("Prairie", MAY), *agreed(START + DAY))
    strict = ladder()
    other = strict.model_copy(update={"mapping": strict.mapping[2:]})
    catalogue = watched(other)
    articles = [article("Prairie", MAY), *agreed(START + DAY)]
    rebuilt = await rebuild(TOPIC, matches(articles), catalogue, world.store, world.clock.now())
    assert (rebuilt.claims, rebuilt.withdrawn) == (3, 1)
    (state,) = await world.store.states(TOPIC)
    assert {claim.rung for claim in state.claims} == {"agree"}


async def test_what_a_tracker_hears_meanwhile_is_kept() -> None:
    world, articles = World(), [*agreed(), *refused(LATER)]
    await world.hear(*articles[:2])

    async def while_it_runs() -> AsyncIterator[Match]:
        async for match in matches(articles[:2]):
            yield match
        await world.hear(*articles[2:])

    commit, raced = world.store.commit, list[bool]()

    async def late(watch_topic: str, change: Change, *, expected: int) -> int | None:
        if not raced:
            raced.append(True)
            await commit(watch_topic, Change(), expected=expected)
        return await commit(watch_topic, change, expected=expected)

    world.store.commit = late  # type: ignore[method-assign]
    await rebuild(TOPIC, while_it_runs(), watched(), world.store, world.clock.now())
    (state,) = await world.store.states(TOPIC)
    assert len(state.claims) == 4
