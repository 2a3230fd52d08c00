"""Plan a rule for the arrays: which conditions must hold for it, and whether these alone decide."""

from collections.abc import Iterable, Sequence

from services.domain.rules.arrays import WIDTH
from services.domain.rules.article_index import CONTENT, Fields
from services.domain.rules.compiler import Absent, All, AtLeastOf, Clause, Either, Present
from services.domain.rules.composites import Sides
from services.domain.rules.conditions import Conditions
from services.domain.rules.leaves import AnyOf, AnyText, ExactWords, Leaf, Near, Sloppy, Words
from services.domain.rules.presearcher import Options, Plan
from services.domain.rules.vocabulary import Form, Scope
from services.domain.text.analyzer import analyze, surfaces

# As with leaves, more would take memory and save no time.
MAX_KNOWN = 1 << 14
# Of words, and of phrases: what is not known is cut up, analysed, and looked for among the conditions of its form.
MAX_TEXTS = 1 << 16
_UNDECIDED = Plan(exact=False)


class Planner:
    """Plans rules over one registry of conditions."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        # By scope the conditions of words, and of phrases.
        self._word_of: tuple[dict[str, int], ...] = tuple({} for _ in Scope)
        self._phrase_of: tuple[dict[str, int], ...] = tuple({} for _ in Scope)
        # What rules share, by identity: actors, and groups next to NEAR.
        self._plans: dict[Clause, Plan] = {}
        self._sets: dict[tuple[AnyOf, Scope], Options] = {}

    def plan(self, clause: Clause) -> Plan:
        """Return the plan of a compiled rule."""
        if isinstance(clause, Present):
            return self._plans.get(clause) or self._present(clause)
        if isinstance(clause, All):
            return self._all(clause.parts)
        if isinstance(clause, Either):
            return self._either(clause.parts)
        if isinstance(clause, Absent):
            return self._absent(clause.clause)
        if isinstance(clause, AtLeastOf):
            return self._at_least(clause.count, [self.plan(part) for part in clause.parts])
        raise TypeError(f"not a clause: {clause!r}")

    def _any_text(self, texts: Sequence[str], scope: Scope) -> Options | None:
        """Return the conditions of which any means that one of the texts is found; None if conditions cannot tell."""
        words, phrases = self._word_of[scope], self._phrase_of[scope]
        # Without a loop of ours, because rules are full of words, and nearly all of them are known.
        found = list(filter(None, map(words.get, texts)))
        if len(found) < len(texts):
            found.clear()
            for text in texts:
                condition = words.get(text) or phrases.get(text) or self._text(text, scope)
                if condition is None:
                    return None
                found.append(condition)
        return (found[0],) if len(found) == 1 else self._row(tuple(dict.fromkeys(found)))

    def _text(self, text: str, scope: Scope) -> int | None:
        """Return the condition that a text not known yet stands in the scope, and know it; None if it is too long."""
        known = self._word_of[scope].get
        # A word is the same whether it stands alone or in a phrase.
        words = [known(surface) or self._word(surface, scope) for surface in surfaces(text)]
        if len(words) == 1:
            return words[0]
        if len(words) > WIDTH:
            return None
        phrases = self._phrase_of[scope]
        if len(phrases) >= MAX_TEXTS:
            phrases.clear()
        phrases[text] = condition = self._conditions.phrase(tuple(words))
        return condition

    def _word(self, surface: str, scope: Scope) -> int:
        """Return the condition of a word that is not known, and know it."""
        words = self._word_of[scope]
        if len(words) >= MAX_TEXTS:
            words.clear()
        words[surface] = condition = self._conditions.word(scope, Form.KEY, analyze(surface).key)
        return condition

    def _present(self, clause: Present) -> Plan:
        leaf, scope = clause.leaf, _scope(clause.fields)
        options = self._options(leaf, scope)
        if options is None:
            return Plan(self._needed(leaf, scope), exact=False)
        plan = Plan((options,))
        if clause.fields is CONTENT and isinstance(leaf, AnyOf):
            if len(self._plans) > MAX_KNOWN:
                self._plans.clear()
            self._plans[clause] = plan
        return plan

    def _absent(self, clause: Present) -> Plan:
        plan = self._plans.get(clause)
        options = plan.clauses[0] if plan else self._options(clause.leaf, _scope(clause.fields))
        return _UNDECIDED if options is None else Plan(veto=options)

    def _all(self, parts: Sequence[Clause]) -> Plan:
        clauses: list[Options] = []
        vetoes: list[int] = []
        exact = True
        for part in parts:
            if isinstance(part, Present) and isinstance(part.leaf, AnyText):  # the commonest, without a Plan for each
                options = self._any_text(part.leaf.texts, _scope(part.fields))
                if options is not None:
                    clauses.append(options)
                    continue
            plan = self._plans.get(part) or self.plan(part)
            clauses += plan.clauses
            vetoes += plan.veto
            exact = exact and plan.exact
        veto = self._row(tuple(dict.fromkeys(vetoes))) if vetoes else ()
        return Plan(tuple(dict.fromkeys(clauses)), veto or (), exact and veto is not None)

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
        if isinstance(leaf, AnyText):
            return self._any_text(leaf.texts, scope)
        if isinstance(leaf, Words | ExactWords):
            return self._words(leaf, scope)
        if isinstance(leaf, AnyOf):
            return self._any_of(leaf, scope)
        if isinstance(leaf, Near):
            return self._near(leaf, scope)
        return None

    def _near(self, leaf: Near, scope: Scope) -> Options | None:
        left, right = self._side(leaf.left, scope), self._side(leaf.right, scope)
        if left is None or right is None:
            return None
        return (self._conditions.near(Sides(left, right, leaf.distance, leaf.ordered)),)

    def _words(self, leaf: Words | ExactWords, scope: Scope) -> Options | None:
        if isinstance(leaf, ExactWords):
            words = [self._conditions.word(scope, Form.EXACT, form) for form in leaf.words]
        elif len(leaf.keys) == 1 and leaf.prefix is None:
            return (self._conditions.word(scope, Form.KEY, leaf.keys[0]),)
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

    def _any_of(self, leaf: AnyOf, scope: Scope) -> Options | None:
        known = self._sets.get((leaf, scope))
        if known is not None:
            return known
        found: list[int] = []
        for member in leaf.members:
            options = self._options(member, scope)
            if options is None:
                return None
            found += options
        listed = tuple(dict.fromkeys(found))
        if leaf.shared and len(listed) > 1:
            # Decided once an article, rather than once for each rule that names the actor.
            row: Options | None = (self._conditions.any_of(listed),)
        else:
            row = self._row(listed)
        if row is not None and (leaf.shared or len(leaf.members) > WIDTH):
            if len(self._sets) > MAX_KNOWN:
                self._sets.clear()
            self._sets[leaf, scope] = row
        return row

    def _side(self, leaf: Leaf, scope: Scope) -> Options | None:
        """Return the conditions of one side of a NEAR; None if it is not made of words, phrases and sets alone."""
        return None if _has_near(leaf) else self._options(leaf, scope)

    def _needed(self, leaf: Leaf, scope: Scope) -> tuple[Options, ...]:
        """Return clauses that hold wherever a leaf is found that conditions cannot tell, though not only there."""
        match leaf:
            case AnyText():
                return self._needed(leaf.leaf, scope)
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
    # Not among an actor's aliases, of which there may be many.
    return isinstance(leaf, Near) or (isinstance(leaf, AnyOf) and not leaf.shared and any(map(_has_near, leaf.members)))


def _scope(fields: Fields) -> Scope:
    return Scope.CONTENT if fields is CONTENT or fields == CONTENT else Scope[fields[0].name]


def _union(clauses: Iterable[Options]) -> Options:
    return tuple(dict.fromkeys(condition for clause in clauses for condition in clause))
