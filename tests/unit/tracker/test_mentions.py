"""Mentions: a match becomes one alert that shows the evidence of every rule that hit."""

from datetime import UTC, datetime
from typing import Any

from schemas.alert import Alert
from schemas.article import Arrival, Article
from schemas.base import content_id
from schemas.match import Evidence, EvidenceField, Match, RuleHit, match_id
from schemas.story import Novelty
from schemas.streams import ALERTS
from schemas.trace import Stage
from schemas.watch import Severity
from services.domain.stories.items import Placement
from services.domain.stories.stories import StoryIndex
from services.domain.surges.policy import SurgePolicy
from services.domain.text.gazetteer import Gazetteer
from services.provisioning.catalogues import Watched
from services.tracker.handler import TrackerHandler
from services.tracker.mentions import Skipped, mention
from services.tracker.position_store import InMemoryPositionStore
from services.tracker.positions import Positions
from services.tracker.stories import Stories
from services.tracker.story_store import InMemoryStoryStore
from services.tracker.surge_store import InMemorySurgeStore
from services.tracker.surges import Surges
from tests.fakes import EPOCH, FakeClock, RecordingPublisher, RecordingTraces

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


def place(novelty: Novelty = Novelty.FIRST, **changes: Any) -> Placement:
    facts: dict[str, Any] = {
        "item_id": content_id("a"),
        "story_id": content_id("story"),
        "origin_id": content_id("a"),
        "near_duplicate_of": None,
        "novelty": novelty,
        "new_facts": (),
        "items": 1,
        "outlets": 1,
        "similarity": 0.0,
        "reasons": ("no open story is likely enough", "the first of its story"),
    }
    return Placement(**{**facts, **changes})


def handler(publisher: RecordingPublisher, traces: RecordingTraces | None = None) -> TrackerHandler:
    stories, told = Stories(InMemoryStoryStore(), lambda: StoryIndex(lambda text: ())), traces or RecordingTraces()
    positions = Positions(InMemoryPositionStore(), publisher, told, Watched((), Gazetteer({}, {})))
    surges = Surges(InMemorySurgeStore(), InMemoryStoryStore(), publisher, FakeClock(), SurgePolicy())
    return TrackerHandler(publisher, FakeClock(), stories=stories, positions=positions, surges=surges, traces=told)


def test_all_rules_that_hit_make_one_alert() -> None:
    alert = mention(
        match(hit("b", "shells", "Seoul", where="x"), hit("a", "Seoul", severity=Severity.CRITICAL)), place(), EPOCH
    )
    assert not isinstance(alert, Skipped)
    assert (alert.rule_ids, alert.severity, alert.labels) == (("a", "b"), Severity.CRITICAL, {"where": "x"})
    assert [evidence.text for evidence in alert.evidence] == ["Seoul", "shells"]
    (excerpt,) = alert.excerpts
    assert excerpt.text == "Seoul sends shells to Kyiv."
    assert [excerpt.text[start:end] for start, end in excerpt.marks] == ["Seoul", "shells"]


def test_an_edited_article_raises_the_alert_it_raised_before() -> None:
    first, edited = (mention(match(hit("a", "Seoul"), of=article(revision=n)), place(), EPOCH) for n in (1, 2))
    assert not isinstance(first, Skipped)
    assert not isinstance(edited, Skipped)
    assert first.id == edited.id


def test_another_topic_is_another_alert() -> None:
    one = mention(match(hit("a", "Seoul")), place(), EPOCH)
    other = mention(match(hit("a", "Seoul")).model_copy(update={"watch_topic": "relations"}), place(), EPOCH)
    assert not isinstance(one, Skipped)
    assert not isinstance(other, Skipped)
    assert one.id != other.id


def test_the_alert_says_which_story_it_tells_and_how_far_that_is_known() -> None:
    update = place(Novelty.FACTS, items=5, outlets=3, new_facts=("50,000 shells",))
    first, later = (mention(match(hit("a", "Seoul")), one, EPOCH) for one in (place(), update))
    assert isinstance(first, Alert)
    assert isinstance(later, Alert)
    assert first.group_key == later.group_key == f"mention/arms/{content_id('story')}"
    assert later.story is not None
    assert (later.story.novelty, later.story.articles, later.story.outlets) == (Novelty.FACTS, 5, 3)
    assert later.story.new_facts == ("50,000 shells",)


def test_the_id_of_an_alert_does_not_hang_on_its_story() -> None:
    one, other = (mention(match(hit("a", "Seoul")), place(story_id=content_id(of)), EPOCH) for of in "xy")
    assert isinstance(one, Alert)
    assert isinstance(other, Alert)
    assert one.id == other.id


async def test_the_back_list_of_a_feed_alerts_nobody_and_begins_no_story() -> None:
    publisher, traces = RecordingPublisher(), RecordingTraces()
    tracker = handler(publisher, traces)
    await tracker.handle(match(hit("a", "Seoul"), of=article(Arrival.BACK_LIST)))
    assert publisher.sent == []
    assert traces.told() == [
        (Stage.MATCHED, "rules a"),
        (Stage.NOT_ALERTED, "back_list: it was in the feed before the feed was followed"),
    ]
    newer = article().model_copy(update={"id": content_id("newer")})
    await tracker.handle(match(hit("a", "Seoul"), of=newer))
    (alert,) = publisher.on(ALERTS)
    assert alert.story.novelty is Novelty.FIRST


async def test_an_article_that_adds_nothing_to_its_story_raises_no_alert_and_says_why() -> None:
    publisher, traces = RecordingPublisher(), RecordingTraces()
    tracker = handler(publisher, traces)
    await tracker.handle(match(hit("a", "Seoul")))
    again = article().model_copy(update={"id": content_id("again"), "revision_id": content_id("again", "1")})
    await tracker.handle(match(hit("a", "Seoul"), of=again))
    assert len(publisher.sent) == 1
    stage, reason = traces.told()[-1]
    assert stage is Stage.NOT_ALERTED
    assert reason.startswith(
        f"adds_nothing: story {publisher.on(ALERTS)[0].story.id}: near-duplicate of {article().id}"
    )


async def test_a_match_is_published_as_an_alert_of_its_time() -> None:
    publisher, traces = RecordingPublisher(), RecordingTraces()
    await handler(publisher, traces).handle(match(hit("a", "Seoul")))
    (alert,) = publisher.on(ALERTS)
    assert alert.decided_at == EPOCH
    assert [step.ref for step in traces.steps] == [match(hit("a", "Seoul")).id, alert.id]


async def test_a_match_read_again_raises_the_same_alert() -> None:
    publisher = RecordingPublisher()
    tracker = handler(publisher)
    await tracker.handle(match(hit("a", "Seoul")))
    await tracker.handle(match(hit("a", "Seoul")))
    first, again = publisher.on(ALERTS)
    assert first == again
