"""Measure a loop of compiled regular expressions over the same rules, as one would write it without an engine.

    python -m bench.re_run --folder WORLD --mix selective --rules 1000 ...    (bench.matching starts it)

Each clause of a rule is one compiled pattern over the article in lower case, title and text parted by a line break that
no pattern crosses: a group is an alternation between word boundaries, NEAR/n a gap of at most n - 1 words in either
order, `title:` is searched in the title alone. Parts of a rule are tried in turn until one decides it. Equal clauses
share a pattern. Prints one line of JSON.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bench.engine_run import percentile
from bench.rule_files import WARM_UP, WorldFiles, to_json_line, write_matches
from bench.rule_mix import MIXES
from schemas.article import Article

GAP = r"[^\w\n]+"  # between two words of one field
Search = Callable[[str], object]


class Pattern(NamedTuple):
    """One clause of a rule."""

    search: Search
    title: bool
    wanted: bool


class Rule(NamedTuple):
    """A rule as patterns, all of which must be found or, where not wanted, missed."""

    number: int
    patterns: tuple[Pattern, ...]

    def holds(self, title: str, both: str) -> bool:
        """Say whether an article in lower case satisfies the rule."""
        for search, in_title, wanted in self.patterns:
            if (search(title if in_title else both) is not None) is not wanted:
                return False
        return True


class Patterns:
    """Compiles rules in neutral form."""

    def __init__(self, aliases: Mapping[str, tuple[str, ...]]) -> None:
        self._aliases = aliases

    def rule(self, line: str) -> Rule:
        """Return the rule of a line, as `Shape.neutral` writes it."""
        number, *clauses = line.rstrip("\n").split("\t")
        return Rule(int(number), tuple(self._pattern(clause) for clause in clauses))

    def _pattern(self, clause: str) -> Pattern:
        kind, body = clause.split(":", 1)
        if kind == "prefix":
            text = rf"\b{body}"
        elif kind.startswith("near/"):
            text = self._near(body, int(kind.removeprefix("near/")))
        else:
            text = self._group(body)
        return Pattern(compiled(text), kind == "title", kind != "not")

    def _near(self, body: str, distance: int) -> str:
        left, right = (self._group(side) for side in body.split("~"))
        between = rf"(?:{GAP}\w+){{0,{distance - 1}}}{GAP}"
        return f"{left}{between}{right}|{right}{between}{left}"

    def _group(self, body: str) -> str:
        names = [name for member in body.split("|") for name in self._aliases.get(member, (member,))]
        return rf"\b(?:{'|'.join(name.replace(' ', GAP) for name in names)})\b"


@cache
def compiled(text: str) -> Search:
    """Return the search of a pattern."""
    return re.compile(text).search


def measure(
    files: WorldFiles, mix: str, count: int, articles: int, budget: float
) -> tuple[dict[str, float], list[list[int]]]:
    """Return the figures and the rules that each article matched; a budget of seconds limits how many articles."""
    started = time.thread_time()
    patterns = Patterns(files.read_aliases())
    rules = [patterns.rule(line) for line in files.neutral(mix, count).read_text().splitlines()]
    build_seconds = time.thread_time() - started
    print(f"re: {count:,} rules compiled in {build_seconds:.1f} s", file=sys.stderr)
    found: list[list[int]] = []
    seconds: list[float] = []
    for article in files.read_articles(WARM_UP, WARM_UP + articles):
        if found and sum(seconds) > budget:
            break
        started = time.thread_time()
        found.append(_match(rules, article))
        seconds.append(time.thread_time() - started)
    figures = {
        "articles": len(found),
        "mean_ms": sum(seconds) / len(seconds) * 1e3,
        "p50_ms": percentile(seconds, 50, 1e3),
        "articles_a_second": len(found) / sum(seconds),
        "build_s": build_seconds,
    }
    return figures, found


def _match(rules: list[Rule], article: Article) -> list[int]:
    title = article.title.lower()
    both = f"{title}\n{article.text.lower()}"
    return [rule.number for rule in rules if rule.holds(title, both)]


def main() -> None:
    """Measure one configuration."""
    parser = argparse.ArgumentParser(description="Measure a loop of compiled regular expressions.")
    parser.add_argument("--folder", type=Path, required=True, help="a world of bench.rule_files")
    parser.add_argument("--mix", choices=tuple(MIXES), required=True)
    parser.add_argument("--rules", type=int, required=True)
    parser.add_argument("--articles", type=int, default=20)
    parser.add_argument("--budget", type=float, default=30.0, help="CPU seconds")
    parser.add_argument("--matches", type=Path, required=True, help="file for the rules each article matched")
    arguments = parser.parse_args()
    files = WorldFiles(arguments.folder)
    figures, found = measure(files, arguments.mix, arguments.rules, arguments.articles, arguments.budget)
    write_matches(arguments.matches, found)
    print(to_json_line(figures))


if __name__ == "__main__":
    main()
