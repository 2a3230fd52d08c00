"""Random rules and articles of few words, so that rules hit: every kind of node, inflected, glued and exact words."""

from hypothesis import strategies as st

from schemas.article import Article
from schemas.match import EvidenceField
from services.domain.rules import ast
from tests.unit.rules.builders import article

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
    *("weapons", "supplies", "supplied", "South", "us", "S.", "Yoon", "러시아와", "поставок", "Киева"),
    *("ROK", "rok", "ROK's", "한국의", "Южной", "Корее", "the", "fashion", "a", "seoul"),
]
PREFIXES = ["weapo", "supp", "поста", "Suk-yeo"]
EXACTS = ["ROK", "Seoul", "U.S.", "South Korea", "weapons", "155-mm"]
COUNTRIES = ["KOR", "UKR", "AND"]
LANGUAGES = ["ko", "uk", "or"]
GAPS = [" ", "  ", "\n", "-", ", ", ". ", " \x00 ", "\u00ad "]
CODES = {EvidenceField.COUNTRY: COUNTRIES, EvidenceField.LANG: LANGUAGES}


def phrases(fewest: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(QUERY_WORDS), min_size=fewest, max_size=3).map(" ".join)


leaves: st.SearchStrategy[ast.Node] = st.one_of(
    st.sampled_from(QUERY_WORDS).map(ast.Term),
    phrases(1).map(ast.Phrase),
    st.builds(ast.Phrase, phrases(2), st.integers(1, 4)),
    st.sampled_from(PREFIXES).map(ast.Prefix),
    st.sampled_from(EXACTS).map(ast.Exact),
    st.sampled_from(["south_korea", "seoul_side", "ukraine", "arms", "yoon"]).map(ast.ActorRef),
)


def flat(kind: type[ast.And] | type[ast.Or], parts: list[ast.Node]) -> ast.Node:
    return kind(tuple(inner for part in parts for inner in (part.children if isinstance(part, kind) else (part,))))


def nears(deepest: int) -> st.SearchStrategy[ast.Node]:
    """NEAR and BEFORE, nested in one another up to a depth."""
    inner = leaves | nears(deepest - 1) if deepest > 1 else leaves
    operands = inner | st.lists(inner, min_size=2, max_size=3).map(lambda parts: flat(ast.Or, parts))
    return st.builds(ast.Near, operands, operands, st.integers(1, 6), st.booleans())


def codes(field: EvidenceField) -> st.SearchStrategy[ast.Node]:
    """A country: or lang: clause. Codes that are keywords are quoted."""
    one: st.SearchStrategy[ast.Node] = st.sampled_from(CODES[field]).map(
        lambda code: ast.Phrase(code) if code in {"AND", "or"} else ast.Term(code)
    )
    several = st.lists(one, min_size=2, max_size=3).map(lambda parts: flat(ast.Or, parts))
    return (one | several).map(lambda child: ast.InField(field, child))


def trees(*, negation: bool = True, deepest_near: int = 2) -> st.SearchStrategy[ast.Node]:
    def grow(inner: st.SearchStrategy[ast.Node]) -> st.SearchStrategy[ast.Node]:
        several = st.lists(inner, min_size=2, max_size=3)
        joined = several.map(lambda parts: flat(ast.And, parts)) | several.map(lambda parts: flat(ast.Or, parts))
        counted = several.flatmap(lambda parts: st.integers(1, len(parts)).map(lambda n: ast.AtLeast(n, tuple(parts))))
        return joined | counted | inner.map(ast.Not) if negation else joined | counted

    plain = st.recursive(leaves | nears(deepest_near), grow, max_leaves=6)
    words = [EvidenceField.TITLE, EvidenceField.TEXT, EvidenceField.OUTLET, EvidenceField.AUTHOR]
    in_field = st.builds(ast.InField, st.sampled_from(words), plain)
    return st.recursive(plain | in_field | codes(EvidenceField.COUNTRY) | codes(EvidenceField.LANG), grow, max_leaves=4)


def texts(longest: int = 25) -> st.SearchStrategy[str]:
    words = st.lists(st.tuples(st.sampled_from(TEXT_WORDS), st.sampled_from(GAPS)), max_size=longest)
    return words.map(lambda given: "".join(word + gap for word, gap in given))


articles: st.SearchStrategy[Article] = st.builds(
    article,
    texts(10),
    texts(),
    outlet=texts(4).map(lambda text: text or "Outlet"),
    author=st.none() | texts(4),
    country=st.none() | st.sampled_from([*COUNTRIES, "kor"]),
    lang=st.none() | st.sampled_from([*LANGUAGES, "ko-KR", "KO", "ru-UK"]),
)
