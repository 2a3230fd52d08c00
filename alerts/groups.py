"""Groups: alerts that are told together, and when they are due, with Alertmanager's words. Pure.

The first alert of a group is told after group_wait, what comes later at the earliest group_interval after the last
message. A group that was told is told again each repeat_interval while it is live.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from alerts.matchers import label_of
from alerts.options import Name
from alerts.route_options import EACH_ALONE, GroupPolicy
from alerts.routing import Target
from schemas.alert import Alert, AlertKind
from schemas.base import ContentId, Contract, UtcDatetime, content_id
from schemas.notification import thread_id

FORGET_AFTER = timedelta(days=5)
# An alert comes again when its stream is read again from the last committed offset, seconds back. A group would have to
# take thousands of alerts in between for one to be told twice.
MAX_SETTLED = 5_000
MAX_OUTLETS = 1_000  # beyond, outlets are counted by what stories say of themselves
MAX_REMINDED = 10
_HEALTH_LABEL = "change"  # what a feed_health alert says became of the feed
_ENDED, _LASTING = {"recovered"}, {"broken", "quiet", "gone"}


class Life(StrEnum):
    """How long a group goes on to be worth a reminder."""

    PASSING = "passing"  # news: while alerts come, also such as add nothing
    LASTING = "lasting"  # a condition: until an alert says that it is over
    ENDED = "ended"


class Group(Contract):
    """What is known of the alerts of one route, receiver and set of label values.

    `pending` are ids of alerts that were not told yet, in order of arrival, since `waiting_since`. `settled` are those
    whose fate is decided, newest last, at most MAX_SETTLED of them. `told_at` is when the last message was decided,
    `passed_over_at` when the last reminder was not sent. `articles` and `outlets` count what was told.
    """

    key: ContentId
    route_id: ContentId
    receiver: Name
    labels: dict[str, str]
    thread: ContentId
    opened_at: UtcDatetime
    last_alert_at: UtcDatetime
    pending: tuple[ContentId, ...] = ()
    waiting_since: UtcDatetime | None = None
    muted_until: UtcDatetime | None = None
    flush_at: UtcDatetime | None = None
    settled: tuple[ContentId, ...] = ()
    told_at: UtcDatetime | None = None
    passed_over_at: UtcDatetime | None = None
    revision: int = Field(default=0, ge=0)
    thread_subject: str | None = None
    last_alerts: tuple[ContentId, ...] = ()
    articles: int = Field(default=0, ge=0)
    outlets: int = Field(default=0, ge=0)
    outlet_names: tuple[str, ...] = ()
    life: Life = Life.PASSING


def group_key(alert: Alert, target: Target) -> tuple[str, dict[str, str]]:
    """Return the key of the group of an alert, and the label values that its alerts have in common."""
    names = target.policy.group_by
    labels = {"alert": alert.id} if EACH_ALONE in names else {name: label_of(alert, name) for name in names}
    parts = (part for name in sorted(labels) for part in (name, labels[name]))
    return content_id("group", target.route_id, target.receiver, *parts), labels


def admit(group: Group | None, alert: Alert, target: Target, now: datetime) -> Group:
    """Return the group with an alert waiting in it. An alert that it knows already changes nothing: the same object.

    `group` is what is kept under the alert's `group_key`; one that is forgotten counts as none.
    """
    if group is None or is_forgotten(group, now):
        group = _opened(alert, target, now)
    if alert.id in group.pending or alert.id in group.settled:
        return group
    waiting = group.model_copy(
        update={
            "pending": (*group.pending, alert.id),
            "waiting_since": group.waiting_since or now,
            "last_alert_at": max(group.last_alert_at, now),
            "life": _life_after(alert, group.life),
        }
    )
    return waiting.model_copy(update={"flush_at": due_at(waiting, target.policy)})


def is_forgotten(group: Group, now: datetime) -> bool:
    """Tell whether nothing need be known of a group any more: nothing waits, and nothing came for five days."""
    return not group.pending and now >= group.last_alert_at + FORGET_AFTER


def wanted_alerts(group: Group) -> tuple[str, ...]:
    """Return the ids of the alerts that a flush of this group tells of: those waiting, else those of a reminder."""
    return group.pending or group.last_alerts


def is_reminder(group: Group) -> bool:
    """Tell whether a flush of this group says again what was told."""
    return not group.pending


def due_at(group: Group, policy: GroupPolicy) -> datetime | None:
    """Return when a group is to be flushed, or None if there is nothing to wait for."""
    earliest = allowed_at(group, policy)
    return max(earliest, group.muted_until) if earliest and group.muted_until else earliest


def allowed_at(group: Group, policy: GroupPolicy) -> datetime | None:
    """Return when a group may be told at the earliest, mute times aside, or None if there is nothing to tell."""
    if group.waiting_since is not None:
        if group.told_at is None:
            return group.waiting_since + policy.group_wait
        return max(group.waiting_since, group.told_at + policy.group_interval)
    if policy.repeat_interval is None or group.told_at is None or not _is_live(group):
        return None
    again_at = max(group.told_at, group.passed_over_at or group.told_at) + policy.repeat_interval
    return again_at if again_at < group.last_alert_at + FORGET_AFTER else None


def settled_with(group: Group, alert_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids settled when these are, too."""
    fresh = tuple(alert_id for alert_id in alert_ids if alert_id not in group.settled)
    return (*group.settled, *fresh)[-MAX_SETTLED:]


def counted(group: Group, alerts: Sequence[Alert]) -> Group:
    """Return the group with these alerts told, as to articles and outlets.

    A group of one story counts what the story says of itself, so also articles that raised no alert.
    """
    about = [alert.article for alert in alerts if alert.article]
    names = tuple(dict.fromkeys((*group.outlet_names, *(article.outlet for article in about))))[:MAX_OUTLETS]
    stories = [alert.story for alert in alerts if alert.story] if "story" in group.labels else []
    fresh = len({article.id for article in about})
    return group.model_copy(
        update={
            "articles": max([group.articles, *(story.articles for story in stories)])
            if stories
            else group.articles + fresh,
            "outlets": max([group.outlets, len(names), *(story.outlets for story in stories)]),
            "outlet_names": names,
        }
    )


def _opened(alert: Alert, target: Target, now: datetime) -> Group:
    key, labels = group_key(alert, target)
    return Group(
        key=key,
        route_id=target.route_id,
        receiver=target.receiver,
        labels=labels,
        thread=thread_id(target.receiver, key),
        opened_at=now,
        last_alert_at=now,
    )


def _life_after(alert: Alert, life: Life) -> Life:
    if alert.kind is not AlertKind.FEED_HEALTH:
        return Life.PASSING
    change = alert.labels.get(_HEALTH_LABEL)
    return Life.ENDED if change in _ENDED else Life.LASTING if change in _LASTING else life


def _is_live(group: Group) -> bool:
    # News came since the last message, or it would have to be older than repeat_interval when its time is up.
    came_since = group.told_at is None or group.last_alert_at > group.told_at
    return group.life is Life.LASTING or (group.life is Life.PASSING and came_since)
