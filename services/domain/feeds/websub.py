"""A subscription at a hub (WebSub, W3C Recommendation of 2018): what to do next, and what each event makes of it.

    (none) -- ask --> REQUESTED -- verified --> VERIFIED -- lease over --> EXPIRED -- ask --> REQUESTED
                          |                        |
                          +------- denied ---------+--> DENIED -- ask, a day later --> REQUESTED
    any -- no longer wanted --> UNSUBSCRIBING -- verified, or given up --> (none)

A feed has one subscription at a time. Hub and subscriber call each other, so events come in any order: a hub may verify
before it has answered the request, or deny long after it verified. Every transition is a function of the stored value.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from schemas.base import Contract, Slug, UtcDatetime

# What hubs grant on the web: five to fifteen days. They may grant less.
ASKED_LEASE = timedelta(days=10)
# For hubs that name no lease when they verify, although they must.
UNSAID_LEASE = timedelta(days=1)
MAX_LEASE = timedelta(days=30)
# A lease is renewed when between 57 % and 67 % of it are over: time enough for a hub that is down for a while.
RENEW_AT = 2 / 3
RENEW_JITTER = 0.1
# A hub that grants seconds is not asked every few seconds for it.
LEAST_RENEWAL = timedelta(minutes=1)
# A hub that has accepted a request verifies it within seconds; one that could not reach us is asked again.
VERIFY_WITHIN = timedelta(minutes=10)
FIRST_RETRY = timedelta(minutes=5)
MAX_RETRY = timedelta(days=1)
MAX_RETRY_AFTER = timedelta(days=31)
# A request to unsubscribe is a courtesy: when it fails, the hub's next push is answered 410, which ends it too.
UNSUBSCRIBE_TRIES = 3


class Status(StrEnum):
    """How far a subscription has come."""

    REQUESTED = "requested"
    VERIFIED = "verified"
    EXPIRED = "expired"
    DENIED = "denied"
    UNSUBSCRIBING = "unsubscribing"


class Mode(StrEnum):
    """What a request to a hub asks for."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"


class Offer(Contract):
    """What a feed says: these hubs push it, under this name."""

    hubs: tuple[str, ...] = Field(min_length=1)
    topic_url: str


class Credentials(Contract):
    """What only the hub is told: the address it calls us at, which nobody can guess, and the key it signs with."""

    token: str = Field(min_length=1, repr=False)
    secret: str = Field(min_length=1, repr=False)
    callback_url: str = Field(repr=False)


class Subscription(Contract):
    """One feed's subscription at one hub. `due_at` is when to look at it next."""

    feed_id: Slug
    topic_url: str
    hubs: tuple[str, ...] = Field(min_length=1, description="all that the feed named when one was last asked")
    hub: str = Field(description="of these, as the feed names it")
    hub_url: str = Field(description="where it is: a hub may have moved for good")
    credentials: Credentials
    status: Status
    asked_at: UtcDatetime
    answered_at: UtcDatetime | None = Field(default=None, description="when the hub last called us about it")
    expires_at: UtcDatetime | None = None
    due_at: UtcDatetime
    failures: int = Field(default=0, description="requests in a row that came to nothing, at whichever hub")
    reason: str = Field(default="", description="of the last failure or denial")
    missed_at: UtcDatetime | None = Field(default=None, description="polling found news that was not pushed")

    def is_live(self, now: datetime) -> bool:
        """Whether news comes by itself, so that polling may be slow. A hub that was found silent must push first."""
        return self.is_granted(now) and self.missed_at is None

    @property
    def is_unanswered(self) -> bool:
        """Whether the hub has accepted the last request, as far as we know, but not called back about it."""
        return not self.reason and (self.answered_at is None or self.answered_at < self.asked_at)

    def is_granted(self, now: datetime) -> bool:
        """Whether the lease runs."""
        return self.status is Status.VERIFIED and self.expires_at is not None and now < self.expires_at


class Action(StrEnum):
    """What to do about a subscription now."""

    WAIT = "wait"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    LAPSE = "lapse"
    FORGET = "forget"


