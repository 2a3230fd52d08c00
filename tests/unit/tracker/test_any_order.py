"""However often and in whatever order articles come: the same positions, the same shifts.

Two things hang on the order by their nature, and the names of the tests say what holds. A shift that is told may be
corrected by what comes later, and would not have been told after it; so shifts that are *told* are the same where all
has come in time, those that *stand* in any order. And the first article of a family of copies names their origin; so
origins are compared by who shares one.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alert import AlertKind
from schemas.article import Article
from schemas.shift import Position, Shift
from tests.unit.tracker.shifting import (
    AGREED,
    ASKED,
    HOUR,
    LEAKED,
    MAY,
    REFUSED,
    REFUSES,
    START,
    TOPIC,
    WILL_SEND,
    World,
    article,
    revised,
)

COPIED = "The report runs to forty lines and was taken over word for word by everybody who has it. " + LEAKED
# Three days: within the window in which stories know a copy when they see one.
NEWS = (
    article("Fjord", "The cabinet met in the morning.", REFUSED),
    article("Mountain", "Two ministers stayed away from it.", REFUSES, at=START + 2 * HOUR),
    article("Letter", "The envoy came without an appointment.", ASKED, at=START + 8 * HOUR),
    article("Lagoon", COPIED, at=START + 20 * HOUR),
    article("Tundra", COPIED, at=START + 21 * HOUR),
    article("Meadow", COPIED, at=START + 22 * HOUR),
    article("Harbour", "A convoy is being loaded in Bergen.", WILL_SEND, at=START + 30 * HOUR),
    article("Island", "Nobody in parliament had expected it.", AGREED, at=START + 33 * HOUR),
    article("Valley", "Questions were taken for ten minutes.", MAY, at=START + 50 * HOUR),
    article("Desert", "The session was broken off at noon.", REFUSED, at=START + 60 * HOUR),
    article("Forest", "The minister read from a sheet of paper.", REFUSES, at=START + 63 * HOUR),
)
EDITED = (*NEWS, revised(NEWS[7], "Norway and Moldova go on talking.", AGREED, at=START + 40 * HOUR))

orders = st.permutations(EDITED)
repeats = st.lists(st.sampled_from(EDITED), max_size=4)


def view(position: Position) -> dict[str, Any]:
    """Return a position without the names of origins, and without how its stances were first heard."""
    plain = position.model_dump(mode="json")

    def unnamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: unnamed(part) for name, part in value.items() if name != "origin_id"}
        return [unnamed(part) for part in value] if isinstance(value, list) else value

    return dict(unnamed(plain))


async def lived(articles: Sequence[Article], *, in_time: bool) -> World:
    world = World()
    await world.hear(*articles, in_time=in_time)
    await world.settle()
    return world


async def positions(world: World) -> dict[str, dict[str, Any]]:
    return {state.actor: view(await world.position(state.actor)) for state in await world.store.states(TOPIC)}


def replayed(articles: Sequence[Article]) -> World:
    """What `redline replay` does: whatever order it is given them in, articles come in the order of their events."""
    ordered = sorted(articles, key=lambda one: (one.event_at, one.id, one.revision))
    return asyncio.run(lived(ordered, in_time=True))


REPLAYED = replayed(EDITED)


def test_the_news_of_these_days_move_norway_there_and_back() -> None:
    told = [(alert.title, alert.labels.get("correction")) for alert in REPLAYED.told()]
    assert told == [
        ("Norway (declared): from “Sends nothing” to “Sends weapons”", None),
        ("Norway (declared): the move to “Sends weapons” was taken back", "retracted"),
    ]
    norway = asyncio.run(REPLAYED.position())
    assert [(shift.from_rung, shift.to_rung) for shift in norway.shifts] == [("refuse", "agree"), ("agree", "refuse")]


@given(orders, repeats)
@settings(max_examples=12, deadline=None)
def test_a_replay_of_shuffled_and_repeated_articles_gives_the_very_same_alerts_and_positions(
    order: list[Article], again: list[Article]
) -> None:
    other = replayed([*order, *again])
    assert other.told() == REPLAYED.told()
    mentions = {alert.id for alert in REPLAYED.told(AlertKind.MENTION)}
    assert {alert.id for alert in other.told(AlertKind.MENTION)} == mentions
    assert asyncio.run(other.store.states(TOPIC)) == asyncio.run(REPLAYED.store.states(TOPIC))


@given(orders, repeats)
@settings(max_examples=12, deadline=None)
def test_in_whatever_order_they_come_positions_and_the_shifts_that_stand_are_the_same(
    order: list[Article], again: list[Article]
) -> None:
    world = asyncio.run(lived([*order, *again], in_time=True))
    assert asyncio.run(positions(world)) == asyncio.run(positions(REPLAYED))


@given(orders, orders)
@settings(max_examples=12, deadline=None)
def test_where_all_come_within_the_grace_the_alerts_told_have_the_same_ids_whatever_their_order(
    one: list[Article], other: list[Article]
) -> None:
    first, second = (asyncio.run(lived(order, in_time=False)) for order in (one, other))
    assert [alert.id for alert in first.told()] == [alert.id for alert in second.told()]
    assert first.told()


async def test_who_is_told_in_any_order_knows_in_the_end_which_shifts_stand() -> None:
    for seed in range(4):
        order = list(EDITED)
        random.Random(seed).shuffle(order)
        world = await lived(order, in_time=True)
        states = {state.actor: state for state in await world.store.states(TOPIC)}
        known = {told.id: told.shift for told in states["norway"].told}
        standing: dict[str, Shift] = {shift.id: shift for shift in (await world.position()).shifts}
        assert known.keys() == standing.keys()
        for shift_id, told in known.items():
            assert (told.to_rung, told.from_rung) == (standing[shift_id].to_rung, standing[shift_id].from_rung)
            assert abs(told.decided_at - standing[shift_id].decided_at) <= timedelta(hours=1)
