"""Plan a rule for the arrays: which conditions must hold for it, and whether these alone decide."""

from collections.abc import Iterable, Sequence

from services.domain.rules.arrays import WIDTH
from services.domain.rules.article_index import CONTENT, Fields
from services.domain.rules.compiler import Absent, All, AtLeastOf, Clause, Either, Present
from services.domain.rules.composites import Sides
from services.domain.rules.conditions import Conditions
from services.domain.rules.leaves import AnyOf, ExactWords, Leaf, Near, Sloppy, Words
from services.domain.rules.presearcher import Options, Plan
from services.domain.rules.vocabulary import Form, Scope

MAX_KNOWN = 1 << 16
_UNDECIDED = Plan(exact=False)


class Planner:
    """Plans rules over one registry of conditions."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        # What leaves came to that other rules will name again, by identity; the leaf is kept, so no other takes its id.
        self._known: dict[tuple[int, Scope], tuple[Leaf, Options]] = {}

    def plan(self, clause: Clause) -> Plan:
        """Return the plan of a compiled rule."""
        if isinstance(clause, Present):
            options = self._options(clause.leaf, _scope(clause.fields))
            if options is not None:
                return Plan((options,))
            return Plan(self._needed(clause.leaf, _scope(clause.fields)), exact=False)
        if isinstance(clause, Either):
            return self._either(clause.parts)
        if isinstance(clause, All):
            return self._all([self.plan(part) for part in clause.parts])
        if isinstance(clause, Absent):
            options = self._options(clause.clause.leaf, _scope(clause.clause.fields))
            return _UNDECIDED if options is None else Plan(veto=options)
        if isinstance(clause, AtLeastOf):
            return self._at_least(clause.count, [self.plan(part) for part in clause.parts])
        raise TypeError(f"not a clause: {clause!r}")

    def _all(self, parts: Sequence[Plan]) -> Plan:
        clauses = dict.fromkeys(clause for part in parts for clause in part.clauses)
        vetoes = _union(part.veto for part in parts)
        veto = self._row(vetoes)
        return Plan(tuple(clauses), veto or (), veto is not None and all(part.exact for part in parts))

    def _either(self, parts: Sequence[Clause]) -> Plan:
        planned = [self.plan(part) for part in parts]
        listed: list[int] = []
        for part in planned:
            if not part.exact or len(part.clauses) != 1 or part.veto:
                return self._needs_any(planned)
            listed += part.clauses[0]
        options = self._row(tuple(dict.fromkeys(listed)))
        return self._needs_any(planned) if options is None else Plan((options,))

    def _at_least(self, count: int, parts: Sequence[Plan]) -> Plan:
        """Of any n - count + 1 parts one must hold, or fewer than `count` would be left."""
        enough = len(parts) - count + 1
        asking = sorted((part for part in parts if part.clauses), key=self._cost)
        return self._needs_any(asking[:enough]) if len(asking) >= enough else _UNDECIDED

    def _needs_any(self, parts: Sequence[Plan]) -> Plan:
        """Return the plan of what can hold only if one of the parts does."""
        if not all(part.clauses for part in parts):
            return _UNDECIDED
        cheapest = [min(part.clauses, key=self._conditions.cost) for part in parts]
        return Plan((self._necessary(_union(cheapest)),), exact=False)

    def _cost(self, part: Plan) -> float:
        return min(map(self._conditions.cost, part.clauses))

    def _options(self, leaf: Leaf, scope: Scope) -> Options | None:
        """Return the conditions of which any means that the leaf is found; None if conditions cannot tell."""
        known = self._known.get((id(leaf), scope))
        if known is not None:
            return known[1]
        if isinstance(leaf, Words | ExactWords):
            options, shared = self._words(leaf, scope), True
        elif isinstance(leaf, AnyOf):
            options, shared = self._any_of(leaf.members, scope), len(leaf.members) > WIDTH
        elif isinstance(leaf, Near):
            options, shared = self._near(leaf, scope), False
        else:
            return None
        if shared and options is not None:
            if len(self._known) > MAX_KNOWN:
                self._known.clear()
            self._known[id(leaf), scope] = leaf, options
        return options

    def _near(self, leaf: Near, scope: Scope) -> Options | None:
        left, right = self._side(leaf.left, scope), self._side(leaf.right, scope)
        if left is None or right is None:
            return None
        return (self._conditions.near(Sides(left, right, leaf.distance, leaf.ordered)),)

    def _words(self, leaf: Words | ExactWords, scope: Scope) -> Options | None:
        if isinstance(leaf, ExactWords):
            words = [self._conditions.word(scope, Form.EXACT, form) for form in leaf.words]
        else:
            words = [self._conditions.word(scope, Form.KEY, key) for key in leaf.keys]
            if leaf.prefix is not None:
                words.append(self._conditions.word(scope, Form.PREFIX, leaf.prefix))
        if len(words) == 1:
            return (words[0],)
        if len(words) > WIDTH:
            return None
        if isinstance(leaf, ExactWords):
            return (self._conditions.checked_phrase(tuple(words), leaf, scope),)
        return (self._conditions.phrase(tuple(words)),)

    def _any_of(self, members: Sequence[Leaf], scope: Scope) -> Options | None:
        found: list[int] = []
        for member in members:
            options = self._options(member, scope)
            if options is None:
                return None
            found += options
        return self._row(tuple(dict.fromkeys(found)))

    def _side(self, leaf: Leaf, scope: Scope) -> Options | None:
        """Return the conditions of one side of a NEAR; None if it is not made of words, phrases and sets alone."""
        return None if _has_near(leaf) else self._options(leaf, scope)

    def _needed(self, leaf: Leaf, scope: Scope) -> tuple[Options, ...]:
        """Return clauses that hold wherever a leaf is found that conditions cannot tell, though not only there."""
        match leaf:
            case Near(left=left, right=right):
                return self._certain(left, scope) + self._certain(right, scope)
            case AnyOf(members=members):
                cheapest = [min(self._certain(member, scope), key=self._conditions.cost) for member in members]
                return (self._necessary(_union(cheapest)),)
            case Sloppy(keys=keys) | Words(keys=keys):
                return tuple(dict.fromkeys((self._conditions.word(scope, Form.KEY, key),) for key in keys))
            case ExactWords(words=words):
                return tuple(dict.fromkeys((self._conditions.word(scope, Form.EXACT, word),) for word in words))
            case _:
                raise TypeError(f"not a leaf: {leaf!r}")

    def _certain(self, leaf: Leaf, scope: Scope) -> tuple[Options, ...]:
        """Return clauses that hold wherever the leaf is found; made of no NEAR, which would be found for this only."""
        options = self._side(leaf, scope)
        return (options,) if options is not None else self._needed(leaf, scope)

    def _row(self, options: Options) -> Options | None:
        """Return options that mean the same and fit a row; None if too many are of a kind that sets cannot hold."""
        if len(options) <= WIDTH:
            return options
        return None if any(map(self._conditions.is_near, options)) else (self._conditions.any_of(options),)

    def _necessary(self, options: Options) -> Options:
        """Return options that fit a row, of which one holds if one of these does."""
        if len(options) <= WIDTH:
            return options
        return (self._conditions.any_of(each for option in options for each in self._conditions.needed(option)),)


def _has_near(leaf: Leaf) -> bool:
    return isinstance(leaf, Near) or (isinstance(leaf, AnyOf) and any(map(_has_near, leaf.members)))


def _scope(fields: Fields) -> Scope:
    return Scope.CONTENT if fields is CONTENT or fields == CONTENT else Scope[fields[0].name]


def _union(clauses: Iterable[Options]) -> Options:
    return tuple(dict.fromkeys(condition for clause in clauses for condition in clause))
