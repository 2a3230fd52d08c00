"""The rule engine: every rule against one article at the cost of the rules that could match it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from schemas.article import Article
from schemas.match import RuleHit
from schemas.watch import WatchRule
from services.domain.rules.compiler import ArticleIndex, Clause, Compiler
from services.domain.rules.errors import (
    RuleError,
    RuleExistsError,
    RuleFault,
    RuleSetError,
    UnknownRuleError,
)
from services.domain.rules.evidence import evidence
from services.domain.rules.leaves import Requirement
from services.domain.rules.parser import parse
from services.domain.rules.presearcher import Presearcher
from services.domain.text.gazetteer import Gazetteer

__all__ = ["RuleEngine", "RuleError", "RuleKey", "TopicHit"]


class RuleKey(NamedTuple):
    """What identifies a rule: its id is unique within its watch topic only."""

    watch_topic: str
    rule_id: str


class TopicHit(NamedTuple):
    """A rule that an article satisfies, and the watch topic it belongs to."""

    watch_topic: str
    hit: RuleHit


@dataclass(frozen=True, eq=False, slots=True)
class _Compiled:
    """A rule ready to match; equal only to itself, so sets of them stay cheap."""

    rule: WatchRule
    version: str
    clause: Clause
    requirement: Requirement

    @property
    def key(self) -> RuleKey:
        return RuleKey(self.rule.watch_topic, self.rule.id)


class RuleEngine:
    """Rules of any number of watch topics. Adding or removing one costs the same however many there are.

    Not safe to change from one thread while another matches.
    """

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._compiler = Compiler(gazetteer)
        self._rules: dict[RuleKey, _Compiled] = {}
        self._presearcher: Presearcher[_Compiled] = Presearcher()

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, key: object) -> bool:
        return key in self._rules

    def add(self, rule: WatchRule) -> None:
        """Hold a rule from now on, or raise RuleError and hold what was held before."""
        compiled = self._compile(rule)
        if compiled.key in self._rules:
            raise RuleExistsError(f"watch topic {rule.watch_topic!r} holds a rule {rule.id!r} already")
        self._rules[compiled.key] = compiled
        if rule.enabled:
            self._presearcher.add(compiled, compiled.requirement)

    def remove(self, watch_topic: str, rule_id: str) -> None:
        """Forget a rule, or raise UnknownRuleError."""
        compiled = self._rules.pop(RuleKey(watch_topic, rule_id), None)
        if compiled is None:
            raise UnknownRuleError(f"watch topic {watch_topic!r} holds no rule {rule_id!r}")
        if compiled.rule.enabled:
            self._presearcher.remove(compiled, compiled.requirement)

    def replace_all(self, rules: Iterable[WatchRule]) -> None:
        """Hold exactly these rules, or raise RuleSetError with every fault and hold what was held before."""
        held: dict[RuleKey, _Compiled] = {}
        faults: list[RuleFault] = []
        for rule in rules:
            try:
                compiled = self._compile(rule)
                if compiled.key in held:
                    raise RuleExistsError(f"watch topic {rule.watch_topic!r} has two rules {rule.id!r}")
                held[compiled.key] = compiled
            except RuleError as error:
                faults.append(RuleFault(rule.watch_topic, rule.id, error))
        if faults:
            raise RuleSetError(faults)
        presearcher: Presearcher[_Compiled] = Presearcher()
        for compiled in held.values():
            if compiled.rule.enabled:
                presearcher.add(compiled, compiled.requirement)
        self._rules, self._presearcher = held, presearcher

    def match(self, article: Article) -> tuple[TopicHit, ...]:
        """Return every enabled rule the article satisfies with its evidence, by watch topic and rule id."""
        return self.match_text(article.title, article.text)

    def match_text(self, title: str, text: str) -> tuple[TopicHit, ...]:
        """Return what `match` would for an article of this title and text; any string will do for either."""
        article = ArticleIndex(title, text)
        candidates = self._presearcher.candidates(*article.fields.values())
        satisfied = [compiled for compiled in candidates if compiled.clause.holds(article)]
        satisfied.sort(key=lambda compiled: compiled.key)
        return tuple(TopicHit(compiled.rule.watch_topic, _hit(compiled, article)) for compiled in satisfied)

    def _compile(self, rule: WatchRule) -> _Compiled:
        clause, requirement = self._compiler.compile_rule(parse(rule.query), rule.query)
        return _Compiled(rule, rule.version, clause, requirement)


def _hit(compiled: _Compiled, article: ArticleIndex) -> RuleHit:
    return RuleHit(
        rule_id=compiled.rule.id,
        rule_version=compiled.version,
        severity=compiled.rule.severity,
        labels=compiled.rule.labels,
        evidence=evidence(compiled.clause.proof(article), article),
    )
