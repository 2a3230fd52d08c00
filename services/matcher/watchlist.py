"""The watchlist: provisioned topics and users' rules as one engine."""

import asyncio
from collections.abc import Iterable

import structlog

from schemas.article import Article
from schemas.match import Match, RuleHit, match_id
from schemas.watch import WatchRule
from services.domain.rules.engine import RuleEngine, RuleError
from services.matcher.ports import StoredKey
from services.provisioning.catalogues import Watched

# A file that renames an actor can put out every rule that names it.
MAX_LOGGED = 100

log = structlog.get_logger()


class Watchlist:
    """Every rule of every watch topic, ready to match; a provisioned rule goes before a stored one of the same key.

    Only the engine knows which stored rules there are: a million of them are held once, and not as objects. Who holds
    `in_use` may match or change rules at length in a thread; who does either without it may have to wait for that.
    """

    def __init__(self, provisioned: Watched) -> None:
        self.in_use = asyncio.Lock()
        self.provisioned = provisioned
        self._engine = RuleEngine(provisioned.gazetteer)
        self._titles = {topic.id: topic.title for topic in provisioned.topics}
        self._provisioned = _rules_of(provisioned)
        self._left_out: set[StoredKey] = set()
        for rule in self._provisioned.values():
            self.put(rule)

    def __len__(self) -> int:
        return len(self._engine)

    @property
    def left_out(self) -> int:
        """Return how many rules cannot be matched."""
        return len(self._left_out)

    def match(self, article: Article) -> tuple[Match, ...]:
        """Return a match for each watch topic that has a rule the article satisfies, by topic id."""
        by_topic: dict[str, list[RuleHit]] = {}
        for watch_topic, hit in self._engine.match(article):
            by_topic.setdefault(watch_topic, []).append(hit)
        return tuple(self._to_match(article, topic, tuple(hits)) for topic, hits in sorted(by_topic.items()))

    def is_provisioned(self, key: StoredKey) -> bool:
        """Say whether a rule of this key stands in a file, so that a stored one does not count."""
        return key in self._provisioned

    def put(self, rule: WatchRule) -> None:
        """Match this rule from now on, in place of the one of its key. One that does not compile is left out."""
        key = StoredKey.of(rule)
        self.drop(key)
        try:
            self._engine.add(rule)
        except RuleError as error:
            self._leave_out(key, error)

    def put_stored(self, rules: Iterable[WatchRule]) -> None:
        """Match these rules that users added, but for those in place of which a provisioned one stands."""
        stored = {key: rule for rule in rules if not self.is_provisioned(key := StoredKey.of(rule))}
        for key in stored:
            self.drop(key)
        for watch_topic, rule_id, error in self._engine.add_all(stored.values()):
            self._leave_out(StoredKey(watch_topic, rule_id), error)

    def drop(self, key: StoredKey) -> None:
        """Match the rule of this key no more, if there is one."""
        self._left_out.discard(key)
        if key in self._engine:
            self._engine.remove(*key)

    def provision(self, provisioned: Watched) -> tuple[list[StoredKey], list[WatchRule]]:
        """Take over what files of the same actors say; return the rules to drop and to put, which is left to do.

        Where one is dropped, a stored rule of its key counts again.
        """
        before, now = self._provisioned, _rules_of(provisioned)
        self.provisioned = provisioned
        self._titles = {topic.id: topic.title for topic in provisioned.topics}
        self._provisioned = now
        return [key for key in before if key not in now], [rule for key, rule in now.items() if before.get(key) != rule]

    def has_actors_of(self, provisioned: Watched) -> bool:
        """Say whether rules mean the same with the actors of these files; if not, all must be compiled again."""
        ours, theirs = self.provisioned.gazetteer, provisioned.gazetteer
        return ours is theirs or tuple(ours) == tuple(theirs)

    def become(self, other: "Watchlist") -> None:
        """Change over to the rules of another watchlist, which is used no more, between two articles."""
        self.provisioned = other.provisioned
        self._engine = other._engine
        self._titles = other._titles
        self._provisioned = other._provisioned
        self._left_out = other._left_out

    @property
    def needs_compaction(self) -> bool:
        """Say whether `compact` would make matching faster."""
        return self._engine.needs_compaction

    def compact(self) -> None:
        """Fold recent changes in, for seconds where there are very many rules; matching and changes go on meanwhile."""
        self._engine.compact()

    def _leave_out(self, key: StoredKey, error: RuleError) -> None:
        # A rule that was right when it was stored can name an actor that the files no longer hold.
        self._left_out.add(key)
        if len(self._left_out) <= MAX_LOGGED:
            log.error("rule_left_out", watch_topic=key.watch_topic, rule_id=key.rule_id, error=str(error))

    def _to_match(self, article: Article, watch_topic: str, hits: tuple[RuleHit, ...]) -> Match:
        return Match(
            id=match_id(article.revision_id, watch_topic, hits),
            watch_topic=watch_topic,
            watch_topic_title=self._titles.get(watch_topic, watch_topic),
            article=article,
            hits=hits,
        )


def _rules_of(provisioned: Watched) -> dict[StoredKey, WatchRule]:
    return {StoredKey.of(rule): rule for topic in provisioned.topics for rule in topic.rules}
