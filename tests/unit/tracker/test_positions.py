"""Shifts: told once the grace has passed, with the sentences that prove them, and corrected when they do not hold."""

from datetime import timedelta

from alerts.groups import group_key
from alerts.route_options import GroupPolicy
from alerts.routing import Target
from schemas.alert import Alert, AlertKind
from schemas.base import content_id
from schemas.claim import Attribution
from schemas.trace import Stage
from schemas.watch import Severity
from services.provisioning.catalogues import Watched
from tests.unit.tracker.shifting import (
    AGREED,
    ASKED,
    DAY,
    HOUR,
    LEAKED,
    MAY,
    REFUSED,
    REFUSES,
    START,
    TOPIC,
    World,
    agreed,
    article,
    back_list,
    ladder,
    refused,
    revised,
    texts,
    watched,
)

LATER = START + 20 * DAY


async def test_a_shift_is_told_when_the_grace_has_passed_and_says_who_moved_from_where_on_whose_word() -> None:
    world, articles = World(), [*agreed(), *refused(LATER)]
    await world.hear(*articles)
    assert world.told() == []
    await world.pass_until(LATER + 4 * HOUR - timedelta(seconds=1))
    assert world.told() == []
    await world.pass_until(LATER + 4 * HOUR)
    (shift,) = world.told()
    assert (shift.kind, shift.severity, shift.decided_at) == (AlertKind.SHIFT, Severity.CRITICAL, LATER + 4 * HOUR)
    assert shift.title == "Norway (declared): from “Sends weapons” to “Sends nothing”"
    assert (shift.group_key, shift.watch_topic_title) == (f"shift/{TOPIC}/norway", "Arms for Moldova")
    assert shift.labels == {
        "actor": "NOR", "recipient": "MDA", "track": "declared", "direction": "down", "status": "confirmed",
    }  # fmt: skip
    assert shift.position is not None
    assert (shift.position.actor_name, shift.position.from_rung, shift.position.to_rung) == ("Norway", 2, 0)
    assert shift.position.since == START + 2 * HOUR or shift.position.since == START
    assert "2 independent origins within 7 days" in shift.summary
    assert shift.article is not None
    assert shift.article.outlet == "Mountain Gazette"


async def test_testimony_stands_verbatim_in_the_articles() -> None:
    world, articles = World(), [*agreed(), *refused(LATER)]
    await world.hear(*articles)
    await world.settle()
    (shift,) = world.told()
    said = texts(articles)
    assert [one.text for one in shift.testimony] == [REFUSED, REFUSES]
    for one in shift.testimony:
        assert said[one.article_id][one.start : one.end] == one.text
    assert [one.speaker for one in shift.testimony] == ["Prime Minister Jonas Store", "the defence ministry in Oslo"]
    assert {one.attribution for one in shift.testimony} == {Attribution.SELF}


async def test_what_comes_again_changes_nothing() -> None:
    once, twice = World(), World()
    articles = [*agreed(), *refused(LATER)]
    await once.hear(*articles)
    await twice.hear(*[one for one in articles for _ in range(2)])
    await twice.hear(*articles)
    await once.settle()
    await twice.settle()
    await twice.hear(*articles)
    assert await once.store.states(TOPIC) == await twice.store.states(TOPIC)
    assert [alert.id for alert in once.told()] == [alert.id for alert in twice.told()]


async def test_one_report_is_told_as_unconfirmed_and_its_confirmation_as_information_in_the_same_thread() -> None:
    world = World()
    await world.hear(*refused(START))
    await world.hear(article("Lagoon", "Nobody would be named.", LEAKED, at=LATER))
    await world.pass_until(LATER + 2 * HOUR)
    again = article(
        "Tundra", "Ships were seen at the pier.", LEAKED.replace("artillery", "shells"), at=LATER + 5 * HOUR
    )
    third = article(
        "Meadow", "Drivers had their leave cancelled.", LEAKED.replace("artillery", "rifles"), at=LATER + DAY
    )
    await world.hear(again, third)
    await world.settle()
    shift, confirmed = world.told()
    assert shift.title == "Norway (reported): from “Sends nothing” to “Sends weapons”"
    assert (shift.severity, shift.labels["status"]) == (Severity.WARNING, "unconfirmed")
    assert confirmed.title == "Norway (reported): the move to “Sends weapons” is confirmed"
    assert (confirmed.kind, confirmed.severity) == (AlertKind.CORRECTION, Severity.INFO)
    assert thread(shift) == thread(confirmed)


async def test_an_article_that_takes_its_words_back_has_the_shift_withdrawn_in_its_thread() -> None:
    world, (first, second) = World(), refused(LATER)
    await world.hear(*agreed(), first, second)
    await world.pass_until(LATER + DAY)
    await world.hear(revised(second, "Norway and Moldova go on talking.", at=LATER + DAY))
    shift, withdrawn = world.told()
    assert (withdrawn.kind, withdrawn.severity, withdrawn.group_key) == (
        AlertKind.CORRECTION, Severity.CRITICAL, shift.group_key,
    )  # fmt: skip
    assert withdrawn.title == "Norway (declared): the move to “Sends nothing” is withdrawn"
    assert "Told was a move of Norway from “Sends weapons” to “Sends nothing”" in withdrawn.summary
    assert "Where Norway stands now (declared): “Sends weapons”" in withdrawn.summary
    assert (withdrawn.testimony, withdrawn.labels["correction"]) == ((), "withdrawn")
    assert thread(shift) == thread(withdrawn)


