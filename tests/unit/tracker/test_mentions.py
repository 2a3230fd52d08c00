"""Mentions: a match becomes one alert that shows the evidence of every rule that hit."""

from datetime import UTC, datetime

from schemas.article import Arrival, Article
from schemas.base import content_id
from schemas.match import Evidence, EvidenceField, Match, RuleHit, match_id
from schemas.streams import ALERTS
from schemas.watch import Severity
from services.tracker.handler import TrackerHandler
from services.tracker.mentions import Skipped, SkipReason, mention
from tests.fakes import EPOCH, FakeClock, RecordingPublisher

TEXT = "Nothing yet. Seoul sends shells to Kyiv. The end."


def article(arrival: Arrival = Arrival.NEW, revision: int = 1) -> Article:
    return Article(
        id=content_id("a"),
        revision=revision,
        revision_id=content_id("r", str(revision)),
        feed_id="f",
        outlet="Outlet",
        title="Shells for Kyiv",
        text=TEXT,
        arrival=arrival,
        first_seen_at=datetime(2024, 11, 27, tzinfo=UTC),
    )


def span(text: str) -> Evidence:
    start = TEXT.index(text)
    return Evidence(field=EvidenceField.TEXT, start=start, end=start + len(text), text=text)


def match(*hits: RuleHit, of: Article | None = None) -> Match:
    found = of or article()
    return Match(
        id=match_id(found.revision_id, "arms", hits),
        watch_topic="arms",
        watch_topic_title="Arms",
        article=found,
        hits=hits,
    )


def hit(rule_id: str, *words: str, severity: Severity = Severity.INFO, **labels: str) -> RuleHit:
    version = content_id(rule_id)
    evidence = tuple(span(word) for word in words)
    return RuleHit(rule_id=rule_id, rule_version=version, severity=severity, labels=labels, evidence=evidence)


def test_all_rules_that_hit_make_one_alert() -> None:
    alert = mention(match(hit("b", "shells", "Seoul", where="x"), hit("a", "Seoul", severity=Severity.CRITICAL)), EPOCH)
    assert not isinstance(alert, Skipped)
    assert (alert.rule_ids, alert.severity, alert.labels) == (("a", "b"), Severity.CRITICAL, {"where": "x"})
    assert [evidence.text for evidence in alert.evidence] == ["Seoul", "shells"]
    (excerpt,) = alert.excerpts
    assert excerpt.text == "Seoul sends shells to Kyiv."
    assert [excerpt.text[start:end] for start, end in excerpt.marks] == ["Seoul", "shells"]


def test_an_edited_article_raises_the_alert_it_raised_before() -> None:
    first, edited = (mention(match(hit("a", "Seoul"), of=article(revision=n)), EPOCH) for n in (1, 2))
    assert not isinstance(first, Skipped)
    assert not isinstance(edited, Skipped)
    assert first.id == edited.id


def test_another_topic_is_another_alert() -> None:
    one = mention(match(hit("a", "Seoul")), EPOCH)
    other = mention(match(hit("a", "Seoul")).model_copy(update={"watch_topic": "relations"}), EPOCH)
    assert not isinstance(one, Skipped)
    assert not isinstance(other, Skipped)
    assert one.id != other.id


async def test_the_back_list_of_a_feed_alerts_nobody() -> None:
    publisher = RecordingPublisher()
    handler = TrackerHandler(publisher, FakeClock())
    old = match(hit("a", "Seoul"), of=article(Arrival.BACK_LIST))
    assert mention(old, EPOCH) == Skipped(SkipReason.BACK_LIST)
    await handler.handle(old)
    assert publisher.sent == []


async def test_a_match_is_published_as_an_alert_of_its_time() -> None:
    publisher = RecordingPublisher()
    await TrackerHandler(publisher, FakeClock()).handle(match(hit("a", "Seoul")))
    (alert,) = publisher.on(ALERTS)
    assert alert.decided_at == EPOCH
