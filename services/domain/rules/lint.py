"""What is probably not meant in a rule that can be matched; each kind of warning has a code that users can look up."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from itertools import permutations

from schemas.watch import ActorKind, WatchRule
from services.domain.rules import ast
from services.domain.rules.implication import PROSE, Implication, row_keys
from services.domain.rules.parser import parse
from services.domain.text.analyzer import analyze, tokens
from services.domain.text.gazetteer import Gazetteer

# Every pair of the parts of a group is compared, up to this many of them.
MAX_COMPARED_PARTS = 60
# Longer sentences than this are rare: NEAR no longer says that two things have to do with each other.
WIDE_NEAR = 30
MAX_ACRONYM_CHARS = 3

_COMMON_WORDS = frozenset(
    (
        *("a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "from", "with", "and", "or", "not", "as", "is"),
        *("are", "was", "were", "be", "been", "has", "have", "had", "it", "its", "he", "she", "they", "we", "you"),
        *("his", "her", "their", "our", "this", "that", "these", "those", "but", "if", "than", "which", "who", "said"),
        *("и", "в", "во", "на", "не", "с", "со", "по", "к", "о", "об", "от", "из", "за", "у", "для", "что", "как"),
        *("он", "она", "они", "это", "а", "но", "или", "до", "же", "был", "быть"),
        *("і", "й", "та", "у", "з", "із", "що", "як", "від", "про", "це", "або", "але", "бути"),
        *("그", "이", "것", "수", "등", "및", "또", "는", "은", "가"),
    )
)
# Kinds whose aliases are names; a term set's are words that a rule may well want by themselves.
_NAMED = (ActorKind.STATE, ActorKind.PERSON, ActorKind.ORGANISATION)


class LintCode(StrEnum):
    """What kind of thing is probably not meant."""

    REPEATED_PART = "repeated-part"
    IMPLIED_PART = "implied-part"
    NEVER_MATCHES = "never-matches"
    COMMON_WORD = "common-word"
    ACTOR_BY_NAME = "actor-by-name"
    ACRONYM_IN_ANY_CASE = "acronym-in-any-case"
    WIDE_NEAR = "wide-near"
    SAME_QUERY = "same-query"
    NO_MUST_MATCH = "no-must-match"
    NO_MUST_NOT_MATCH = "no-must-not-match"


@dataclass(frozen=True, slots=True)
class LintWarning:
    """One thing that is probably not meant; `column` counts code points of the query from 1, where it is in there."""

    code: LintCode
    message: str
    column: int | None = None

    def __str__(self) -> str:
        at = f", at column {self.column}" if self.column else ""
        return f"{self.message}{at} [{self.code}]"


class Linter:
    """Warns of what is probably not meant, in queries, rules and sets of rules over one gazetteer."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._implication = Implication(gazetteer)
        self._names: dict[tuple[str, ...], str] = {}
        self._exact_names: dict[str, str] = {}
        for actor in gazetteer:
            for alias in gazetteer.aliases(actor.id) if actor.kind in _NAMED else ():
                if alias.exact:
                    self._exact_names.setdefault(alias.text.lower(), alias.actor_id)
                else:
                    self._names.setdefault(row_keys(ast.Phrase(alias.text)) or (), alias.actor_id)

    def query(self, query: str) -> tuple[LintWarning, ...]:
        """Return the warnings about a query, in its order; RuleError if it cannot be read."""
        found: list[LintWarning] = []
        for node in _in_prose(parse(query)):
            found += self._of_node(node)
        return tuple(sorted(dict.fromkeys(found), key=lambda warning: warning.column or 0))

    def rule(self, rule: WatchRule) -> tuple[LintWarning, ...]:
        """Return the warnings about a rule: those about its query, and those about its examples."""
        found = list(self.query(rule.query))
        if not rule.must_match:
            found.append(LintWarning(LintCode.NO_MUST_MATCH, "no must_match example says what the rule is to catch"))
        if not rule.must_not_match:
            found.append(
                LintWarning(
                    LintCode.NO_MUST_NOT_MATCH, "no must_not_match example says what the rule is to leave alone"
                )
            )
        return tuple(found)

    def _of_node(self, node: ast.Node) -> Iterator[LintWarning]:
        match node:
            case ast.And() | ast.Or():
                yield from self._of_group(node)
            case ast.Near(distance=distance) if distance > WIDE_NEAR:
                yield _at(node, LintCode.WIDE_NEAR, f"{distance} words are more than a sentence")
            case ast.Term() | ast.Phrase():
                yield from self._of_words(node)

    def _of_group(self, node: ast.And | ast.Or) -> Iterator[LintWarning]:
        seen: set[ast.Node] = set()
        parts: list[ast.Node] = []
        for part in node.children:
            if part in seen:
                yield _at(part, LintCode.REPEATED_PART, f"{_shown(part)} is asked twice")
            else:
                seen.add(part)
                parts.append(part)
        idle: set[int] = set()
        for one, other in permutations(range(min(len(parts), MAX_COMPARED_PARTS)), 2):
            if one in idle or other in idle:
                continue
            if warning := self._of_pair(node, parts[one], parts[other]):
                idle.add(other if isinstance(node, ast.And) else one)
                yield warning

    def _of_pair(self, node: ast.And | ast.Or, one: ast.Node, other: ast.Node) -> LintWarning | None:
        """Warn if the first of two parts makes the second pointless, or impossible."""
        if isinstance(node, ast.And) and isinstance(other, ast.Not) and self._implication.holds(one, other.child):
            return _at(other, LintCode.NEVER_MATCHES, f"never true together with {_shown(one)}")
        if not self._implication.holds(one, other):
            return None
        if isinstance(node, ast.And):
            return _at(other, LintCode.IMPLIED_PART, f"{_shown(other)} is true whenever {_shown(one)} is")
        return _at(one, LintCode.IMPLIED_PART, f"{_shown(one)} adds nothing: {_shown(other)} finds it already")

    def _of_words(self, node: ast.Term | ast.Phrase) -> Iterator[LintWarning]:
        words = [token.surface for token in tokens(node.text)]
        if len(words) == 1 and words[0] == words[0].lower() and analyze(words[0]).folded in _COMMON_WORDS:
            yield _at(node, LintCode.COMMON_WORD, f"{_shown(node)} is in nearly every article")
        named = self._names.get(row_keys(node) or ())
        if named:
            yield _at(node, LintCode.ACTOR_BY_NAME, f"{_shown(node)} is one of the names of @{named}")
        elif len(words) == 1:
            yield from self._of_acronym(node, words[0])

    def _of_acronym(self, node: ast.Term | ast.Phrase, word: str) -> Iterator[LintWarning]:
        actor = self._exact_names.get(word.lower())
        capitals = word.isupper() and word.isalpha() and 1 < len(word) <= MAX_ACRONYM_CHARS
        if actor:
            advice = f"@{actor} or ={word.upper()}"
        elif capitals and word.lower() != word:
            advice = f"={word}"
        else:
            return
        message = f"{_shown(node)} finds the word in lower case too; {advice} does not"
        yield _at(node, LintCode.ACRONYM_IN_ANY_CASE, message)