async def test_an_edit_elsewhere_in_the_article_corrects_nothing() -> None:
    world, (first, second) = World(), refused(LATER)
    await world.hear(*agreed(), first, second)
    await world.pass_until(LATER + DAY)
    await world.hear(
        revised(second, "Opposition leaders were briefed in person, and at length.", REFUSES, at=LATER + DAY)
    )
    await world.settle()
    assert [alert.kind for alert in world.told()] == [AlertKind.SHIFT]


async def test_an_older_revision_that_comes_late_changes_nothing() -> None:
    world, first = World(), article("Fjord", AGREED)
    second = revised(first, "Norway and Moldova had nothing to say.", at=START + HOUR)
    await world.hear(second, first)
    assert await world.store.states(TOPIC) == ()
    await world.hear(revised(second, MAY, at=START + 2 * HOUR), second, first)
    (state,) = await world.store.states(TOPIC)
    assert [claim.rung for claim in state.claims] == ["consider"]


async def test_a_back_list_moves_the_position_and_tells_nobody() -> None:
    world = World(now=LATER + DAY)
    await world.hear(*map(back_list, [*agreed(), *refused(LATER)]))
    await world.settle()
    assert world.wires.alerts == []
    position = await world.position()
    assert position.declared.rung == "refuse"
    assert [shift.to_rung for shift in position.shifts] == ["refuse"]
    await world.hear(*agreed(world.clock.now()))
    await world.settle()
    (shift,) = world.told()
    assert shift.title == "Norway (declared): from “Sends nothing” to “Sends weapons”"


async def test_news_that_a_back_list_bears_out_is_told() -> None:
    world, (first, second) = World(), refused(LATER)
    await world.hear(*agreed(), first)
    await world.hear(back_list(second), in_time=False)
    await world.settle()
    assert [alert.kind for alert in world.told()] == [AlertKind.SHIFT]


async def test_what_was_told_is_corrected_also_by_a_back_list() -> None:
    world = World()
    await world.hear(*refused(START), article("Lagoon", "Nobody would be named.", LEAKED, at=LATER))
    await world.pass_until(LATER + 2 * HOUR)
    denial = article("Denial", "Reporters had asked twice.", REFUSED, at=LATER + HOUR)
    await world.hear(back_list(denial))
    await world.settle()
    assert [alert.labels.get("correction") for alert in world.told()] == [None, "contested"]


async def test_copies_in_a_back_list_are_one_origin() -> None:
    world, text = (
        World(now=LATER + DAY),
        "The cabinet met for an hour and then sat down again with its advisers. " + REFUSED,
    )
    copies = [article(f"Copy {n}", text, at=LATER + n * HOUR, outlet=f"Outlet {n}") for n in range(5)]
    await world.hear(*map(back_list, [*agreed(), *copies]))
    await world.settle()
    position = await world.position()
    assert position.declared.rung == "agree"


async def test_a_topic_without_a_ladder_has_no_positions() -> None:
    plain = watched()
    world = World(Watched(plain.topics, plain.gazetteer))
    await world.hear(*agreed())
    await world.settle()
    assert await world.store.topics() == ()
    assert Stage.CODED not in {step.stage for step in world.traces.steps}


async def test_a_ladder_that_changes_is_followed_with_the_claims_that_were_heard() -> None:
    world = World(watched(ladder(origins=3)))
    await world.hear(*agreed(), article("Third", "Trucks left.", AGREED, at=START + 5 * HOUR), *refused(LATER))
    await world.pass_until(LATER + DAY)
    assert world.told() == []
    world.positions.follow(watched(ladder(origins=2)))
    await world.positions.announce_due(world.clock.now())
    assert [alert.title for alert in world.told()] == ["Norway (declared): from “Sends weapons” to “Sends nothing”"]
    await world.positions.announce_due(world.clock.now())
    assert len(world.told()) == 1


async def test_who_begins_with_the_store_of_another_goes_on_as_if_nothing_had_been() -> None:
    world = World()
    await world.hear(*agreed(), *refused(LATER))
    after = World(store=world.store, stories=world.stories, wires=world.wires, now=world.clock.now())
    await after.settle()
    assert [alert.kind for alert in after.told()] == [AlertKind.SHIFT]
    await World(store=world.store, stories=world.stories, wires=world.wires, now=after.clock.now()).settle()
    assert len(after.told()) == 1


async def test_a_stance_is_kept_and_shifts_nobody() -> None:
    world = World()
    await world.hear(article("Letter", ASKED))
    await world.settle()
    (stance,) = (await world.position("moldova")).stances
    assert (stance.stance, world.told()) == ("request", [])


async def test_the_trace_of_an_article_says_what_it_claims_and_which_shift_it_proves() -> None:
    world = World()
    await world.hear(*agreed(), *refused(LATER))
    await world.settle()
    own = [step for step in world.traces.steps if step.subject == content_id("article", "Island")]
    assert [step.stage for step in own] == [Stage.MATCHED, Stage.CODED, Stage.NOT_ALERTED, Stage.PROVES] or [
        step.stage for step in own
    ] == [Stage.MATCHED, Stage.CODED, Stage.RAISED, Stage.PROVES]
    assert own[1].reason == "1 of 1 may move a position: norway refuse (self)"
    assert own[-1].ref == world.told()[0].id


def thread(alert: Alert) -> str:
    return group_key(alert, Target(content_id("route"), "root", "desk", GroupPolicy()))[0]
