"""The life of a subscription, decided without hub, store or clock."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.websub import (
    MAX_LEASE,
    MAX_RETRY,
    UNSAID_LEASE,
    UNSUBSCRIBE_TRIES,
    VERIFY_WITHIN,
    Action,
    Cause,
    Credentials,
    Offer,
    Status,
    Step,
    Subscription,
    asking,
    callback_url,
    denied,
    expired,
    heard,
    leaving,
    missed,
    next_step,
    refused,
    relocated,
    verified,
)
from tests.fakes import EPOCH

BASE = "https://redline.example/"
ONE, TWO = "https://hub.example/", "https://other-hub.example/"
TOPIC = "https://news.example/feed.xml"
OFFER = Offer(hubs=(ONE, TWO), topic_url=TOPIC)
ALONE = Offer(hubs=(ONE,), topic_url=TOPIC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def credentials(number: int = 1) -> Credentials:
    token = f"token-{number}"
    return Credentials(token=token, secret=f"key-{number}", callback_url=callback_url(BASE, token))


def asked(
    offer: Offer = ALONE, hub: str = ONE, before: Subscription | None = None, at: datetime = EPOCH
) -> Subscription:
    fresh = credentials(1 if before is None else 2)
    return asking(before, feed_id="one", offer=offer, hub=hub, credentials=fresh, now=at)


def granted(lease: timedelta = 9 * DAY, offer: Offer = ALONE) -> Subscription:
    return verified(asked(offer), lease, EPOCH)


def step(subscription: Subscription | None, offer: Offer | None = ALONE, after: timedelta = timedelta()) -> Step:
    return next_step(subscription, offer, BASE, EPOCH + after)


def test_a_feed_without_a_hub_needs_nothing() -> None:
    assert step(None, None) == Step(Action.FORGET, Cause.NOTHING_TO_DO)


def test_a_new_feed_asks_the_hub_it_names_first() -> None:
    assert step(None, OFFER) == Step(Action.SUBSCRIBE, Cause.NEW, ONE)


def test_a_callback_is_below_the_address_that_leads_to_us() -> None:
    assert callback_url("https://a.example/redline/", "t") == "https://a.example/redline/websub/t"


def test_a_request_waits_for_its_verification_and_then_counts_as_failed() -> None:
    subscription = asked()
    assert step(subscription, after=VERIFY_WITHIN - MINUTE).action is Action.WAIT
    late = step(subscription, after=VERIFY_WITHIN)
    assert late == Step(Action.LAPSE, Cause.NOT_VERIFIED)
    lapsed = expired(subscription, late.cause, EPOCH + VERIFY_WITHIN)
    assert lapsed.failures == 1
    assert "fetch.websub_callback" in lapsed.reason
    assert step(lapsed, after=VERIFY_WITHIN).action is Action.WAIT
    assert step(lapsed, after=VERIFY_WITHIN + 5 * MINUTE) == Step(Action.SUBSCRIBE, Cause.RETRY, ONE)


@pytest.mark.parametrize(("jitter", "days"), [(0.0, 6.0), (0.999, 5.1)])
def test_a_lease_is_renewed_when_about_two_thirds_are_over(jitter: float, days: float) -> None:
    subscription = verified(asked(), 9 * DAY, EPOCH, jitter)
    assert abs(subscription.due_at - EPOCH - timedelta(days=days)) < timedelta(hours=1)
    assert subscription.is_live(EPOCH + 8.9 * DAY)
    assert not subscription.is_live(EPOCH + 9 * DAY)
    assert step(subscription, after=6 * DAY) == Step(Action.SUBSCRIBE, Cause.RENEWAL, ONE)


def test_a_renewal_keeps_address_key_and_trust() -> None:
    renewing = asked(before=granted(), at=EPOCH + 6 * DAY)
    assert renewing.credentials == credentials(1)
    assert renewing.is_live(EPOCH + 6 * DAY)
    unanswered = step(renewing, after=6 * DAY + VERIFY_WITHIN)
    assert unanswered == Step(Action.LAPSE, Cause.NOT_VERIFIED)
    failed = expired(renewing, unanswered.cause, EPOCH + 6 * DAY + VERIFY_WITHIN)
    assert failed.is_live(EPOCH + 8 * DAY), "until its lease is over the hub pushes"


def test_a_renewal_that_fails_never_outlasts_the_lease() -> None:
    subscription, now = granted(), EPOCH + 6 * DAY
    while subscription.is_granted(now):
        subscription = refused(asked(before=subscription, at=now), "answered 503", now)
        assert now < subscription.due_at
        now = subscription.due_at
    assert now == EPOCH + 9 * DAY
    over = next_step(subscription, ALONE, BASE, now)
    assert over == Step(Action.LAPSE, Cause.LEASE_OVER)
    ended = expired(subscription, over.cause, now)
    assert (ended.status, ended.failures) == (Status.EXPIRED, 0)
    assert next_step(ended, ALONE, BASE, now).action is Action.SUBSCRIBE


@pytest.mark.parametrize("lease", [None, timedelta(seconds=10), 400 * DAY])
def test_leases_no_hub_should_grant_are_survived(lease: timedelta | None) -> None:
    subscription = verified(asked(), lease, EPOCH)
    assert subscription.expires_at is not None
    assert subscription.expires_at - EPOCH == min(lease or UNSAID_LEASE, MAX_LEASE)
    assert subscription.due_at - EPOCH >= MINUTE


def test_every_hub_is_tried_before_waiting_and_the_waits_grow_to_a_day() -> None:
    subscription, now, waits, hubs = asked(OFFER), EPOCH, [], [ONE]
    for _ in range(24):
        subscription = refused(subscription, "answered 500", now)
        waits.append(subscription.due_at - now)
        now = subscription.due_at
        again = next_step(subscription, OFFER, BASE, now)
        assert again.action is Action.SUBSCRIBE
        hubs.append(again.hub)
        subscription = asked(OFFER, again.hub, subscription, now)
    assert hubs[:4] == [ONE, TWO, ONE, TWO]
    assert waits[:6] == [timedelta(), 5 * MINUTE, timedelta(), 10 * MINUTE, timedelta(), 20 * MINUTE]
    assert max(waits) == MAX_RETRY


def test_another_hub_gets_an_address_and_a_key_of_its_own() -> None:
    moved_on = asked(OFFER, TWO, refused(asked(OFFER), "answered 500", EPOCH))
    assert moved_on.credentials == credentials(2)
    assert (moved_on.hub, moved_on.hub_url, moved_on.failures) == (TWO, TWO, 1)


def test_a_hub_that_asks_to_be_left_alone_is() -> None:
    busy = refused(asked(), "answered 429", EPOCH, retry_after=timedelta(hours=7))
    assert busy.due_at - EPOCH == timedelta(hours=7)


def test_what_the_hub_said_by_calling_goes_before_how_it_answered() -> None:
    confirmed = verified(asked(), 9 * DAY, EPOCH + timedelta(seconds=1))
    assert refused(confirmed, "answered 500", EPOCH + timedelta(seconds=2)) == confirmed


def test_a_hub_that_has_moved_for_good_is_asked_there() -> None:
    there = relocated(asked(), "https://new.example/")
    assert there.hub_url == "https://new.example/"
    assert step(there, after=MINUTE).action is Action.WAIT, "the feed's name for it still holds"
    assert asked(before=there).hub_url == "https://new.example/"


def test_a_denial_ends_it_and_the_next_hub_is_asked_then_the_same_a_day_later() -> None:
    first = denied(granted(offer=OFFER), "", EPOCH)
    assert (first.status, first.is_live(EPOCH), first.reason) == (Status.DENIED, False, "the hub gave no reason")
    assert next_step(first, OFFER, BASE, EPOCH) == Step(Action.SUBSCRIBE, Cause.RETRY, TWO)
    second = denied(asked(OFFER, TWO, first), "no", EPOCH)
    assert next_step(second, OFFER, BASE, EPOCH + DAY - MINUTE).action is Action.WAIT
    assert next_step(second, OFFER, BASE, EPOCH + DAY) == Step(Action.SUBSCRIBE, Cause.RETRY, ONE)


def test_a_hub_found_silent_is_trusted_again_when_it_pushes() -> None:
    silent = missed(granted(), EPOCH)
    assert not silent.is_live(EPOCH)
    assert silent.is_granted(EPOCH)
    assert heard(silent).is_live(EPOCH)


@pytest.mark.parametrize(
    ("offer", "cause"),
    [
        (None, Cause.NOT_WANTED),
        (Offer(hubs=(TWO,), topic_url=TOPIC), Cause.MOVED),
        (Offer(hubs=(ONE,), topic_url="https://news.example/other.xml"), Cause.MOVED),
    ],
)
def test_a_subscription_that_the_feed_no_longer_offers_is_ended(offer: Offer | None, cause: Cause) -> None:
    assert step(granted(), offer) == Step(Action.UNSUBSCRIBE, cause, ONE)
    assert step(asked(), offer) == Step(Action.UNSUBSCRIBE, cause, ONE)
    assert step(refused(asked(), "no", EPOCH), offer) == Step(Action.FORGET, cause)
    assert step(denied(granted(), "no", EPOCH), offer) == Step(Action.FORGET, cause)


def test_another_address_of_ours_means_to_begin_anew() -> None:
    assert next_step(granted(), ALONE, "https://elsewhere.example", EPOCH) == Step(Action.UNSUBSCRIBE, Cause.MOVED, ONE)


def test_leaving_is_tried_a_few_times_and_wanted_again_only_then() -> None:
    subscription, now = granted(), EPOCH
    for _ in range(UNSUBSCRIBE_TRIES):
        assert next_step(subscription, None, BASE, now).action is Action.UNSUBSCRIBE
        subscription = refused(leaving(subscription, now), "answered 500", now)
        assert not subscription.is_live(now)
        assert next_step(subscription, ALONE, BASE, now) == Step(Action.WAIT, Cause.NOT_DUE)
        now = subscription.due_at
    assert next_step(subscription, None, BASE, now) == Step(Action.FORGET, Cause.GIVEN_UP)


def test_nothing_that_is_printed_holds_the_key_or_the_address() -> None:
    assert "token-1" not in repr(granted())
    assert "key-1" not in repr(granted())


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["accept", "refuse", "verify", "deny", "miss", "push", "move", "unwant"]), st.floats(0, 40)
    ),
    max_size=30,
)


@given(_EVENTS)
@settings(max_examples=200)
def test_whatever_happens_the_next_look_comes_to_an_end(events: list[tuple[str, float]]) -> None:
    """Looks end in a wait or a request; no request is repeated within a minute at the same hub; a grant has an end."""
    subscription: Subscription | None = None
    offer: Offer | None = OFFER
    now, number = EPOCH, 0
    last: dict[str, datetime] = {}
    for event, hours in events:
        before = number
        for _ in range(5):
            todo = next_step(subscription, offer, BASE, now)
            if todo.action is Action.WAIT or (todo.action is Action.FORGET and subscription is None):
                break
            number += 1
            if todo.action is Action.SUBSCRIBE:
                assert offer is not None
                assert todo.cause is Cause.NEW or now - last.get(todo.hub, EPOCH - DAY) >= MINUTE
                last[todo.hub] = now
                subscription = asking(
                    subscription, feed_id="one", offer=offer, hub=todo.hub, credentials=credentials(number), now=now
                )
                break
            assert subscription is not None
            if todo.action is Action.UNSUBSCRIBE:
                subscription = leaving(subscription, now)
                break
            subscription = None if todo.action is Action.FORGET else expired(subscription, todo.cause, now)
        else:
            pytest.fail("the look did not end")
        # A hub refuses only what it was asked.
        if subscription is not None and (event != "refuse" or number > before):
            subscription, offer = _happened(event, subscription, offer, now)
            assert subscription is None or subscription.status is not Status.VERIFIED or subscription.expires_at
        now += timedelta(hours=hours)


def _happened(
    event: str, subscription: Subscription, offer: Offer | None, now: datetime
) -> tuple[Subscription | None, Offer | None]:
    match event:
        case "refuse":
            return refused(subscription, "answered 500", now, jitter=0.5), offer
        case "verify" if subscription.status in {Status.REQUESTED, Status.VERIFIED}:
            return verified(subscription, 3 * DAY, now, 0.5), offer
        case "verify" if subscription.status is Status.UNSUBSCRIBING:
            return None, offer
        case "deny" if subscription.status is not Status.UNSUBSCRIBING:
            return denied(subscription, "no", now), offer
        case "miss":
            return missed(subscription, now), offer
        case "push":
            return heard(subscription), offer
        case "move":
            return subscription, Offer(hubs=(TWO,), topic_url=f"{TOPIC}?{now.timestamp()}")
        case "unwant":
            return subscription, None if offer else OFFER
    return subscription, offer
