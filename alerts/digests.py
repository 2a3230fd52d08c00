"""Digests: what waited, told at the moments of a cron line in the receiver's time zone, the most urgent first. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cronsim import CronSim

from alerts.groups import Group
from alerts.route_options import Receiver
from schemas.alert import Alert, AlertKind
from schemas.base import content_id
from schemas.notification import (
    Digest,
    DigestItem,
    DigestReason,
    Notification,
    NotificationKind,
    notification_id,
    thread_id,
)

GROUP_KEY = "digest"  # of a digest itself, which is about many groups
_KINDS = (
    AlertKind.SHIFT,
    AlertKind.CORRECTION,
    AlertKind.SURGE,
    AlertKind.MENTION,
    AlertKind.FEED_HEALTH,
    AlertKind.DIGEST,
)


def next_digest_at(receiver: Receiver, after: datetime) -> datetime:
    """Return the first moment after `after` at which the receiver's digest is due, in UTC.

    As in Debian's cron: a time that clocks skip comes when they have skipped it, one that comes twice counts once.
    """
    moments = CronSim(receiver.digest.cron, after.astimezone(receiver.zone))
    # In an hour that comes twice the line is read by the wall, and could lead back before `after`.
    return next(moment for found in moments if (moment := found.astimezone(UTC)) > after)


def digest_item(group: Group, alerts: Sequence[Alert], reason: DigestReason) -> DigestItem:
    """Return the line of a digest that stands for these alerts of a group, at least one, in the order of arrival."""
    lead = max(alerts, key=lambda alert: alert.severity.rank)
    articles = {alert.article.id for alert in alerts if alert.article}
    outlets = {alert.article.outlet for alert in alerts if alert.article}
    stories = [alert.story for alert in alerts if alert.story]
    return DigestItem(
        id=content_id("digest item", group.receiver, group.key),
        group_key=group.key,
        alert_ids=tuple(alert.id for alert in alerts),
        kind=lead.kind,
        severity=lead.severity,
        watch_topic=lead.watch_topic,
        watch_topic_title=lead.watch_topic_title,
        title=lead.title,
        outlet=lead.article.outlet if lead.article else None,
        url=lead.article.url if lead.article else None,
        at=max(alert.decided_at for alert in alerts),
        articles=max([len(articles), *(story.articles for story in stories)]),
        outlets=max([len(outlets), *(story.outlets for story in stories)]),
        outlet_names=() if stories else tuple(sorted(outlets)),
        reason=reason,
    )


def merge_items(waiting: DigestItem | None, fresh: DigestItem) -> DigestItem:
    """Return the one line for a group of which more came before the digest; it has every alert once."""
    if waiting is None:
        return fresh
    lead = fresh if fresh.severity.rank > waiting.severity.rank else waiting
    more = tuple(alert_id for alert_id in fresh.alert_ids if alert_id not in waiting.alert_ids)
    names = tuple(sorted({*waiting.outlet_names, *fresh.outlet_names}))
    # What a story says counts all its articles; alerts without one each bring their own.
    adds_up = bool(waiting.outlet_names and fresh.outlet_names) and len(more) == len(fresh.alert_ids)
    articles = waiting.articles + fresh.articles if adds_up else max(waiting.articles, fresh.articles)
    return lead.model_copy(
        update={
            "alert_ids": (*waiting.alert_ids, *more),
            "at": max(waiting.at, fresh.at),
            "articles": articles,
            "outlets": max(waiting.outlets, fresh.outlets, len(names)),
            "outlet_names": names,
            "reason": waiting.reason,
        }
    )


def rank(items: Iterable[DigestItem]) -> tuple[DigestItem, ...]:
    """Return items in the order of reading: by severity, kind, number of outlets, newest first."""
    return tuple(
        sorted(
            items,
            key=lambda item: (
                -item.severity.rank,
                _KINDS.index(item.kind),
                -item.outlets,
                -item.at.timestamp(),
                item.id,
            ),
        )
    )


def compose_digest(
    receiver: Receiver, items: Iterable[DigestItem], since: datetime, until: datetime, capacity: int | None = None
) -> tuple[Notification, ...]:
    """Return the messages telling what waited: one, or as many as it takes at `capacity` items each; none of nothing.

    The parts are one thread. The same items at the same moment are the same messages.
    """
    ranked = rank(items)
    size = max(capacity or len(ranked), 1)
    parts = [ranked[start : start + size] for start in range(0, len(ranked), size)]
    return tuple(
        _part(receiver, part, Digest(
            since=since, until=until, items=part, total=len(ranked), part=number, parts=len(parts)
        ))
        for number, part in enumerate(parts, start=1)
    )  # fmt: skip


def _part(receiver: Receiver, items: tuple[DigestItem, ...], digest: Digest) -> Notification:
    moment = digest.until.isoformat()
    names = {item.outlet for item in items if item.outlet}
    causes = (moment, f"{digest.part}/{digest.parts}", *(item.id for item in items))
    return Notification(
        id=notification_id(receiver.name, GROUP_KEY, *causes),
        kind=NotificationKind.DIGEST,
        receiver=receiver.name,
        group_key=GROUP_KEY,
        thread=thread_id(receiver.name, f"{GROUP_KEY} of {moment}"),
        revision=digest.part,
        articles=sum(item.articles for item in items),
        outlets=max([len(names), *(item.outlets for item in items)]),
        digest=digest,
        decided_at=digest.until,
        time_zone=receiver.time_zone,
    )
