"""Builders shared by the rule tests: actors, rules, articles, and what a query finds."""

from schemas.article import Article
from schemas.base import content_id
from schemas.match import Evidence
from schemas.watch import Actor, ActorKind, WatchRule
from services.domain.rules.engine import RuleEngine
from services.domain.text.gazetteer import Gazetteer
from tests.fakes import EPOCH

ACTORS = (
    Actor(
        id="south_korea",
        kind=ActorKind.STATE,
        name="South Korea",
        aliases={
            "en": ("South Korea", "S. Korea", "Republic of Korea", "Seoul", "=ROK"),
            "ko": ("한국", "대한민국"),
            "ru": ("Южная Корея", "Сеул"),
        },
    ),
    Actor(
        id="yoon",
        kind=ActorKind.PERSON,
        name="Yoon Suk-yeol",
        aliases={"en": ("Yoon Suk-yeol", "Yun Suk-yol"), "ko": ("윤석열",), "ru": ("Юн Сок Ёль",)},
    ),
    Actor(id="seoul_side", kind=ActorKind.TERM_SET, name="Seoul's side", includes=("south_korea", "yoon")),
    Actor(
        id="ukraine",
        kind=ActorKind.STATE,
        name="Ukraine",
        aliases={"en": ("Ukraine", "Kyiv"), "ko": ("우크라이나",), "ru": ("Украина", "Киев"), "uk": ("Київ",)},
    ),
    Actor(
        id="russia",
        kind=ActorKind.STATE,
        name="Russia",
        aliases={"en": ("Russia", "Moscow"), "ko": ("러시아",), "ru": ("Россия",)},
    ),
    Actor(
        id="arms", kind=ActorKind.TERM_SET, name="Arms", aliases={"en": ("weapon", "arms", "155-mm"), "ko": ("무기",)}
    ),
    Actor(id="nameless", kind=ActorKind.TERM_SET, name="Nobody"),
)
GAZETTEER = Gazetteer.from_actors(ACTORS)


def rule(query: str, rule_id: str = "rule", watch_topic: str = "topic", *, enabled: bool = True) -> WatchRule:
    return WatchRule(id=rule_id, watch_topic=watch_topic, query=query, enabled=enabled)


def article(
    title: str = "",
    text: str = "",
    *,
    outlet: str = "Outlet",
    country: str | None = None,
    lang: str | None = None,
    author: str | None = None,
) -> Article:
    return Article(
        id=content_id("a"),
        revision=1,
        revision_id=content_id("b"),
        feed_id="feed",
        outlet=outlet,
        title=title,
        text=text,
        country=country,
        lang=lang,
        author=author,
        first_seen_at=EPOCH,
    )


def engine_of(*rules: WatchRule) -> RuleEngine:
    engine = RuleEngine(GAZETTEER)
    for each in rules:
        engine.add(each)
    return engine


def found(query: str, text: str, title: str = "") -> tuple[Evidence, ...] | None:
    """Return the evidence for a query, or None if it does not match."""
    hits = engine_of(rule(query)).match_text(title, text)
    return hits[0].hit.evidence if hits else None


def found_in(query: str, given: Article) -> list[tuple[str, str]] | None:
    """Return the field and text of each span, or None if the article does not match."""
    hits = engine_of(rule(query)).match(given)
    return [(span.field.value, span.text) for span in hits[0].hit.evidence] if hits else None


def words_found(query: str, text: str, title: str = "") -> list[str] | None:
    evidence = found(query, text, title)
    return None if evidence is None else [span.text for span in evidence]


def matches(query: str, text: str, title: str = "") -> bool:
    return found(query, text, title) is not None
