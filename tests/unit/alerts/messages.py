"""Notifications for tests: of every kind, readable ones and hostile ones."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.alert import Alert, AlertKind
from schemas.base import content_id
from schemas.notification import Digest, DigestItem, DigestReason, Notification, NotificationKind
from schemas.position import PositionChange, PositionStep, Track
from schemas.story import Novelty, StoryRef
from schemas.watch import Severity
from tests.unit.alerts.examples import DECIDED_AT, a_testimony, an_alert, excerpt, hostile_alerts, nasty_text, told

RUNGS = ("refuses", "non-lethal only", "not ruled out", "considers", "supplies")
FULL = "<script>alert(1)</script>\r\nBcc: x@example.org\r\n\x00\u202e*bold* <!channel> 무기 👩‍👩‍👧 "
ENDLESS = FULL * (100_000 // len(FULL) + 1)
ZONES = (
    "UTC",
    "Asia/Seoul",
    "Europe/Kyiv",
    "Asia/Tashkent",
    "America/St_Johns",
    "Nowhere/Land",
    "../etc/passwd",
    "America",
)


def days(number: float) -> datetime:
    """So many days after the first of the month of the examples."""
    return DECIDED_AT.replace(day=1) + timedelta(days=number)


def a_change(**changes: Any) -> PositionChange:
    """South Korea moves from considering to refusing, after three other steps."""
    steps = ((0, 1), (6, 2), (12, 4), (20, 3), (26, 0))
    values: dict[str, Any] = {
        "actor": "kor",
        "actor_name": "South Korea",
        "track": Track.DECLARED,
        "rungs": RUNGS,
        "from_rung": 3,
        "to_rung": 0,
        "since": days(20),
        "steps": tuple(PositionStep(at=days(at), rung=rung) for at, rung in steps),
        "origins": 3,
        "confidence": 0.82,
        "speakers": ("Kim Example",),
        **changes,
    }
    return PositionChange(**values)


def a_shift(**changes: Any) -> Alert:
    """A shift with its change of position and its story."""
    story = StoryRef(
        id=content_id("story"),
        origin_id=content_id("origin"),
        novelty=Novelty.FACTS,
        articles=4,
        outlets=3,
        new_facts=("40 tanks", "27 November"),
    )
    facts = {"kind": AlertKind.SHIFT, "position": a_change(), "story": story, "severity": Severity.CRITICAL, **changes}
    return an_alert(**facts)


def an_item(number: int = 1, **changes: Any) -> DigestItem:
    """A line of a digest."""
    values: dict[str, Any] = {
        "id": content_id("item", str(number)),
        "group_key": f"group-{number}",
        "alert_ids": (content_id("alert", str(number)),),
        "kind": AlertKind.MENTION,
        "severity": Severity.WARNING,
        "watch_topic": "rok-arms",
        "watch_topic_title": "South Korea: arms to Ukraine",
        "title": f"Headline {number}",
        "outlet": "Example Wire",
        "url": f"https://example.org/news/{number}",
        "at": DECIDED_AT,
        "reason": DigestReason.ROUTED,
        **changes,
    }
    return DigestItem(**values)


def a_digest(*items: DigestItem, **changes: Any) -> Notification:
    """The digest of these items, or of one."""
    items = items or (an_item(),)
    facts = {
        "since": DECIDED_AT - timedelta(days=1),
        "until": DECIDED_AT,
        "items": items,
        "total": len(items),
        **changes,
    }
    plain = told().model_dump() | {"kind": NotificationKind.DIGEST, "alerts": (), "digest": Digest(**facts)}
    return Notification.model_validate(plain)


def text_that_has_no_end() -> Notification:
    """Texts of 100,000 characters, all of them hostile."""
    alert = an_alert(
        title=ENDLESS,
        watch_topic_title=ENDLESS,
        summary=ENDLESS,
        labels={ENDLESS: ENDLESS},
        rule_ids=(ENDLESS[:500],) * 50,
        excerpts=(excerpt(ENDLESS, "*bold*"),),
        testimony=(a_testimony(ENDLESS, speaker=ENDLESS, outlet=ENDLESS),) * 20,
        position=a_change(actor_name=ENDLESS, rungs=(ENDLESS,) * 5, speakers=(ENDLESS,)),
    )
    return told(*[alert.model_copy(update={"id": content_id(str(number))}) for number in range(7)])


@st.composite
def changes_of_position(draw: st.DrawFn) -> PositionChange:
    """Changes as another process might tell them: unsorted, unbounded, and off the ladder."""
    rungs = tuple(draw(st.lists(nasty_text.filter(bool), min_size=1, max_size=16)))
    rung = st.integers(0, len(rungs) + 1)
    steps = draw(st.lists(st.tuples(st.floats(-5000, 400), rung), max_size=draw(st.sampled_from([3, 12, 200]))))
    return a_change(
        actor_name=draw(nasty_text.filter(bool)),
        rungs=rungs,
        from_rung=draw(st.none() | rung),
        to_rung=draw(rung),
        since=draw(st.sampled_from([None, days(-3)])),
        steps=tuple(PositionStep(at=days(at), rung=rung) for at, rung in steps),
        speakers=tuple(draw(st.lists(nasty_text.filter(bool), max_size=8))),
    )


@st.composite
def hostile_notifications(draw: st.DrawFn) -> Notification:
    """Messages of every kind about hostile alerts."""
    zone = draw(st.sampled_from(ZONES))
    if draw(st.integers(0, 3)) == 0:
        return _hostile_digest(draw, zone)
    alerts = draw(st.lists(hostile_alerts(), min_size=1, max_size=3)) * draw(st.sampled_from([1, 1, 1, 30]))
    alerts = [
        alert.model_copy(update={"position": draw(st.none() | changes_of_position())}) for alert in alerts[:2]
    ] + (alerts[2:])
    kinds = [kind for kind in NotificationKind if kind is not NotificationKind.DIGEST]
    return told(
        *alerts,
        kind=draw(st.sampled_from(kinds)),
        revision=draw(st.integers(1, 4)),
        thread_subject=draw(st.none() | nasty_text),
        time_zone=zone,
    )


def _hostile_digest(draw: st.DrawFn, zone: str) -> Notification:
    items = [
        an_item(
            number,
            title=draw(nasty_text),
            watch_topic=f"topic-{number % 3}",
            watch_topic_title=draw(nasty_text),
            outlet=draw(st.none() | nasty_text),
            url=draw(st.none() | nasty_text),
            severity=draw(st.sampled_from(Severity)),
            reason=draw(st.sampled_from(DigestReason)),
        )
        for number in range(draw(st.sampled_from([1, 3, 14])))
    ]
    return a_digest(*items).model_copy(update={"time_zone": zone})
