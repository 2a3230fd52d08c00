"""Alerts for tests: a readable one, and hostile ones."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from schemas.alert import Alert, AlertKind, ArticleRef, Excerpt
from schemas.base import content_id
from schemas.match import EvidenceField
from schemas.notification import Notification, NotificationKind, notification_id, thread_id
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
