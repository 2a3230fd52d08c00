"""Alerts that nobody raised: one to look at, and one to send as a test."""

from datetime import UTC, datetime, timedelta

from schemas.alert import Alert, AlertKind, ArticleRef, Excerpt, Testimony, alert_id
from schemas.base import content_id
from schemas.claim import Attribution, Modality
from schemas.match import EvidenceField
from schemas.position import PositionChange, PositionStep, Track
from schemas.story import Novelty, StoryRef
from schemas.watch import Severity

_PUBLISHED_AT = datetime(2024, 11, 27, 8, 52, tzinfo=UTC)
_QUOTES = (
    (EvidenceField.TITLE, "Seoul to let third countries pass on its shells to Ukraine", "third countries pass on"),
    (
        EvidenceField.TEXT,
        "South Korea will allow third countries to pass on Korean-made artillery shells to Ukraine, the foreign "
        "ministry said on Wednesday, ending a rule that has held since 2022.",
        "allow third countries to pass on Korean-made artillery shells to Ukraine",
    ),
)


def example_shift() -> Alert:
    """Return an alert that shows everything an alert can show: a shift, with its evidence, story and history."""
    article_id = content_id("example article")
    group_key = f"{AlertKind.SHIFT}/arms-supply-ukraine/south_korea"
    return Alert(
        id=alert_id(group_key, article_id),
        kind=AlertKind.SHIFT,
        group_key=group_key,
        watch_topic="arms-supply-ukraine",
        watch_topic_title="Arms supplies to Ukraine",
        severity=Severity.CRITICAL,
        title="South Korea: from no arms at all to arms through third countries",
        labels={"supplier": "KOR", "recipient": "UKR"},
        rule_ids=("south-korea-arms",),
        article=ArticleRef(
            id=article_id,
            revision_id=content_id("example revision"),
            title=_QUOTES[0][1],
            outlet="Example Wire",
            url="https://wire.example.org/2024/11/27/seoul-shells",
            author="Example Author",
            lang="en",
            country="KOR",
            published_at=_PUBLISHED_AT,
            first_seen_at=_PUBLISHED_AT + timedelta(minutes=4),
        ),
        excerpts=tuple(_excerpt(*quote) for quote in _QUOTES),
        story=StoryRef(
            id=content_id("example story"),
            origin_id=article_id,
            novelty=Novelty.FIRST,
            articles=1,
            outlets=1,
        ),
        position=_position(),
        testimony=_testimony(article_id),
        decided_at=_PUBLISHED_AT + timedelta(minutes=4, seconds=2),
    )


def trial_alert(receiver: str, now: datetime) -> Alert:
    """Return the alert of a test message: it says that nothing has happened."""
    group_key = f"test/{receiver}/{now.isoformat()}"
    return Alert(
        id=alert_id(group_key, "test"),
        kind=AlertKind.MENTION,
        group_key=group_key,
        watch_topic="redline-test",
        watch_topic_title="Test of Redline",
        severity=Severity.INFO,
        title=f"Test message for the receiver {receiver}",
        summary="Nothing has happened. Somebody ran `redline receivers test` to see whether messages arrive here.",
        decided_at=now,
    )


def _excerpt(field: EvidenceField, text: str, marked: str) -> Excerpt:
    start = text.index(marked)
    return Excerpt(field=field, start=0, end=len(text), text=text, marks=((start, start + len(marked)),))


def _testimony(article_id: str) -> tuple[Testimony, ...]:
    leaked = "Seoul told Kyiv last week that it would not stand in the way of such transfers, two officials said."
    said = (
        (_QUOTES[1][1], "Foreign Ministry of South Korea", Attribution.SELF, "Example Wire", article_id),
        (leaked, None, Attribution.UNNAMED, "Example Post", content_id("another example article")),
    )
    return tuple(
        Testimony(
            claim_id=content_id("example claim", text),
            rung="arms through third countries",
            text=text,
            speaker=speaker,
            attribution=attribution,
            modality=Modality.ASSERTED,
            said_at=_PUBLISHED_AT,
            article_id=of,
            field=EvidenceField.TEXT,
            start=0,
            end=len(text),
            outlet=outlet,
            url=f"https://{outlet.split()[1].lower()}.example.org/2024/11/27/seoul-shells",
        )
        for text, speaker, attribution, outlet, of in said
    )


def _position() -> PositionChange:
    begun = datetime(2022, 4, 11, tzinfo=UTC)
    return PositionChange(
        actor="south_korea",
        actor_name="South Korea",
        track=Track.DECLARED,
        rungs=("no arms at all", "weighs arms", "arms through third countries", "arms directly"),
        from_rung=0,
        to_rung=2,
        since=begun,
        steps=(
            PositionStep(at=begun, rung=0),
            PositionStep(at=datetime(2024, 6, 20, tzinfo=UTC), rung=1),
            PositionStep(at=datetime(2024, 9, 3, tzinfo=UTC), rung=0),
            PositionStep(at=_PUBLISHED_AT, rung=2),
        ),
        origins=2,
        confidence=0.91,
        speakers=("Foreign Ministry of South Korea",),
    )
