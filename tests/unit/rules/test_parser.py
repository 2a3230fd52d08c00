"""Queries read as documented, and every wrong one is refused with the column and what was expected."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.match import EvidenceField
from schemas.watch import MAX_QUERY_CHARS
from services.domain.rules import ast
from services.domain.rules.article_index import ArticleIndex
from services.domain.rules.ast import (
    ActorRef,
    And,
    AtLeast,
    Exact,
    InField,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Term,
    format_query,
    walk,
)
from services.domain.rules.compiler import Compiler
from services.domain.rules.errors import RuleSyntaxError
from services.domain.rules.parser import parse
from tests.unit.rules.builders import GAZETTEER
from tests.unit.rules.random_rules import trees

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
        ('(a OR "b OR" OR "OR c" OR "d OR a")', Or((a, Phrase("b OR"), Phrase("OR c"), Phrase("d OR a")))),
        ('(a OR "b FOR c" OR d)', Or((a, Phrase("b FOR c"), d))),
        ('a OR (b OR "c d") OR (a OR b)', Or((a, b, Phrase("c d"), a, b))),
        ("NOT text:(a OR b)", Not(InField(EvidenceField.TEXT, Or((a, b))))),
        ("title: a", InField(EvidenceField.TITLE, a)),
        ('=ROK ="Republic of Korea"', And((Exact("ROK"), Exact("Republic of Korea")))),
        ("anti-tank* a", And((Prefix("anti-tank"), a))),
        ("“a b”", Phrase("a b")),
        ("Suk-yeol 10:30 don't AT&T", And((Term("Suk-yeol"), Term("10:30"), Term("don't"), Term("AT&T")))),
        ('"or" b', And((Phrase("or"), b))),
        ("near nearer", And((Term("near"), Term("nearer")))),
        ("a(b OR c)", And((a, Or((b, c))))),
        ("a && b || !c", Or((And((a, b)), Not(c)))),
        ('"a b"~5 c', And((Phrase("a b", 5), c))),
        ('"a b"~0', Phrase("a b")),
        ("a BEFORE/3 b", Near(a, b, 3, ordered=True)),
        ("(a NEAR/5 b) BEFORE/9 (c OR d NEAR/2 @x)", Near(Near(a, b, 5), Or((c, Near(d, ActorRef("x"), 2))), 9, True)),
        ("2 OF (a, b c, d OR a)", AtLeast(2, (a, And((b, c)), Or((d, a))))),
        ("NOT 1 OF(a,b) 2", And((Not(AtLeast(1, (a, b))), Term("2")))),
        ("-2 OF (a, b, (c)) d", And((Not(AtLeast(2, (a, b, c))), d))),
        ("2 OF (a, 1 OF (b, title:c))", AtLeast(2, (a, AtLeast(1, (b, InField(EvidenceField.TITLE, c)))))),
        ("text:2 OF (a, b)", InField(EvidenceField.TEXT, AtLeast(2, (a, b)))),
        ("10,000 a", And((Term("10,000"), a))),
        ("2 OF (10,000, a,b)", AtLeast(2, (Term("10,000"), a, b))),
        ("country:kor", InField(EvidenceField.COUNTRY, Term("KOR"))),
        ('country:("AND" OR PRK)', InField(EvidenceField.COUNTRY, Or((Phrase("AND"), Term("PRK"))))),
        ("-lang:KO a", And((Not(InField(EvidenceField.LANG, Term("ko"))), a))),
        ('lang:"or" a', And((InField(EvidenceField.LANG, Phrase("or")), a))),
        (
            'outlet:"Yonhap News" author:(=Kim OR Lee*)',
            And(
                (
                    InField(EvidenceField.OUTLET, Phrase("Yonhap News")),
                    InField(EvidenceField.AUTHOR, Or((Exact("Kim"), Prefix("Lee")))),
                )
            ),
        ),
        ("bank of england before noon", And(tuple(map(Term, ("bank", "of", "england", "before", "noon"))))),
    ],
)
def test_query_reads_as(query: str, tree: object) -> None:
    assert parse(query) == tree


def test_each_node_knows_where_it_begins() -> None:
    query = 'a AND (b OR @c) NEAR/2 =D (e OR "f g" OR h) 2 OF (i, j) -title:(k OR "l")'
    tree = parse(query)
    assert isinstance(tree, And)
    near = tree.children[1]
    assert isinstance(near, Near)
    assert [node.start for node in (tree, near, near.left)] == [0, 7, 7]
    for node in walk(tree):
        if not isinstance(node, And | Near):
            assert query.startswith(format_query(node).replace("NOT ", "-"), node.start)


WORDS = st.sampled_from(["a", "Nord", "10", "андрей", "한국", "and", "Or", "NOT", "of", "OF", "NEAR", "BEFORE", "ok"])
ITEMS = st.one_of(
    WORDS,
    st.lists(WORDS | st.just("OR"), min_size=1, max_size=3).map(" ".join).map('"{}"'.format),
    st.sampled_from(["@x", "a*", "=a", '="a"', '"a"~2', '""', '"', "a-b", "(a OR b)", "2 OF (a, b)", "title:a", "-a"]),
)


@settings(max_examples=300, deadline=None)
@given(
    items=st.lists(ITEMS, min_size=1, max_size=4), around=st.sampled_from(["{}", "NOT {}", "a NEAR/2 {}", "lang:{}"])
)
def test_a_list_reads_the_same_with_and_without_a_blank_before_it(items: list[str], around: str) -> None:
    # What begins with a blank is no LIST for the lexer.
    first = 1 + around.index("{")
    plain, blank = (around.format(f"({before}{' OR '.join(items)})") for before in ("", " "))
    assert [at - (at > first) for at in _outcome(blank)[1]] == list(_outcome(plain)[1])
    assert _outcome(blank)[0] == _outcome(plain)[0]


def _outcome(query: str) -> tuple[object, tuple[int, ...]]:
    """Return the tree or the complaint, and the columns it stands at."""
    try:
        tree = parse(query)
    except RuleSyntaxError as error:
        return error.message, ((error.column or 0) - 1,)
    return tree, tuple(node.start for node in walk(tree))


@pytest.mark.parametrize("deepest", ["(a OR b)", "( a OR b)"])
def test_a_list_counts_as_a_level(deepest: str) -> None:
    def nested(levels: int) -> str:
        return "(" * levels + f"{deepest} c" + ")" * levels

    parse(nested(99))
    with pytest.raises(RuleSyntaxError, match="nested deeper"):
        parse(nested(100))


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
        ("a | b", 3, "write OR"),
        ("a&&b", 2, "&& needs a blank before and after it"),
        ("a or b", 3, "operators are upper case: write OR"),
        ("a near/5 b", 3, "operators are upper case: write NEAR/5"),
        ("a … b", 3, "no letters or digits"),
        ("a~2", 2, "fuzzy words are not supported"),
        ("a~", 2, "fuzzy words are not supported"),
        ("a~b", 2, "~ has no meaning here"),
        ("wea?on", 4, "? for one letter is not supported"),
        ("a^2", 2, "there is no boost"),
        ('"a b"^2.5', 6, "there is no boost"),
        ("title:[a TO b]", 7, "ranges are not supported"),
        ("{a TO b}", 1, "ranges are not supported"),
        ("/joh?n(ath[oa]n)/", 5, "? for one letter is not supported"),
        ("/jonathan/", 1, "regular expressions are not supported"),
        ("a\\:b", 2, "nothing is escaped"),
        ("*:*", 1, "* is only allowed at the end of a word"),
        ('"a b"~', 6, "~ needs a number of words from 0 to 100"),
        ('"a b"~101', 6, "~ needs a number of words from 0 to 100"),
        ('"a b"~0.8', 6, "~ needs a number of words from 0 to 100"),
        ('"a"~3', 4, "two words or more"),
        ('="a b"~3', 7, "~ does not work after an exact phrase"),
        ("a NEAR b", 3, "NEAR needs a distance from 1 to 100"),
        ("a NEAR/0 b", 3, "NEAR needs a distance"),
        ("a NEAR/101 b", 3, "NEAR needs a distance"),
        ("a NEAR/x b", 3, "NEAR needs a distance"),
        ("a BEFORE b", 3, "BEFORE needs a distance from 1 to 100"),
        ("a BEFORE/0 b", 3, "BEFORE needs a distance"),
        ("a before/5 b", 3, "operators are upper case: write BEFORE/5"),
        ("a NEAR/2 b NEAR/2 c", 12, "cannot be chained; write (a NEAR/5 b) NEAR/5 c"),
        ("a NEAR/2 b BEFORE/2 c", 12, "cannot be chained"),
        ("a NEAR/2 2 OF (b, c)", 10, "not OF"),
        ("a, b", 2, "a comma only parts the items of a list"),
        ("2 OF (a, (b, c))", 12, "a comma only parts the items of a list"),
        ("2 OF (a,, b)", 9, "as an item of the list, not ','"),
        ("2 OF (a, b,)", 12, "as an item of the list, not ')'"),
        ("2 OF ()", 7, "as an item of the list, not ')'"),
        ("2 OF (a", 6, "this ( is never closed"),
        ("3 OF (a, b)", 1, "expected a count from 1 to 2"),
        ("c 0 OF (a, b)", 3, "expected a count from 1 to 2"),
        (f"{'9' * 50} OF (a, b)", 1, "expected a count from 1 to 2"),
        ("2 of (a, b)", 3, "operators are upper case: write OF"),
        ("2 OF a", 3, "OF stands between a number and a list"),
        ("OF (a, b)", 1, "OF stands between a number and a list"),
        ("country:KR a", 9, "write the three letters of ISO 3166, as in country:KOR"),
        ("country:(KOR OR Korea)", 17, "'KOREA' is no country code"),
        ("lang:korean a", 6, "write the two letters of ISO 639-1"),
        ("lang:ua", 6, "did you mean lang:uk?"),
        ("lang:ko-KR", 6, "is no language code"),
        ("lang:k*", 7, "at least 3 letters or digits before *"),
        ("lang:(NOT ko)", 7, "NOT before the field to exclude it"),
        ("country:(KOR UKR)", 10, "country: takes a code or (one OR another)"),
        ('lang:"ko ru"~3', 6, "lang: takes a code"),
        ("a NEAR/2 NOT b", 10, "NOT cannot stand here"),
        ("a NEAR/2 (b c)", 11, "not AND"),
        ("title:a NEAR/2 b", 1, "put both into the field: title:(a NEAR/5 b)"),
        ("title:NOT a", 7, "write NOT before the field"),
        ("title:", 7, "after title:, but the query ends"),
        ("title:(a text:b)", 10, "text: stands inside title: already"),
        ("titel:a", 1, "did you mean title:"),
        ("foo:a", 1, "there are title:, text:, outlet:, country:, lang:, author:"),
        ("@South", 1, "expected an actor id after @"),
        ("a" * 20_001, 20_001, "a query may hold 20,000 characters"),
        ("(" * 500 + "a" + ")" * 500, 101, "nested deeper than 100 levels"),
        ("NOT " * 500 + "a", 401, "nested deeper than 100 levels"),
        ("b OR a AND (" * 51 + "c" + ")" * 51, 601, "nested deeper than 100 levels"),
        ("(" * 11 + "a" + " NEAR/1 b)" * 11, 114, "NEAR and BEFORE nest at most 10 deep"),
        ("-" * 500 + "a", 101, "nested deeper than 100 levels"),
        ("2 OF (" * 500 + "a" + ")" * 500, 601, "nested deeper than 100 levels"),
        ("a \ud800", 3, "U+D800 cannot be part of a query"),
        ('"a\x00b"', 3, "U+0000 cannot be part of a query"),
        ("a\x1bb", 2, "U+001B cannot be part of a query"),
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


DEEPEST = [
    "NOT (b OR a AND (" * 33 + "a" + "))" * 33,
    "2 OF (a, b OR a AND " * 33 + "c" + ")" * 33,
    "b OR a AND (" * 50 + "c" + ")" * 50,
    "(" * 10 + "a" + " NEAR/1 b)" * 10,
    "NOT " * 100 + "a",
    "title:(" + "a OR b AND (" * 49 + "c" + ")" * 50,
    "title:(NOT (" + "a OR b AND (" * 49 + "c" + ")" * 51,
]


@pytest.mark.parametrize("query", DEEPEST)
def test_the_deepest_allowed_nesting_can_be_read_written_compared_and_matched(query: str) -> None:
    tree = parse(query)
    assert parse(format_query(tree)) == tree
    clause = Compiler(GAZETTEER).compile(tree, query)
    article = ArticleIndex(dict.fromkeys(EvidenceField, "c a b " * 9))
    assert clause.holds(article) in {True, False}
    assert list(clause.proof(article)) or not clause.holds(article)


# Symbols rather than letters, so that most of what comes out is a query, written as people do not.
SYMBOLS = st.sampled_from(
    [
        *("a", "b", "10", "100", "Suk-yeol", "10,000", "@x", "=R", '="a b"', '="10,000"', '"a b"', "“a”", '"a b"~3'),
        *("(", ")", "(", ")", " ", " ", "  ", "+", "-", "!", "AND", "OR", "NOT", "&&", "||", "abc*", ","),
        *(" NEAR/5 ", " BEFORE/05 ", "2 OF(", "1 OF (", "title:", "text: ", "country:kor", 'lang:"or"'),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet='ab()"“=*@+-!:/ ~|&.,\n\x00\ud800러йANDORTNEFtitle128', max_size=30)
    | st.lists(SYMBOLS, max_size=20).map("".join)
)
def test_any_string_is_read_or_refused_within_itself(query: str) -> None:
    try:
        tree = parse(query)
    except RuleSyntaxError as error:
        refusal = error
    else:
        written = format_query(tree)
        assert parse(written) == tree
        assert format_query(parse(written)) == written
        return
    assert refusal.column is not None
    assert 1 <= refusal.column <= len(query) + 1
    assert str(refusal)


def brief(tree: Node, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the canonical text where the limit leaves no room for a longer one."""
    with monkeypatch.context() as patch:
        patch.setattr(ast, "MAX_QUERY_CHARS", 0)
        return format_query(tree)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries=st.lists(SYMBOLS, max_size=20).map("".join))