class SameQueries:
    """Notices rules that ask the same as an earlier one of their topic."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, bytes], str] = {}

    def add(self, rule: WatchRule) -> Iterator[LintWarning]:
        """Warn if an earlier rule of the topic asks the same; RuleError if the query cannot be read."""
        # A digest, because a million canonical queries are some hundred megabytes.
        asked = blake2b(canonical(parse(rule.query)).encode(), digest_size=16).digest()
        other = self._first.setdefault((rule.watch_topic, asked), rule.id)
        if other != rule.id:
            yield LintWarning(LintCode.SAME_QUERY, f"asks the same as {rule.watch_topic}/{other}")


def _in_prose(node: ast.Node) -> Iterator[ast.Node]:
    """Yield the parts of a query that look in texts: `lang:it` is not about a common word."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, ast.InField) or current.field in PROSE:
            yield current
            waiting.extend(ast.children(current))


def canonical(node: ast.Node) -> str:
    """Return a text that is the same for queries that differ only in order, repetition or inflection."""
    match node:
        case ast.And(children=parts) | ast.Or(children=parts):
            return f"{type(node).__name__}({','.join(sorted({canonical(part) for part in parts}))})"
        case ast.AtLeast(count=count, children=parts):
            return f"AtLeast({count},{','.join(sorted(canonical(part) for part in parts))})"
        case ast.Not(child=child):
            return f"Not({canonical(child)})"
        case ast.InField(field=field, child=child):
            return f"{field}({canonical(child)})"
        case ast.Term() | ast.Phrase() if keys := row_keys(node):
            return f"words({' '.join(keys)})"
        case _:
            return ast.format_query(node)


def _at(node: ast.Node, code: LintCode, message: str) -> LintWarning:
    return LintWarning(code, message, node.start + 1)


def _shown(node: ast.Node, limit: int = 60) -> str:
    text = ast.format_query(node)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
