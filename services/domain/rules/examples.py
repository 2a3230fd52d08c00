"""Check a rule against the examples that say what it is meant to catch."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from schemas.match import Evidence, EvidenceField
from schemas.watch import WatchRule
from services.domain.rules import ast
from services.domain.rules.article_index import ArticleIndex
from services.domain.rules.compiler import Compiler
from services.domain.rules.evidence import evidence
from services.domain.rules.parser import parse
from services.domain.text.gazetteer import Gazetteer

SHOWN_CHARS = 80
_STATED = re.compile(r"(outlet|country|lang|author):(.*)(?:\n|\Z)")


class Expectation(StrEnum):
    """Which list of a rule an example stands in."""

    MUST_MATCH = "must_match"
    MUST_NOT_MATCH = "must_not_match"


@dataclass(frozen=True)
class ExampleFailure:
    """An example that the rule does not treat as its author meant.

    `number` counts the examples of its list from 1. `missing` are the clauses that kept a must_match example out, in
    canonical form; `evidence` is what let a must_not_match example in.
    """

    expectation: Expectation
    number: int
    text: str
    missing: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    def __str__(self) -> str:
        shown = " ".join(self.text.split())
        shown = shown if len(shown) <= SHOWN_CHARS else f"{shown[: SHOWN_CHARS - 1]}…"
        why = (
            f"does not match, because this does not hold: {'; '.join(self.missing)}"
            if self.expectation is Expectation.MUST_MATCH
            else f"matches, because of {', '.join(dict.fromkeys(repr(span.text) for span in self.evidence))}"
        )
        return f'{self.expectation} {self.number} "{shown}" {why}'


def check_examples(rule: WatchRule, gazetteer: Gazetteer) -> tuple[ExampleFailure, ...]:
    """Return the examples that fail, must_match before must_not_match; RuleError if the rule itself is wrong.

    The examples are read by `article_of`.
    """
    compiler = Compiler(gazetteer)
    tree = parse(rule.query)
    clause = compiler.compile_rule(tree, rule.query)
    failures: list[ExampleFailure] = []
    for number, text in enumerate(rule.must_match, start=1):
        article = article_of(text)
        if not clause.holds(article):
            missing = tuple(_missing(tree, article, compiler, rule.query))
            failures.append(ExampleFailure(Expectation.MUST_MATCH, number, text, missing=missing))
    for number, text in enumerate(rule.must_not_match, start=1):
        article = article_of(text)
        if clause.holds(article):
            found = evidence(clause.proof(article), article)
            failures.append(ExampleFailure(Expectation.MUST_NOT_MATCH, number, text, evidence=found))
    return tuple(failures)


def article_of(example: str) -> ArticleIndex:
    """Return the article that an example stands for.

    Lines such as `outlet: Yonhap News` before all others state a field. Of the rest the first line is the title and the
    others are the text; a single line stands in both.
    """
    stated: dict[EvidenceField, str] = {}
    content = example.strip()
    while found := _STATED.match(content):
        stated[EvidenceField(found[1])] = found[2].strip()
        content = content[found.end() :].strip()
    title, separator, text = content.partition("\n")
    return ArticleIndex({EvidenceField.TITLE: title, EvidenceField.TEXT: text if separator else title, **stated})


def _missing(node: ast.Node, article: ArticleIndex, compiler: Compiler, query: str) -> Iterator[str]:
    """Yield the smallest required parts that do not hold."""
    parts = node.children if isinstance(node, ast.And) else ()
    for part in parts:
        if not compiler.compile(part, query).holds(article):
            yield from _missing(part, article, compiler, query)
    if not parts:
        yield ast.format_query(node)
