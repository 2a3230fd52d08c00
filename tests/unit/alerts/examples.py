"""Alerts for tests: a readable one, and hostile ones."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from schemas.alert import Alert, AlertKind, ArticleRef, Excerpt, Testimony
from schemas.base import content_id
from schemas.claim import Attribution, Modality
from schemas.match import EvidenceField
from schemas.notification import (
    Digest,
    DigestItem,
    DigestReason,
    Notification,
    NotificationKind,
    notification_id,
    thread_id,
)
from schemas.position import PositionChange, Track
from schemas.story import Novelty, StoryRef
from schemas.watch import Severity

DECIDED_AT = datetime(2024, 11, 27, 9, 0, 1, tzinfo=UTC)
SENTENCE = "The office said it would flexibly review sending arms to Ukraine."


def excerpt(text: str = SENTENCE, *marked: str) -> Excerpt:
    """An excerpt in which the given words are the evidence."""
    marks = tuple((text.index(word), text.index(word) + len(word)) for word in marked)
    return Excerpt(field=EvidenceField.TEXT, start=0, end=max(len(text), 1), text=text, marks=marks)


def article(**changes: Any) -> ArticleRef:
    values: dict[str, Any] = {
        "id": content_id("article"),
        "revision_id": content_id("revision"),
        "title": "Seoul to review arms for Ukraine",
        "outlet": "Example Wire",
        "url": "https://example.org/news/1?a=1&b=2",
        "lang": "en",
        "country": "KR",
        "first_seen_at": DECIDED_AT,
        **changes,
    }
    return ArticleRef(**values)


def an_alert(**changes: Any) -> Alert:
    values: dict[str, Any] = {
        "id": content_id("alert"),
        "kind": AlertKind.MENTION,
        "group_key": "rok-arms",
        "watch_topic": "rok-arms",
        "watch_topic_title": "South Korea: arms to Ukraine",
        "severity": Severity.WARNING,
        "title": "Seoul to review arms for Ukraine",
        "labels": {"desk": "east-asia"},
        "rule_ids": ("arms-review",),
        "article": article(),
        "excerpts": (excerpt(SENTENCE, "flexibly review", "Ukraine"),),
        "decided_at": DECIDED_AT,
        **changes,
    }
    return Alert(**values)


def a_testimony(text: str = SENTENCE, **changes: Any) -> Testimony:
    """A sentence that proves a shift."""
    values: dict[str, Any] = {
        "claim_id": content_id("claim"),
        "rung": "Does not rule weapons out",
        "text": text,
        "speaker": "Kim Yong-hyun",
        "attribution": Attribution.SELF,
        "modality": Modality.ASSERTED,
        "said_at": DECIDED_AT,
        "article_id": content_id("article"),
        "field": EvidenceField.TEXT,
        "start": 0,
        "end": max(len(text), 1),
        "outlet": "Example Wire",
        "url": "https://example.org/news/1?a=1&b=2",
        **changes,
    }
    return Testimony(**values)


# What feeds have been seen to carry, and what an attacker would put there.
NASTY = (
    "<script>alert(1)</script>",
    "<!channel> <@U123> <#C1|x> <https://evil.example|click>",
    "*bold* _it_ ~no~ `code`",
    "Subject\r\nBcc: victim@example.org\r\n\r\nbody",
    "\x00\x1b[31mred\x1b[0m\x07\x9b2J",
    "\u202egnp.exe\u2066\u2069\u200f",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "{{ 7 * 7 }} {% raw %}",
    "&amp;&lt;" * 300,
    "무기 지원을 검토",
    "шаблон " * 300,
    ".\r\n.\r\nMAIL FROM:<x@example.org>",
    "x" * 4_000,
)
nasty_text = st.one_of(st.sampled_from(NASTY), st.text(max_size=80)).flatmap(
    lambda text: st.sampled_from([text, f"{text} and {text}"])
)


@st.composite
def hostile_testimony(draw: st.DrawFn, texts: st.SearchStrategy[str] = nasty_text) -> tuple[Testimony, ...]:
    """Sentences, speakers, outlets and links that are hostile, perhaps more than are shown."""
    said = [
        a_testimony(
            draw(texts.filter(bool)),
            speaker=draw(st.none() | texts),
            outlet=draw(texts.filter(bool)),
            url=draw(st.none() | texts | texts.map(lambda text: f"https://example.org/{text}")),
            attribution=draw(st.sampled_from(Attribution)),
            modality=draw(st.sampled_from(Modality)),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    return tuple(said * draw(st.sampled_from([1, 1, 12])))


@st.composite
def hostile_alerts(draw: st.DrawFn) -> Alert:
    """Alerts whose every free text is hostile."""
    texts = draw(st.lists(nasty_text, min_size=1, max_size=4)) * draw(st.sampled_from([1, 1, 8]))
    excerpts = []
    for text in texts:
        marks = draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 90)), max_size=4))
        excerpts.append(
            Excerpt(field=EvidenceField.TEXT, start=0, end=max(len(text), 1), text=text, marks=tuple(marks))
        )
    about = article(
        title=draw(nasty_text),
        outlet=draw(nasty_text) or "x",
        author=draw(st.none() | nasty_text),
        url=draw(st.none() | nasty_text | nasty_text.map(lambda text: f"https://example.org/{text}")),
    )
    return an_alert(
        title=draw(nasty_text),
        watch_topic_title=draw(nasty_text),
        severity=draw(st.sampled_from(Severity)),
        kind=draw(st.sampled_from(AlertKind)),
        group_key=draw(nasty_text.filter(bool)),
        labels={draw(nasty_text): draw(nasty_text)},
        rule_ids=tuple(draw(st.lists(nasty_text, max_size=3))),
        excerpts=tuple(excerpts),
        article=draw(st.sampled_from([about, about, None])),
        testimony=draw(hostile_testimony()),
    )


def told(*alerts: Alert, **changes: Any) -> Notification:
    """The notification that tells the receiver `desk` of these alerts, or of one that `an_alert` makes."""
    alerts = alerts or (an_alert(),)
    first = alerts[0]
    facts: dict[str, Any] = {
        "id": notification_id("desk", first.group_key, *(alert.id for alert in alerts)),
        "kind": NotificationKind.NEW,
        "receiver": "desk",
        "group_key": first.group_key,
        "thread": thread_id("desk", first.group_key),
        "alerts": alerts,
        "decided_at": first.decided_at,
    }
    return Notification(**{**facts, **changes})


# What a message must carry harmlessly, and cannot without being cut.
MONSTROUS = (
    "\U0001f525" * 50_000,
    "a" * 100_000,
    "<!channel> " * 10_000,
    "&" * 20_000,
    "\r\n" * 5_000 + "x",
    "\u202e" * 1_000,
    "\x00" * 1_000,
    "<!here>\x00<!everyone|x>\r\n*b* @channel <https://evil.example/?a|b>",
    "https://evil.example",
    ":warning: :x:",
)
_monstrous = st.one_of(nasty_text, st.sampled_from(MONSTROUS))
_urls = st.one_of(
    st.none(), _monstrous, nasty_text.map(lambda text: f"https://example.org/{text}"),
    st.integers(1, 4_000).map(lambda length: "https://example.org/" + "a" * length),
)  # fmt: skip
_counts = st.integers(1, 10**9)
_ids = st.integers(0, 10**6).map(lambda number: content_id("hostile", str(number)))


@st.composite
def hostile_stories(draw: st.DrawFn) -> StoryRef:
    """Stories whose facts are hostile."""
    facts = draw(st.lists(_monstrous.filter(bool), max_size=3)) * draw(st.sampled_from([1, 10]))
    return StoryRef(
        id=draw(_ids),
        origin_id=draw(_ids),
        novelty=draw(st.sampled_from(Novelty)),
        articles=draw(_counts),
        outlets=draw(_counts),
        new_facts=tuple(facts),
    )


@st.composite
def hostile_positions(draw: st.DrawFn) -> PositionChange:
    """Position changes with hostile names, on rungs that their ladder may not have."""
    rungs = draw(st.lists(_monstrous.filter(bool), min_size=1, max_size=3)) * draw(st.sampled_from([1, 1, 30]))
    return PositionChange(
        actor="kor",
        actor_name=draw(_monstrous.filter(bool)),
        track=draw(st.sampled_from(Track)),
        rungs=tuple(rungs),
        from_rung=draw(st.none() | st.integers(0, 100)),
        to_rung=draw(st.integers(0, 100)),
        since=draw(st.none() | st.just(DECIDED_AT)),
        origins=draw(st.integers(0, 10**6)),
        confidence=draw(st.floats(0, 1)),
        speakers=tuple(draw(st.lists(_monstrous.filter(bool), max_size=3)) * 3),
    )


@st.composite
def hostile_digests(draw: st.DrawFn) -> Digest:
    """Digests of up to 120 hostile items in some topics."""
    items = [
        DigestItem(
            id=draw(_ids),
            group_key=draw(nasty_text.filter(bool)),
            alert_ids=(draw(_ids),),
            kind=draw(st.sampled_from(AlertKind)),
            severity=draw(st.sampled_from(Severity)),
            watch_topic=draw(st.sampled_from(["a", "b", "c"])),
            watch_topic_title=draw(_monstrous),
            title=draw(_monstrous),
            outlet=draw(st.none() | _monstrous),
            url=draw(_urls),
            at=DECIDED_AT,
            articles=draw(_counts),
            outlets=draw(_counts),
            reason=draw(st.sampled_from(DigestReason)),
        )
        for _ in range(draw(st.integers(0, 4)))
    ] * draw(st.sampled_from([1, 10, 30]))
    at = DECIDED_AT
    return Digest(since=at, until=at, items=tuple(items), total=len(items), part=1, parts=draw(st.integers(1, 9)))


@st.composite
def hostile_notifications(draw: st.DrawFn) -> Notification:
    """Notifications of every kind whose every free text is hostile, up to 100,000 characters long."""
    facts: dict[str, Any] = {
        "receiver": draw(nasty_text.filter(bool)),
        "group_key": draw(_monstrous.filter(bool)),
        "group_labels": {draw(nasty_text): draw(_monstrous)},
        "revision": draw(_counts),
        "articles": draw(st.integers(0, 10**9)),
        "outlets": draw(st.integers(0, 10**9)),
        "time_zone": draw(st.sampled_from(["UTC", "Asia/Seoul", "Europe/Kyiv", "../etc", "a\x00b", "x" * 300])),
        "kind": draw(st.sampled_from(NotificationKind)),
    }
    if facts["kind"] is NotificationKind.DIGEST:
        return told(**{**facts, "alerts": (), "digest": draw(hostile_digests())})
    alerts = [
        alert.model_copy(
            update={
                "id": draw(_ids),
                "title": draw(_monstrous),
                "summary": draw(_monstrous),
                "story": draw(st.none() | hostile_stories()),
                "position": draw(st.none() | hostile_positions()),
                "testimony": draw(hostile_testimony(_monstrous)),
                "article": alert.article.model_copy(update={"url": draw(_urls)}) if alert.article else None,
            }
        )
        for alert in draw(st.lists(hostile_alerts(), max_size=2))
    ] * draw(st.sampled_from([1, 1, 40]))
    return told(**{**facts, "alerts": tuple(alerts)})
