"""The audit sees every broken promise: hand-made evidence, one break at a time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.base import content_id
from schemas.delivery import Delivery, Outcome
from tests.chaos.audit import INTERRUPTED, Arrival, Expected, Fate, Kind, Rule, Verdict, audit

ALERT = content_id("alert")
KEY = content_id("key")
START = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
MAILBOXES = {Kind.WEBHOOK: "", Kind.SLACK: "C1", Kind.EMAIL: "desk@chaos.example"}


def came(kind: Kind, at: float = 0.1, fate: Fate = Fate.TAKEN, key: str | None = KEY) -> Arrival:
    """An arrival so many seconds after the start."""
    return Arrival(kind, ALERT, key, MAILBOXES[kind], START.timestamp() + at, fate)


def told(kind: Kind, *outcomes: Outcome, key: str = KEY, reason: str = "", **changes: Any) -> list[Delivery]:
    """Deliveries of one key, an attempt each second that takes half of it."""
    return [
        Delivery(
            id=content_id("attempt", key, str(number)),
            idempotency_key=key,
            receiver="desk",
            channel=kind.value,
            attempt=number,
            outcome=outcome,
            reason=reason,
            attempted_at=START.replace(second=number - 1),
            duration_seconds=0.5,
            **{"alert_id": ALERT, **changes},
        )
        for number, outcome in enumerate(outcomes, 1)
    ]


def judge(kind: Kind, arrivals: list[Arrival], deliveries: list[Delivery]) -> Verdict:
    return audit([Expected(kind, ALERT, MAILBOXES[kind])], arrivals, deliveries)


def rules(verdict: Verdict) -> set[Rule]:
    return {violation.rule for violation in verdict.violations}


SENT, RETRY, UNKNOWN, DEAD = Outcome.SENT, Outcome.RETRY, Outcome.UNKNOWN, Outcome.DEAD
every_kind = pytest.mark.parametrize("kind", Kind)
asked = pytest.mark.parametrize("kind", [Kind.SLACK, Kind.EMAIL])


@every_kind
def test_a_message_that_arrived_once_and_is_told_so_breaks_nothing(kind: Kind) -> None:
    verdict = judge(kind, [came(kind)], told(kind, SENT))
    assert not verdict.violations
    assert (verdict.tallies[kind].expected, verdict.tallies[kind].taken) == (1, 1)


@every_kind
def test_a_retry_after_a_refusal_that_passes_breaks_nothing(kind: Kind) -> None:
    assert not rules(judge(kind, [came(kind, fate=Fate.LEFT), came(kind, 1.1)], told(kind, RETRY, SENT)))


@every_kind
def test_a_record_published_twice_counts_once(kind: Kind) -> None:
    verdict = judge(kind, [came(kind, 1.1)], told(kind, UNKNOWN, SENT) * 2)
    assert not verdict.violations
    assert verdict.tallies[kind].unknown == 1


@every_kind
def test_a_message_that_never_came_is_lost(kind: Kind) -> None:
    verdict = judge(kind, [], [])
    assert rules(verdict) == {Rule.LOST, Rule.UNRESOLVED}
    assert verdict.tallies[kind].lost == 1


@every_kind
def test_a_message_that_waits_for_a_retry_is_lost_and_unresolved(kind: Kind) -> None:
    assert rules(judge(kind, [came(kind, fate=Fate.LEFT)], told(kind, RETRY))) == {Rule.LOST, Rule.UNRESOLVED}


@every_kind
def test_a_message_held_as_unknown_that_never_came_is_lost(kind: Kind) -> None:
    verdict = judge(kind, [], told(kind, UNKNOWN, UNKNOWN, reason="may have arrived; held after 1 repeats"))
    assert rules(verdict) == {Rule.LOST}
    assert verdict.tallies[kind].held == 1


@every_kind
def test_a_message_told_as_sent_that_never_came_is_seen(kind: Kind) -> None:
    assert Rule.NEVER_CAME in rules(judge(kind, [came(kind, fate=Fate.LEFT)], told(kind, SENT)))


def test_a_repeat_on_a_webhook_after_an_unknown_outcome_is_counted_and_allowed() -> None:
    arrivals = [came(Kind.WEBHOOK), came(Kind.WEBHOOK, 1.1)]
    verdict = judge(Kind.WEBHOOK, arrivals, told(Kind.WEBHOOK, UNKNOWN, SENT, reason=INTERRUPTED))
    assert not verdict.violations
    tally = verdict.tallies[Kind.WEBHOOK]
    assert (tally.repeats, tally.unknown, tally.interrupted, tally.duplicates) == (1, 1, 1, 0)


@every_kind
def test_a_repeat_without_an_unknown_outcome_is_seen(kind: Kind) -> None:
    arrivals = [came(kind), came(kind, 1.1)]
    assert Rule.UNEXPLAINED in rules(judge(kind, arrivals, told(kind, RETRY, SENT)))


@every_kind
def test_each_repeat_needs_an_unknown_outcome_of_its_own(kind: Kind) -> None:
    arrivals = [came(kind), came(kind, 1.1), came(kind, 2.1)]
    assert Rule.UNEXPLAINED in rules(judge(kind, arrivals, told(kind, UNKNOWN, RETRY, SENT)))


@every_kind
def test_an_unknown_outcome_of_another_key_explains_nothing(kind: Kind) -> None:
    other = told(kind, UNKNOWN, key=content_id("other"), alert_id=content_id("other alert"))
    arrivals = [came(kind), came(kind, 1.1)]
    assert Rule.UNEXPLAINED in rules(judge(kind, arrivals, [*told(kind, RETRY, SENT), *other]))


def test_a_message_twice_in_a_slack_channel_is_a_duplicate_whatever_explains_it() -> None:
    verdict = judge(Kind.SLACK, [came(Kind.SLACK), came(Kind.SLACK, 1.1)], told(Kind.SLACK, UNKNOWN, SENT))
    assert rules(verdict) == {Rule.DUPLICATE}
    assert verdict.tallies[Kind.SLACK].duplicates == 1


def test_the_same_message_id_twice_is_one_message_to_a_mailbox() -> None:
    verdict = judge(Kind.EMAIL, [came(Kind.EMAIL), came(Kind.EMAIL, 1.1)], told(Kind.EMAIL, UNKNOWN, SENT))
    assert not verdict.violations
    assert (verdict.tallies[Kind.EMAIL].repeats, verdict.tallies[Kind.EMAIL].duplicates) == (1, 0)


@every_kind
def test_a_second_key_for_the_same_message_is_seen(kind: Kind) -> None:
    other = content_id("other")
    arrivals = [came(kind), came(kind, key=other)]
    found = rules(judge(kind, arrivals, [*told(kind, SENT), *told(kind, SENT, key=other)]))
    assert Rule.SECOND_KEY in found
    assert Rule.UNEXPLAINED in found
    assert (Rule.DUPLICATE in found) == (kind is not Kind.WEBHOOK)


@every_kind
def test_a_message_that_comes_after_it_was_told_as_sent_is_seen(kind: Kind) -> None:
    arrivals = [came(kind, 0.1), came(kind, 3.0)]
    assert Rule.SENT_AGAIN in rules(judge(kind, arrivals, told(kind, UNKNOWN, SENT)))


@every_kind
def test_two_attempts_told_as_sent_are_seen(kind: Kind) -> None:
    assert Rule.SENT_TWICE in rules(judge(kind, [came(kind)], told(kind, SENT, SENT)))


@every_kind
def test_an_attempt_that_nobody_tells_of_is_seen(kind: Kind) -> None:
    assert rules(judge(kind, [came(kind, 1.1)], told(kind, UNKNOWN, SENT)[1:])) == {Rule.UNTOLD}


@every_kind
def test_two_outcomes_of_one_attempt_are_seen(kind: Kind) -> None:
    deliveries = [*told(kind, SENT), *told(kind, UNKNOWN)]
    assert Rule.CONTRADICTED in rules(judge(kind, [came(kind)], deliveries))


@every_kind
def test_a_refusal_for_good_that_is_told_as_dead_is_no_loss(kind: Kind) -> None:
    verdict = judge(kind, [came(kind, fate=Fate.REFUSED)], told(kind, DEAD))
    assert not verdict.violations
    assert (verdict.tallies[kind].dead, verdict.tallies[kind].lost) == (1, 0)


@every_kind
def test_giving_up_what_nobody_refused_for_good_is_seen(kind: Kind) -> None:
    assert rules(judge(kind, [came(kind, fate=Fate.LEFT)], told(kind, DEAD))) == {Rule.WRONGLY_DEAD}


def test_a_relay_may_refuse_for_good_before_it_knows_the_message_but_each_refusal_excuses_one() -> None:
    unseen = Arrival(Kind.EMAIL, None, None, "", START.timestamp(), Fate.REFUSED)
    other = told(Kind.EMAIL, DEAD, key=content_id("other"), alert_id=content_id("other alert"))
    assert not judge(Kind.EMAIL, [unseen], told(Kind.EMAIL, DEAD)).violations
    assert rules(judge(Kind.EMAIL, [unseen], [*told(Kind.EMAIL, DEAD), *other])) == {Rule.WRONGLY_DEAD}


@every_kind
def test_a_message_that_nobody_was_to_get_is_seen(kind: Kind) -> None:
    stray = Arrival(kind, content_id("stray"), content_id("stray key"), "elsewhere", START.timestamp(), Fate.TAKEN)
    assert rules(judge(kind, [came(kind), stray], told(kind, SENT))) == {Rule.UNASKED}


@asked
def test_lanes_of_one_address_belong_to_their_kind(kind: Kind) -> None:
    deliveries = [one.model_copy(update={"channel": f"{kind}/desk@chaos.example"}) for one in told(kind, SENT)]
    assert not judge(kind, [came(kind)], deliveries).violations
