"""Queries read as documented, and every wrong one is refused with the column and what was expected."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.match import EvidenceField
from services.domain.rules.ast import ActorRef, And, Exact, InField, Near, Not, Or, Phrase, Prefix, Term, format_query
from services.domain.rules.errors import RuleSyntaxError
from services.domain.rules.parser import parse

a, b, c, d = (Term(letter) for letter in "abcd")


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("a", a),
        ("a b", And((a, b))),
        ("a AND b c", And((a, b, c))),
        ("(a b) c", And((a, b, c))),
        ("a OR b c", Or((a, And((b, c))))),
        ("(a OR b) c", And((Or((a, b)), c))),
        ("a OR b -c", Or((a, And((b, Not(c)))))),
        ("NOT a b", And((Not(a), b))),
        ("!a +b -(c OR d)", And((Not(a), b, Not(Or((c, d)))))),
        ("NOT NOT a", Not(Not(a))),
        ("a NEAR/3 b AND c", And((Near(a, b, 3), c))),
        ("NOT a NEAR/3 b", Not(Near(a, b, 3))),
        ("(a OR b) NEAR/100 @south_korea", Near(Or((a, b)), ActorRef("south_korea"), 100)),
        ('title:"a b" c', And((InField(EvidenceField.TITLE, Phrase("a b")), c))),
        ("NOT text:(a OR b)", Not(InField(EvidenceField.TEXT, Or((a, b))))),
        ("title: a", InField(EvidenceField.TITLE, a)),
        ('=ROK ="Republic of Korea"', And((Exact("ROK"), Exact("Republic of Korea")))),
        ("anti-tank* a", And((Prefix("anti-tank"), a))),
        ("“a b”", Phrase("a b")),
        ("Suk-yeol 10:30 don't AT&T", And((Term("Suk-yeol"), Term("10:30"), Term("don't"), Term("AT&T")))),
        ('"or" b', And((Phrase("or"), b))),
        ("near nearer", And((Term("near"), Term("nearer")))),
        ("a(b OR c)", And((a, Or((b, c))))),
    ],
)
def test_query_reads_as(query: str, tree: object) -> None:
    assert parse(query) == tree


def test_each_node_knows_where_it_stands() -> None:
    tree = parse("a AND (b OR @c) NEAR/2 =D")
    assert isinstance(tree, And)
    near = tree.children[1]
    assert isinstance(near, Near)
    assert (tree.span, tree.children[0].span, near.right.span) == ((0, 25), (0, 1), (23, 25))


@pytest.mark.parametrize(
    ("query", "column", "message"),
    [
        ("", 1, "the query is empty"),
        ("  \n ", 5, "the query is empty"),
        ("AND", 1, "expected something to find, not 'AND'"),
        ("a AND", 6, "after AND, but the query ends"),
        ("a OR OR b", 6, "after OR, not 'OR'"),
        ("NOT", 4, "after NOT, but the query ends"),
        ("(", 2, "after (, but the query ends"),
        ("()", 2, "after (, not ')'"),
        ("a)", 2, "this ) closes nothing"),
        ("a OR (b", 6, "this ( is never closed"),
        ('a "b', 3, "the quote that opens here is never closed"),
        ('="b', 2, "the quote that opens here is never closed"),
        ('""', 1, "expected words between the quotes"),
        ('"wea* b"', 5, "* does not work inside quotes"),
        ("*foo", 1, "* is only allowed at the end of a word"),
        ("fo*o", 3, "* is only allowed at the end of a word"),
        ("foo**", 4, "* is only allowed at the end of a word"),
        ("a*", 2, "at least 3 letters or digits before *"),
        ("anti-ta*", 8, "at least 3 letters or digits before *"),
        ("*", 1, "at least 3 letters or digits before *"),
        ("=foo*", 5, "* does not work in an exact term"),
        ("=", 1, "expected a word or a quoted phrase after ="),
        ("a - b", 3, "expected what - applies to"),
        ("a (+)", 4, "expected what + applies to"),
        ("a & b", 3, "write AND"),
        ("a || b", 3, "write OR"),
        ("a or b", 3, "operators are upper case: write OR"),
        ("a near/5 b", 3, "operators are upper case: write NEAR/5"),
        ("a … b", 3, "no letters or digits"),
        ("a~2", 2, "~ has no meaning here"),
        ("wea?on", 4, "? has no meaning here"),
        ("a NEAR b", 3, "NEAR needs a distance from 1 to 100"),
        ("a NEAR/0 b", 3, "NEAR needs a distance"),
        ("a NEAR/101 b", 3, "NEAR needs a distance"),
        ("a NEAR/x b", 3, "NEAR needs a distance"),
        ("a NEAR/2 b NEAR/2 c", 12, "NEAR cannot be chained"),
        ("a NEAR/2 NOT b", 10, "NOT cannot stand here"),
        ("a NEAR/2 (b c)", 11, "not AND"),
        ("title:a NEAR/2 b", 1, "put both into the field: title:(a NEAR/5 b)"),
        ("title:NOT a", 7, "write NOT before the field"),
        ("title:", 7, "after title:, but the query ends"),
        ("title:(a text:b)", 10, "text: stands inside title: already"),
        ("titel:a", 1, "did you mean title:"),
        ("foo:a", 1, "there are title:, text:"),
        ("@South", 1, "expected an actor id after @"),
        ("a" * 20_001, 20_001, "a query may hold 20,000 characters"),
        ("(" * 500 + "a" + ")" * 500, 101, "nested deeper than 100 levels"),
        ("NOT " * 500 + "a", 401, "nested deeper than 100 levels"),
        ("-" * 500 + "a", 101, "nested deeper than 100 levels"),
        ("\ud800", 1, "no letters or digits"),
    ],
)
def test_wrong_query_is_refused_at_its_column(query: str, column: int, message: str) -> None:
    with pytest.raises(RuleSyntaxError) as refused:
        parse(query)
    assert refused.value.column == column
    assert message in refused.value.message
    assert f"at column {column}" in str(refused.value)


def test_the_caret_stands_under_the_fault_on_its_line_even_after_wide_letters() -> None:
    with pytest.raises(RuleSyntaxError) as refused:
        parse("Seoul AND\n러시아 OR )")
    assert str(refused.value).splitlines()[1:] == ["  러시아 OR )", "            ^"]


def test_the_deepest_allowed_nesting_can_be_read_written_and_compared() -> None:
    query = "NOT (b OR a AND (" * 33 + "a" + "))" * 33
    tree = parse(query)
    assert parse(format_query(tree)) == tree


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='ab()"“=*@+-!:/ ~|&.\n\x00\ud800러йANDORTNEtitle18', max_size=30))
def test_any_string_is_read_or_refused_within_itself(query: str) -> None:
    try:
        tree = parse(query)
    except RuleSyntaxError as error:
        refusal = error
    else:
        assert parse(format_query(tree)) == tree
        return
    assert refusal.column is not None
    assert 1 <= refusal.column <= len(query) + 1
    assert str(refusal)


@pytest.mark.parametrize(
    "query", ["a " * 10_000, "a OR " * 3_999 + "a", "a -" * 6_000 + "a", '"a" ' * 5_000, "a-" * 9_999 + "a"]
)
def test_the_longest_queries_are_read_quickly(query: str) -> None:
    started = time.process_time()
    parse(query)
    assert time.process_time() - started < 3
