"""The rule engine: any number of rules against one article at a time, at the price of what matches.

Conditions decide most rules outright; a rule that asks more (nested proximity, alternatives with parts of their own)
is verified word by word once the conditions it needs hold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from threading import Lock
from typing import NamedTuple, overload

import numpy as np

from schemas.article import Article
from schemas.match import EvidenceField, RuleHit
from schemas.watch import WatchRule
from services.domain.rules.arrays import Ints
from services.domain.rules.article_index import ArticleIndex, Identify, of_article
from services.domain.rules.compiler import Clause, Compiler
from services.domain.rules.conditions import Conditions
from services.domain.rules.errors import (
    RuleError,
    RuleExistsError,
    RuleFault,
    RuleSetError,
    UnknownRuleError,
)
from services.domain.rules.evidence import evidence
from services.domain.rules.native import native_steps
from services.domain.rules.parser import parse
from services.domain.rules.plain import PlainSteps
from services.domain.rules.plan import Planner
from services.domain.rules.presearcher import Plan, Presearcher
from services.domain.rules.shelf import RuleShelf
from services.domain.rules.steps import ArraySteps, Steps
from services.domain.text.gazetteer import Gazetteer
from services.domain.text.language import identify

__all__ = ["RuleEngine", "RuleError", "RuleKey", "Satisfied", "TopicHit"]

# Rules that hit lately, ready to say why: parsing one again takes as long as matching an article.
OPEN_RULES = 4_096
# Fewer recent postings are faster gone through than sorted.
MIN_COMPACTED = 4_096
# From so many rules on, loading compiled steps pays.
MIN_NATIVE = 500
# How many rules go through each stage of loading together: one at a time, the code of all stages does not fit into the
# processor's cache, and each rule takes a third longer.
RULES_A_BATCH = 256
# Removed rules leave their conditions behind; with more of them than this and than there are rules, all is built anew.
MIN_DROPPED = 1_024


class RuleKey(NamedTuple):
    """What identifies a rule: its id is unique within its watch topic only."""

    watch_topic: str
    rule_id: str


class TopicHit(NamedTuple):
    """A rule that an article satisfies, and the watch topic it belongs to."""

    watch_topic: str
    hit: RuleHit


class _Opened(NamedTuple):
    rule: WatchRule
    version: str
    clause: Clause


class Satisfied(Sequence[RuleKey]):
    """The rules that one article satisfies; their keys are looked up only when asked for."""

    def __init__(self, slots: Ints, shelf: RuleShelf) -> None:
        self._slots = slots
        self._shelf = shelf

    def __len__(self) -> int:
        return len(self._slots)

    @overload
    def __getitem__(self, index: int) -> RuleKey: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RuleKey]: ...
    def __getitem__(self, index: int | slice) -> RuleKey | Sequence[RuleKey]:
        if isinstance(index, slice):
            return [self._key(slot) for slot in self._slots[index].tolist()]
        return self._key(int(self._slots[index]))

    def __iter__(self) -> Iterator[RuleKey]:
        return map(self._key, self._slots.tolist())

    def _key(self, slot: int) -> RuleKey:
        return RuleKey(*self._shelf.key(slot))


class RuleEngine:
    """Rules of any number of watch topics. Adding or removing one costs the same however many there are.

    Safe to use from several threads: articles are matched one at a time, as the interpreter would run them anyway.
    """

    def __init__(self, gazetteer: Gazetteer, identify: Identify = identify) -> None:
        self._gazetteer = gazetteer
        self._identify = identify
        self._lock = Lock()
        self._compacting = Lock()
        self._rules = _HeldRules(gazetteer)
        self._changes: list[WatchRule | RuleKey] | None = None  # what happens while all is built anew

    def __len__(self) -> int:
        return len(self._rules.shelf)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and len(key) == 2 and self._rules.shelf.slot(*key) is not None

    def add(self, rule: WatchRule) -> None:
        """Hold a rule from now on, or raise RuleError and hold what was held before."""
        with self._lock:
            self._rules.add(rule)
            if self._changes is not None:
                self._changes.append(rule)

    def add_all(self, rules: Iterable[WatchRule]) -> list[RuleFault]:
        """Hold these rules from now on, in less time than one by one; return what is wrong with those not held."""
        with self._lock:
            if self._changes is None:
                return list(self._rules.add_all(rules))
        return list(_add_each(self, rules))

    def remove(self, watch_topic: str, rule_id: str) -> None:
        """Forget a rule, or raise UnknownRuleError."""
        with self._lock:
            self._rules.remove(watch_topic, rule_id)
            if self._changes is not None:
                self._changes.append(RuleKey(watch_topic, rule_id))

    def replace_all(self, rules: Iterable[WatchRule]) -> None:
        """Hold exactly these rules, or raise RuleSetError with every fault and hold what was held before."""
        fresh = _HeldRules(self._gazetteer)
        if faults := list(fresh.add_all(rules)):
            raise RuleSetError(faults)
        fresh.compact(self._lock)
        with self._compacting, self._lock:
            self._rules = fresh

    @property
    def conditions(self) -> int:
        """Return how many conditions are held, those of removed rules included."""
        return len(self._rules.conditions)

    @property
    def needs_compaction(self) -> bool:
        """Say whether `compact` would make matching faster, or free memory worth having."""
        return self._rules.mostly_dropped or self._rules.recent > MIN_COMPACTED or self._rules.too_many_for_arrays

    def compact(self) -> None:
        """Fold recent changes into the arrays, ordered by what articles held so far. Matching goes on meanwhile."""
        with self._compacting:
            if self._rules.mostly_dropped:
                self._renew()
            self._rules.compact(self._lock)

    def match(self, article: Article) -> tuple[TopicHit, ...]:
        """Return every enabled rule the article satisfies with its evidence, by watch topic and rule id."""
        return self._match(of_article(article, self._identify))

    def match_text(self, title: str, text: str) -> tuple[TopicHit, ...]:
        """Return what `match` would for an article of this title and text; any string will do for either."""
        return self._match(ArticleIndex({EvidenceField.TITLE: title, EvidenceField.TEXT: text}, self._identify))

    def _match(self, index: ArticleIndex) -> tuple[TopicHit, ...]:
        with self._lock:
            opened = [self._rules.opened(slot) for slot in self._rules.satisfied(index).tolist()]
        opened.sort(key=lambda held: (held.rule.watch_topic, held.rule.id))
        return tuple(TopicHit(held.rule.watch_topic, _hit(held, index)) for held in opened)

    def satisfied_by(self, article: Article) -> Satisfied:
        """Return the enabled rules the article satisfies, in no particular order; costs the same however many."""
        with self._lock:
            return Satisfied(self._rules.satisfied(of_article(article, self._identify)), self._rules.shelf)

    def _renew(self) -> None:
        """Build everything anew from the rules that are left, and take over what changed meanwhile."""
        with self._lock:
            self._changes = []
            left = self._rules.shelf.frozen()
        fresh = _HeldRules(self._gazetteer)
        if faults := list(fresh.add_all(left)):  # which cannot be: they were held before
            raise RuleSetError(faults)
        with self._lock:
            for change in self._changes:
                if isinstance(change, WatchRule):
                    fresh.add(change)
                else:
                    fresh.remove(*change)
            self._changes = None
            self._rules = fresh


class _HeldRules:
    """Rules, and the arrays that find them."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.shelf = RuleShelf()
        self._compiler = Compiler(gazetteer)
        self._steps: Steps = PlainSteps()
        self.conditions = Conditions(self._steps.lexicon())
        self._planner = Planner(self.conditions)
        self._presearcher = Presearcher()
        self._asked_for_native = False
        self._verified: dict[int, Clause] = {}
        # Of its parts rather than of itself: in a circle, it would outlive a rebuild by a garbage collection.
        self.opened = lru_cache(OPEN_RULES)(partial(_opened, self.shelf, self._compiler, self._verified))

    @property
    def recent(self) -> int:
        return self._presearcher.recent

    @property
    def mostly_dropped(self) -> bool:
        return self.shelf.dropped > max(MIN_DROPPED, len(self.shelf))

    @property
    def too_many_for_arrays(self) -> bool:
        return len(self.shelf) >= MIN_NATIVE and not self._asked_for_native

    def add(self, rule: WatchRule) -> None:
        if self.shelf.slot(rule.watch_topic, rule.id) is not None:
            raise RuleExistsError(f"watch topic {rule.watch_topic!r} holds a rule {rule.id!r} already")
        clause = _compiled(rule, self._compiler)
        self._hold(rule, clause, self._planner.plan(clause))

    def add_all(self, rules: Iterable[WatchRule]) -> Iterator[RuleFault]:
        """Hold these rules; yield what is wrong with each that cannot be held."""
        waiting = iter(rules)
        while batch := list(islice(waiting, RULES_A_BATCH)):
            if len({(rule.watch_topic, rule.id) for rule in batch}) < len(batch) or not self._try_all(batch):
                yield from _add_each(self, batch)

    def _try_all(self, rules: Sequence[WatchRule]) -> bool:
        """Hold all of these distinct rules, or none and say so if any is wrong."""
        if any(self.shelf.slot(rule.watch_topic, rule.id) is not None for rule in rules):
            return False
        try:
            trees = [parse(rule.query) for rule in rules]
            clauses = [self._compiler.compile_rule(tree, rule.query) for tree, rule in zip(trees, rules, strict=True)]
        except RuleError:
            return False
        plans = list(map(self._planner.plan, clauses))
        for rule, clause, plan in zip(rules, clauses, plans, strict=True):
            self._hold(rule, clause, plan)
        return True

    def _hold(self, rule: WatchRule, clause: Clause, plan: Plan) -> None:
        slot = self.shelf.put(rule)
        self._presearcher.add(plan, [self.conditions.cost(part) for part in plan.clauses])
        if not rule.enabled:
            self._presearcher.remove(slot)
        elif not plan.exact:
            self._verified[slot] = clause

    def remove(self, watch_topic: str, rule_id: str) -> None:
        if self.shelf.slot(watch_topic, rule_id) is None:
            raise UnknownRuleError(f"watch topic {watch_topic!r} holds no rule {rule_id!r}")
        slot = self.shelf.take(watch_topic, rule_id)
        self._presearcher.remove(slot)
        self._verified.pop(slot, None)

    def compact(self, lock: Lock) -> None:
        steps: Steps | None = None
        if self.too_many_for_arrays:
            # Once: where numba is missing, asking again would not help.
            self._asked_for_native, steps = True, native_steps() or ArraySteps()
        with lock:
            if steps:
                self._steps = steps
                self.conditions.use(steps.lexicon())
            weights = self.conditions.weights()
            composites, rules = self.conditions.snapshot(weights), self._presearcher.snapshot(weights)
        ordered_composites, ordered_rules = composites.reordered(), rules.reordered()
        with lock:
            self.conditions.adopt(ordered_composites)
            self._presearcher.adopt(ordered_rules)

    def satisfied(self, article: ArticleIndex) -> Ints:
        """Return the slots of the rules that the article satisfies."""
        held = self.conditions.hold(article, self._steps)
        try:
            slots = self._steps.candidates(self._presearcher, held, self.conditions.truth)
        finally:
            self.conditions.release(held)
        unverified = [at for at, slot in enumerate(slots.tolist()) if slot in self._verified] if self._verified else ()
        failed = [at for at in unverified if not self._verified[int(slots[at])].holds(article)]
        return np.delete(slots, failed) if failed else slots


def _add_each(to: "RuleEngine | _HeldRules", rules: Iterable[WatchRule]) -> Iterator[RuleFault]:
    for rule in rules:
        try:
            to.add(rule)
        except RuleError as error:
            yield RuleFault(rule.watch_topic, rule.id, error)


def _compiled(rule: WatchRule, compiler: Compiler) -> Clause:
    return compiler.compile_rule(parse(rule.query), rule.query)


def _opened(shelf: RuleShelf, compiler: Compiler, verified: Mapping[int, Clause], slot: int) -> _Opened:
    rule = shelf.rule(slot)
    return _Opened(rule, rule.version, verified.get(slot) or _compiled(rule, compiler))


def _hit(opened: _Opened, article: ArticleIndex) -> RuleHit:
    return RuleHit(
        rule_id=opened.rule.id,
        rule_version=opened.version,
        severity=opened.rule.severity,
        labels=opened.rule.labels,
        evidence=evidence(opened.clause.proof(article), article),
    )
