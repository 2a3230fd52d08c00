"""What can be wrong with a watch rule.

RuleError(ValueError)
├── RuleSyntaxError     the query does not follow the language
├── RuleMeaningError    it does, but cannot be matched: NOT alone, an unknown actor
├── RuleExistsError     a rule of that topic and id is held already
├── UnknownRuleError    no rule of that topic and id is held
└── RuleSetError        several rules at once, each with its fault
"""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_CONTEXT_CHARS = 60


class RuleError(ValueError):
    """A rule that cannot be taken; `column` counts code points of the query from 1, where the fault is in it."""

    def __init__(self, message: str, column: int | None = None, query: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.query = query

    def __str__(self) -> str:
        if self.column is None:
            return self.message
        located = f"{self.message}, at column {self.column}"
        return f"{located}\n{point_at(self.query, self.column)}" if self.query else located


class RuleSyntaxError(RuleError):
    """A query that does not follow the language."""


class RuleMeaningError(RuleError):
    """A query that can be read but not matched."""


class RuleExistsError(RuleError):
    """A rule of this topic and id is held already."""


class UnknownRuleError(RuleError, LookupError):
    """No rule of this topic and id is held."""


class RuleFault(NamedTuple):
    """One rule of several, and what is wrong with it."""

    watch_topic: str
    rule_id: str
    error: RuleError


class RuleSetError(RuleError):
    """Every fault of a set of rules, in their order."""

    def __init__(self, faults: Sequence[RuleFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"rule {topic}/{rule}: {error}" for topic, rule, error in self.faults))


def point_at(query: str, column: int) -> str:
    """Return the line of the query that holds the column, cut to what is near it, over a line with a caret."""
    at = min(column - 1, len(query))
    begin = max(query.rfind("\n", 0, at) + 1, at - _CONTEXT_CHARS)
    end = query.find("\n", at)
    end = min(len(query) if end < 0 else end, at + _CONTEXT_CHARS)
    shown = "".join(char if char.isprintable() else " " for char in query[begin:end])
    return f"  {shown}\n  {' ' * _width(shown[: at - begin])}^"


def _width(text: str) -> int:
    """Columns of a terminal that `text` takes: Hangul is two wide."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
