"""A small world of rules and articles for the matcher's tests."""

from datetime import UTC, datetime

from schemas.article import Article
from schemas.base import content_id
from schemas.watch import Actor, ActorKind, Severity, WatchRule, WatchTopic
from services.domain.text.gazetteer import Gazetteer
from services.matcher.watchlist import Watchlist
from services.provisioning.catalogues import Watched


def article(title: str = "", text: str = "") -> Article:
    return Article(
        id=content_id(title),
        revision=1,
        revision_id=content_id("r", title, text),
        feed_id="f",
        outlet="O",
        title=title,
        text=text,
        first_seen_at=datetime(2024, 11, 27, tzinfo=UTC),
    )


def rule(
    rule_id: str,
    query: str,
    watch_topic: str = "arms",
    enabled: bool = True,
    severity: Severity = Severity.INFO,
) -> WatchRule:
    return WatchRule(id=rule_id, watch_topic=watch_topic, query=query, enabled=enabled, severity=severity)


def watched(*rules: WatchRule, alias: str = "Seoul", title: str = "Arms") -> Watched:
    """Return the topic `arms` of these rules, and the actor `seoul` that goes by one name."""
    actor = Actor(id="seoul", kind=ActorKind.STATE, name="South Korea", aliases={"en": (alias,)})
    return Watched((WatchTopic(id="arms", title=title, rules=rules),), Gazetteer.from_actors([actor]))


def hits(watchlist: Watchlist, title: str) -> list[str]:
    """Return the names of the rules that hit an article of this title."""
    return [f"{match.watch_topic}/{hit.rule_id}" for match in watchlist.match(article(title)) for hit in match.hits]
