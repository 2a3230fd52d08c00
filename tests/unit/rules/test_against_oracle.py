"""The engine agrees with a brute-force evaluator on any rules and articles; its evidence is verbatim and needed."""

from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.match import Evidence, EvidenceField
from services.domain.rules import ast
from services.domain.rules.ast import format_query
from services.domain.rules.engine import RuleEngine
from services.domain.rules.errors import RuleMeaningError
from services.domain.rules.parser import parse
from tests.unit.rules.builders import GAZETTEER, rule
from tests.unit.rules.oracle import Oracle

# Few words, so that rules hit; inflected, glued, exact and dotted ones among them.
QUERY_WORDS = [
    "Seoul",
    "arms",
    "weapon",
    "supply",
    "Korea",
    "US",
    "U.S.",
    "Suk-yeol",
    "러시아",
    "поставка",
    "Kyiv",
    "155-mm",
]
TEXT_WORDS = [
    *QUERY_WORDS,
    *(
        "weapons",
        "supplies",
        "supplied",
        "South",
        "us",
        "S.",
        "Yoon",
        "러시아와",
        "поставок",
        "Киева",
        "ROK",
        "rok",
        "ROK's",
    ),
    *("한국의", "Южной", "Корее", "the", "fashion", "a", "seoul"),
]
PREFIXES = ["weapo", "supp", "поста", "Suk-yeo"]
EXACTS = ["ROK", "Seoul", "U.S.", "South Korea", "weapons", "155-mm"]

leaves = st.one_of(
    st.sampled_from(QUERY_WORDS).map(ast.Term),
    st.lists(st.sampled_from(QUERY_WORDS), min_size=1, max_size=3).map(lambda words: ast.Phrase(" ".join(words))),
    st.sampled_from(PREFIXES).map(ast.Prefix),
    st.sampled_from(EXACTS).map(ast.Exact),
    st.sampled_from(["south_korea", "seoul_side", "ukraine", "arms", "yoon"]).map(ast.ActorRef),
)
near_operands = st.one_of(leaves, st.lists(leaves, min_size=2, max_size=3).map(lambda parts: ast.Or(tuple(parts))))
nears = st.builds(ast.Near, near_operands, near_operands, st.integers(1, 6))


def _flat(kind: type[ast.And] | type[ast.Or], parts: list[ast.Node]) -> ast.Node:
    return kind(tuple(inner for part in parts for inner in (part.children if isinstance(part, kind) else (part,))))


def trees(*, negation: bool = True) -> st.SearchStrategy[ast.Node]:
    def grow(inner: st.SearchStrategy[ast.Node]) -> st.SearchStrategy[ast.Node]:
        several = st.lists(inner, min_size=2, max_size=3)
        joined = several.map(lambda parts: _flat(ast.And, parts)) | several.map(lambda parts: _flat(ast.Or, parts))
        return joined | inner.map(ast.Not) if negation else joined

    plain = st.recursive(leaves | nears, grow, max_leaves=6)
    in_field = st.builds(ast.InField, st.sampled_from(EvidenceField), plain)
    return st.recursive(plain | in_field, grow, max_leaves=4)


texts = st.lists(
    st.tuples(st.sampled_from(TEXT_WORDS), st.sampled_from([" ", "  ", "\n", "-", ", ", ". ", " \x00 ", "\u00ad "])),
    max_size=25,
).map(lambda words: "".join(word + gap for word, gap in words))


def hit(tree: ast.Node, title: str, text: str) -> tuple[Evidence, ...] | None:
    engine = RuleEngine(GAZETTEER)
    try:
        engine.add(rule(format_query(tree)))
    except RuleMeaningError:
        assume(False)
    hits = engine.match_text(title, text)
    return hits[0].hit.evidence if hits else None


@settings(max_examples=120, deadline=None)
@given(trees())
def test_the_canonical_query_reads_back_as_the_same_tree(tree: ast.Node) -> None:
    assert parse(format_query(tree)) == tree


@settings(max_examples=120, deadline=None)
@given(trees(), texts, texts)
def test_a_rule_hits_exactly_what_the_oracle_accepts(tree: ast.Node, title: str, text: str) -> None:
    evidence = hit(tree, title, text)
    assert (evidence is not None) == Oracle(GAZETTEER, title, text).holds(tree)


@settings(max_examples=80, deadline=None)
@given(trees(), texts, texts)
def test_evidence_is_verbatim_apart_and_title_first(tree: ast.Node, title: str, text: str) -> None:
    evidence = hit(tree, title, text)
    if evidence is None:
        return
    assert evidence
    fields = {EvidenceField.TITLE: title, EvidenceField.TEXT: text}
    assert len(evidence) <= 20
    for span in evidence:
        assert span.text == fields[span.field][span.start : span.end]
    for before, after in pairwise(evidence):
        assert (before.field, after.field) != (EvidenceField.TEXT, EvidenceField.TITLE)
        assert before.field != after.field or before.end <= after.start


@settings(max_examples=80, deadline=None)
@given(trees(negation=False), texts, texts)
def test_without_its_evidence_a_rule_no_longer_holds(tree: ast.Node, title: str, text: str) -> None:
    evidence = hit(tree, title, text)
    if evidence is None or len(evidence) == 20:
        return
    assert (
        hit(tree, _without(evidence, EvidenceField.TITLE, title), _without(evidence, EvidenceField.TEXT, text)) is None
    )


def _without(evidence: tuple[Evidence, ...], field: EvidenceField, text: str) -> str:
    for span in reversed([span for span in evidence if span.field is field]):
        # Ten words apart, so that what stood around the evidence does not come near one another.
        text = text[: span.start] + " gone" * 10 + " " + text[span.end :]
    return text


@settings(max_examples=30, deadline=None)
@given(st.lists(trees(), min_size=2, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8), texts, texts)
def test_rules_do_not_disturb_one_another_as_they_come_and_go(
    several: list[ast.Node], kept: list[bool], title: str, text: str
) -> None:
    engine = RuleEngine(GAZETTEER)
    expected = []
    for number, (tree, keep) in enumerate(zip(several, kept, strict=False)):
        try:
            engine.add(rule(format_query(tree), f"r{number}"))
        except RuleMeaningError:
            continue
        if keep and Oracle(GAZETTEER, title, text).holds(tree):
            expected.append(f"r{number}")
    for number, keep in enumerate(kept):
        if not keep and ("topic", f"r{number}") in engine:
            engine.remove("topic", f"r{number}")
    assert [found.hit.rule_id for found in engine.match_text(title, text)] == expected
