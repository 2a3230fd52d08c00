"""The watchlist: provisioned topics and users' rules as one engine, kept up to date without a restart."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import structlog

from schemas.article import Article
from schemas.match import Match, RuleHit, match_id
from schemas.watch import WatchRule, WatchTopic
from services.domain.rules.engine import RuleEngine, RuleError
from services.matcher.ports import RuleStore, RuleStoreUnavailableError
from services.provisioning.catalogues import Watched

log = structlog.get_logger()
RuleKey = tuple[str, str]


class Watchlist:
    """Every enabled rule of every watch topic, ready to match. Users' rules may not replace provisioned ones."""

    def __init__(self, provisioned: Watched) -> None:
        self._engine = RuleEngine(provisioned.gazetteer)
        self._gazetteer = provisioned.gazetteer
        self._topics: dict[str, WatchTopic] = {}
        self._provisioned: dict[RuleKey, WatchRule] = {}
        self._stored: dict[RuleKey, WatchRule] = {}
        self._active: dict[RuleKey, WatchRule] = {}
        self.provision(provisioned)

    def __len__(self) -> int:
        return len(self._active)

    def provision(self, provisioned: Watched) -> None:
        """Take over what the files say now."""
        self._topics = {topic.id: topic for topic in provisioned.topics}
        self._provisioned = {_key(rule): rule for topic in provisioned.topics for rule in topic.rules}
        if provisioned.gazetteer is not self._gazetteer:
            # An alias may have changed under any rule, so every rule is compiled again.
            self._gazetteer = provisioned.gazetteer
            self._engine = RuleEngine(provisioned.gazetteer)
            self._active = {}
        self._activate()

    def store(self, rules: Iterable[WatchRule]) -> None:
        """Take over the rules that users have added by now."""
        self._stored = {_key(rule): rule for rule in rules}
        self._activate()

    def match(self, article: Article) -> tuple[Match, ...]:
        """Return a match for each watch topic that has a rule the article satisfies, by topic id."""
        by_topic: dict[str, list[RuleHit]] = {}
        for watch_topic, hit in self._engine.match(article):
            by_topic.setdefault(watch_topic, []).append(hit)
        return tuple(self._to_match(article, topic, tuple(hits)) for topic, hits in sorted(by_topic.items()))

    def _to_match(self, article: Article, watch_topic: str, hits: tuple[RuleHit, ...]) -> Match:
        topic = self._topics.get(watch_topic)
        return Match(
            id=match_id(article.revision_id, watch_topic, hits),
            watch_topic=watch_topic,
            watch_topic_title=topic.title if topic else watch_topic,
            article=article,
            hits=hits,
        )

    def _activate(self) -> None:
        """Bring the engine to what is wanted now, touching only the rules that changed."""
        wanted = {**self._stored, **self._provisioned}
        for key in [key for key, rule in self._active.items() if wanted.get(key) != rule]:
            self._engine.remove(*key)
            del self._active[key]
        for key, rule in wanted.items():
            if key in self._active:
                continue
            try:
                self._engine.add(rule)
                self._active[key] = rule
            except RuleError as error:
                # A rule that was right when it was stored can name an actor that the files no longer hold.
                log.error("rule_left_out", watch_topic=rule.watch_topic, rule_id=rule.id, error=str(error))


class RuleFollower:
    """Follows the rule store, so that a change counts within an interval."""

    def __init__(self, watchlist: Watchlist, store: RuleStore) -> None:
        self._watchlist = watchlist
        self._store = store
        self._version: int | None = None

    async def check(self) -> None:
        """Take over the users' rules if they changed since the last look."""
        version = await self._store.version()
        if version == self._version:
            return
        self._watchlist.store(await self._store.rules())
        self._version = version
        log.info("rules_loaded", rules=len(self._watchlist), version=version)

    async def run(self, stop: asyncio.Event, interval_seconds: float) -> None:
        """Check until `stop` is set; a store that cannot be reached leaves the rules as they are."""
        reachable = True
        while not stop.is_set():
            try:
                await self.check()
                if not reachable:
                    log.info("rule_store_reachable")
                reachable = True
            except RuleStoreUnavailableError as error:
                if reachable:
                    log.warning("rule_store_unreachable", error=str(error))
                reachable = False
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_seconds)


def _key(rule: WatchRule) -> RuleKey:
    return rule.watch_topic, rule.id