def test_the_brief_canonical_text_is_never_longer_than_what_was_read(
    queries: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        tree = parse(queries)
    except RuleSyntaxError:
        return
    written = brief(tree, monkeypatch)
    assert len(written) <= len(queries)
    assert parse(written) == tree


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees())
def test_the_brief_canonical_text_reads_back_as_the_same_tree(tree: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse(brief(tree, monkeypatch)) == tree


@pytest.mark.parametrize(
    "query",
    [
        "a " * 10_000,
        "!a " * 6_666,
        '"a"' * 6_666,
        '"a"OR' * 3_999 + '"a"',
        '!"a"' * 5_000,
        "2 OF(" + "a," * 9_996 + "a)",
    ],
)
def test_the_canonical_text_of_a_query_is_a_query(query: str) -> None:
    written = format_query(parse(query))
    assert len(written) <= MAX_QUERY_CHARS
    assert parse(written) == parse(query)


@pytest.mark.parametrize(
    "query",
    [
        "a " * 10_000,
        "a OR " * 3_999 + "a",
        "a -" * 6_000 + "a",
        '"a" ' * 5_000,
        "a-" * 9_999 + "a",
        "(" * 100 + "a " * 9_900 + ")" * 100,
        "(" * 99 + "(" + "a OR " * 3_900 + "=a)" + ")" * 99,
        ("(" + "a OR " * 39 + "=a) ") * 99,
    ],
)
def test_the_longest_queries_are_read_quickly(query: str) -> None:
    started = time.process_time()
    parse(query)
    assert time.process_time() - started < 3