class Cause(StrEnum):
    """Why."""

    NOT_DUE = "not_due"
    NOTHING_TO_DO = "nothing_to_do"
    NEW = "new"
    RENEWAL = "renewal"
    NOT_VERIFIED = "not_verified"
    RETRY = "retry"
    LEASE_OVER = "lease_over"
    NOT_WANTED = "not_wanted"  # the feed was removed, names no hub any more, or is not to be subscribed
    MOVED = "moved"  # the feed names another hub or another address of its own, or we have another address
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Step:
    """The next thing to do; `hub` is whom to ask."""

    action: Action
    cause: Cause
    hub: str = ""


def next_step(subscription: Subscription | None, offer: Offer | None, callback_base: str, now: datetime) -> Step:
    """Return what to do for a feed. `offer` is None for a feed that is not to be subscribed."""
    if subscription is None:
        return Step(Action.SUBSCRIBE, Cause.NEW, offer.hubs[0]) if offer else Step(Action.FORGET, Cause.NOTHING_TO_DO)
    cause = _parting(subscription, offer, callback_base)
    if offer is None or cause is not None:
        return _part(subscription, cause or Cause.NOT_WANTED, now)
    return _keep(subscription, offer, now)


def _keep(subscription: Subscription, offer: Offer, now: datetime) -> Step:
    if subscription.status is Status.VERIFIED and not subscription.is_granted(now):
        return Step(Action.LAPSE, Cause.LEASE_OVER)
    if now < subscription.due_at:
        return Step(Action.WAIT, Cause.NOT_DUE)
    if subscription.is_unanswered:
        return Step(Action.LAPSE, Cause.NOT_VERIFIED)
    if subscription.status is Status.VERIFIED:
        return Step(Action.SUBSCRIBE, Cause.RENEWAL, subscription.hub)
    return Step(Action.SUBSCRIBE, Cause.RETRY, _next_hub(subscription, offer))


def _parting(subscription: Subscription, offer: Offer | None, callback_base: str) -> Cause | None:
    if offer is None:
        return Cause.NOT_WANTED
    if subscription.status is Status.UNSUBSCRIBING:
        return Cause.MOVED
    same = subscription.topic_url == offer.topic_url and subscription.hub in offer.hubs
    same_callback = subscription.credentials.callback_url == callback_url(callback_base, subscription.credentials.token)
    return None if same and same_callback else Cause.MOVED


def _part(subscription: Subscription, cause: Cause, now: datetime) -> Step:
    match subscription.status:
        case Status.DENIED | Status.EXPIRED:
            return Step(Action.FORGET, cause)
        case Status.REQUESTED if not subscription.is_unanswered:
            return Step(Action.FORGET, cause)  # no hub has accepted it
        case Status.UNSUBSCRIBING if now < subscription.due_at:
            return Step(Action.WAIT, Cause.NOT_DUE)
        case Status.UNSUBSCRIBING if subscription.failures >= UNSUBSCRIBE_TRIES:
            return Step(Action.FORGET, Cause.GIVEN_UP)
        case _:
            return Step(Action.UNSUBSCRIBE, cause, subscription.hub)


def _next_hub(subscription: Subscription, offer: Offer) -> str:
    """Return the hub after the one that failed, in the feed's own order."""
    position = offer.hubs.index(subscription.hub)
    return offer.hubs[(position + 1) % len(offer.hubs)]


def callback_url(base: str, token: str) -> str:
    """Return the address that a hub calls for one subscription."""
    return f"{base.rstrip('/')}/websub/{token}"


def asking(
    subscription: Subscription | None, *, feed_id: str, offer: Offer, hub: str, credentials: Credentials, now: datetime
) -> Subscription:
    """Return the subscription as it must be stored before the hub is asked, since it may call before it answers.

    At the same hub the address and key stay, so that the hub renews instead of adding; a new hub gets new ones.
    """
    due_at = now + VERIFY_WITHIN
    if subscription is None or subscription.hub != hub:
        return Subscription(
            feed_id=feed_id,
            topic_url=offer.topic_url,
            hubs=offer.hubs,
            hub=hub,
            hub_url=hub,
            credentials=credentials,
            status=Status.REQUESTED,
            asked_at=now,
            due_at=due_at,
            failures=subscription.failures if subscription else 0,
        )
    is_granted = subscription.is_granted(now)
    status = Status.VERIFIED if is_granted else Status.REQUESTED
    due = min(due_at, subscription.expires_at) if is_granted and subscription.expires_at else due_at
    told = {"hubs": offer.hubs, "status": status, "asked_at": now, "due_at": due, "reason": ""}
    return subscription.model_copy(update=told)


