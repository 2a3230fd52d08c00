"""What a tracker and an alerter leave behind: alerts in every state, and the traces of how they came there."""

from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from alerts.delivery import Finish, Lane
from schemas.alert import Alert
from schemas.base import content_id
from schemas.delivery import Outcome, idempotency_key
from schemas.notification import Notification, notification_id
from schemas.story import Novelty, StoryRef
from schemas.trace import Stage, TraceStep
from schemas.watch import Severity
from services.alerter.alert_store import ValkeyAlerts
from services.alerter.lane import describe
from services.alerter.ledger import ValkeyDeliveryLedger
from services.runtime.traces import ValkeyTraces
from tests.unit.alerts.examples import an_alert, article, told

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)  # tests look at whole hours, so that a slow run changes nothing
SLACK, MAIL = Lane("desk", "slack"), Lane("desk", "email")
STORY = content_id("story")
BACK_LISTED = content_id("article back-listed")


def alert(name: str, hours_ago: float, **changes: Any) -> Alert:
    """An alert decided so long ago, about an article of its own."""
    about = article(id=content_id(f"article {name}"), title=f"Article {name}", outlet="Example [b]Wire[/b]")
    values = {"id": content_id(name), "title": f"Title {name}", "article": about, **changes}
    return an_alert(decided_at=NOW - hours_ago * HOUR, **values)


FIRST = StoryRef(id=STORY, origin_id=content_id("article delivered"), novelty=Novelty.FIRST, articles=1, outlets=1)
DELIVERED = alert("delivered", 4, severity=Severity.CRITICAL, story=FIRST)
SILENCED = alert("silenced", 5)
WAITING = alert("for the digest", 6)
QUEUED = alert("queued", 7, watch_topic="seoul-moscow", watch_topic_title="Seoul and Moscow")
UNDECIDED = alert("undecided", 8, article=None)
OLD = alert("old", 48)
ALERTS = (DELIVERED, SILENCED, WAITING, QUEUED, UNDECIDED, OLD)


def message(about: Alert) -> Notification:
    """The message that tells the desk of one alert."""
    return told(about, id=notification_id("desk", about.group_key, about.id))


def key_of(about: Alert, lane: Lane) -> str:
    """The key under which an alert is told in a lane."""
    return idempotency_key(message(about).id, *lane)


def step(about: Alert, stage: Stage, reason: str = "", lane: Lane | None = None) -> TraceStep:
    return TraceStep(
        subject_kind="alert",
        subject=about.id,
        stage=stage,
        at=about.decided_at + HOUR / 60,
        reason=reason,
        watch_topic=about.watch_topic,
        receiver="desk",
        channel=lane.channel if lane else None,
        route="root / 1",
        ref=key_of(about, lane) if lane else None,
    )


def article_step(about: Alert, stage: Stage, reason: str = "") -> TraceStep:
    return TraceStep(
        subject_kind="article",
        subject=about.article.id if about.article else "",
        stage=stage,
        at=about.decided_at,
        reason=reason,
        watch_topic=about.watch_topic,
        # As the tracker writes them: a match leads on to the match, an alert to the alert.
        ref={Stage.MATCHED: content_id("match", about.id), Stage.RAISED: about.id}.get(stage),
    )


async def remember(valkey: Redis) -> None:
    """Leave behind ALERTS, and an article that raised none."""
    alerts, traces, ledger = ValkeyAlerts(valkey), ValkeyTraces(valkey), ValkeyDeliveryLedger(valkey)
    for one in ALERTS:
        await alerts.keep(one)
    unraised = alert("back-listed", 9)
    steps = [article_step(unraised, Stage.MATCHED, "arms-review")]
    steps.append(article_step(unraised, Stage.NOT_ALERTED, "back_list"))
    for one in (DELIVERED, SILENCED):
        steps += [article_step(one, Stage.MATCHED, "arms-review"), article_step(one, Stage.RAISED)]
    steps += [step(one, Stage.ROUTED, "taken by root / 1") for one in (DELIVERED, SILENCED, WAITING, QUEUED)]
    steps.append(step(SILENCED, Stage.SILENCED, "by ann until noon: known since Tuesday"))
    steps.append(step(WAITING, Stage.OVER_BUDGET, "30 messages were sent today"))
    steps += [step(DELIVERED, Stage.QUEUED, "", lane) for lane in (SLACK, MAIL)]
    await traces.note(steps)
    await ledger.enqueue(message(DELIVERED), [SLACK, MAIL], DELIVERED.decided_at)
    await record(ledger, SLACK, Finish(Outcome.SENT, external_ref="1732698001.000200"))
    await record(ledger, MAIL, Finish(Outcome.DEAD, "SMTP 550 no such user"))
    await ledger.enqueue(message(QUEUED), [SLACK], QUEUED.decided_at)


async def record(ledger: ValkeyDeliveryLedger, lane: Lane, decision: Finish) -> None:
    """Let the next delivery of the lane end so."""
    (dispatch,) = await ledger.claim_due(lane, owner="a", limit=1, now=NOW - 3 * HOUR, lease=HOUR)
    delivery = describe(dispatch, decision, NOW - 3 * HOUR, NOW - 3 * HOUR)
    assert await ledger.record(dispatch, decision, delivery, owner="a")
