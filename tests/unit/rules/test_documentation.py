"""Every example of docs/rules.md does what the page says."""

import re
from pathlib import Path

import pytest

from schemas.watch import Actor, ActorKind
from services.domain.rules.compiler import Compiler
from services.domain.rules.engine import RuleEngine
from services.domain.rules.errors import RuleError
from services.domain.rules.examples import article_of
from services.domain.rules.parser import parse
from services.domain.text.gazetteer import Gazetteer
from tests.unit.rules.builders import rule

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[list[tuple[str, str]]]:
    """Return the fenced blocks of a kind as (name, value) lines."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [[(line.partition(": ")[0], line.partition(": ")[2]) for line in block.splitlines()] for block in found]


def actors() -> Gazetteer:
    ((*lines,),) = blocks("actors")
    found = []
    for actor_id, names in lines:
        includes = names.removeprefix("includes ") if names.startswith("includes ") else ""
        found.append(
            Actor(
                id=actor_id,
                kind=ActorKind.TERM_SET,
                name=actor_id,
                aliases={} if includes else {"en": tuple(names.split(", "))},
                includes=tuple(includes.split(", ")) if includes else (),
            )
        )
    return Gazetteer.from_actors(found)


CASES = [
    (block[0][1], verdict, text) for block in blocks("rule") for verdict, text in block[1:] if block[0][0] == "query"
]


@pytest.mark.parametrize(("query", "verdict", "text"), CASES)
def test_example(query: str, verdict: str, text: str) -> None:
    clause = Compiler(actors()).compile_rule(parse(query), query)
    assert verdict in {"matches", "does not match"}
    assert clause.holds(article_of(text.replace(" / ", "\n"))) is (verdict == "matches")


@pytest.mark.parametrize(("query", "message"), [(block[0][1], block[1][1]) for block in blocks("error")])
def test_mistake(query: str, message: str) -> None:
    with pytest.raises(RuleError) as refused:
        RuleEngine(actors()).add(rule(query))
    assert str(refused.value).splitlines()[0] == message


def test_every_section_on_the_language_has_an_example() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    without = [section.splitlines()[0] for section in sections if "```rule" not in section]
    assert without == ["What a hit shows", "Asking why", "Limits and mistakes", "Examples in a rule"]
    assert len(CASES) > 60