def leaving(subscription: Subscription, now: datetime) -> Subscription:
    """Return the subscription as it must be stored before the hub is asked to end it."""
    is_first = subscription.status is not Status.UNSUBSCRIBING
    told = {
        "status": Status.UNSUBSCRIBING,
        "asked_at": now,
        "due_at": now + FIRST_RETRY,
        "failures": 1 if is_first else subscription.failures + 1,
    }
    return subscription.model_copy(update=told)


def refused(
    subscription: Subscription,
    reason: str,
    now: datetime,
    *,
    retry_after: timedelta | None = None,
    jitter: float = 0.0,
) -> Subscription:
    """Return the subscription after a request that a hub did not accept.

    What the hub said by calling us since the request is its true answer. While another of the feed's hubs has not
    been asked, it is asked at once; after that the wait doubles, up to a day.
    """
    if subscription.answered_at is not None and subscription.answered_at >= subscription.asked_at:
        return subscription
    failures = subscription.failures + 1
    if subscription.status is Status.UNSUBSCRIBING:
        return subscription.model_copy(update={"reason": reason})
    is_granted = subscription.is_granted(now)
    wait = timedelta()
    if is_granted or failures % len(subscription.hubs) == 0:
        rounds = failures if is_granted else failures // len(subscription.hubs)
        wait = min(FIRST_RETRY * 2 ** min(rounds - 1, 16), MAX_RETRY)
        wait = max(wait, min(retry_after or wait, MAX_RETRY_AFTER)) * (1 + jitter / 10)
    due_at = now + wait
    if is_granted and subscription.expires_at is not None:
        due_at = min(due_at, subscription.expires_at)
    return subscription.model_copy(update={"failures": failures, "reason": reason, "due_at": due_at})


def relocated(subscription: Subscription, hub_url: str) -> Subscription:
    """Return the subscription at a hub that has moved for good (308)."""
    return subscription.model_copy(update={"hub_url": hub_url})


def expired(subscription: Subscription, cause: Cause, now: datetime, jitter: float = 0.0) -> Subscription:
    """Return the subscription after its time: its lease is over, or its hub never came back to verify it."""
    if cause is Cause.NOT_VERIFIED:
        minutes = VERIFY_WITHIN // timedelta(minutes=1)
        reason = f"the hub did not verify within {minutes} minutes; can it reach fetch.websub_callback?"
        return refused(subscription, reason, now, jitter=jitter)
    told = {"status": Status.EXPIRED, "expires_at": None, "failures": 0, "due_at": now, "reason": "the lease is over"}
    return subscription.model_copy(update=told)


def verified(subscription: Subscription, lease: timedelta | None, now: datetime, jitter: float = 0.0) -> Subscription:
    """Return the subscription that the hub has verified. A hub that verifies again prolongs it."""
    granted = min(lease or UNSAID_LEASE, MAX_LEASE)
    renewal = max(granted * (RENEW_AT - RENEW_JITTER * jitter), LEAST_RENEWAL)
    told = {
        "status": Status.VERIFIED,
        "answered_at": now,
        "expires_at": now + granted,
        "due_at": now + renewal,
        "failures": 0,
        "reason": "",
    }
    return subscription.model_copy(update=told)


def denied(subscription: Subscription, reason: str, now: datetime) -> Subscription:
    """Return the subscription that the hub has denied or ended: another hub is asked at once, the same in a day."""
    failures = subscription.failures + 1
    due_at = now + (MAX_RETRY if failures % len(subscription.hubs) == 0 else timedelta())
    if subscription.status is not Status.VERIFIED and not subscription.is_unanswered:
        # It was refused already, and waits; a hub that calls unasked does not shorten that.
        due_at = max(due_at, subscription.due_at)
    told = {
        "status": Status.DENIED,
        "answered_at": now,
        "expires_at": None,
        "failures": failures,
        "due_at": due_at,
        "reason": reason or "the hub gave no reason",
    }
    return subscription.model_copy(update=told)


def missed(subscription: Subscription, now: datetime) -> Subscription:
    """Return the subscription after polling found news that was not pushed: it is live again when the hub pushes."""
    return subscription.model_copy(update={"missed_at": now})


def heard(subscription: Subscription) -> Subscription:
    """Return the subscription after the hub pushed something."""
    return subscription.model_copy(update={"missed_at": None})
