"""The vocabulary finds, for every word of an article, exactly the conditions that ask for it."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.match import EvidenceField
from services.domain.rules import vocabulary
from services.domain.rules.array_lexicon import ArrayLexicon
from services.domain.rules.lexicon import Learned, Lexicon, PlainLexicon, Segment, bare
from services.domain.rules.vocabulary import FIELD_SCOPES, Form, Scope, Vocabulary
from services.domain.text.analyzer import MAX_CACHED_CHARS, analyze, surfaces
from tests.unit.rules.compiled import compiled_steps
from tests.unit.rules.random_rules import GAPS, TEXT_WORDS, texts
from tests.volume import volume

Asked = tuple[Scope, Form, str]
Found = set[tuple[int, EvidenceField, int]]

ASKED: list[Asked] = [
    (Scope.CONTENT, Form.KEY, analyze("weapon").key),
    (Scope.CONTENT, Form.KEY, analyze("Seoul").key),
    (Scope.CONTENT, Form.EXACT, "ROK"),
    (Scope.CONTENT, Form.PREFIX, "sup"),
    (Scope.CONTENT, Form.PREFIX, "suppl"),
    (Scope.TITLE, Form.KEY, analyze("Seoul").key),
    (Scope.TITLE, Form.PREFIX, "поста"),
    (Scope.TEXT, Form.KEY, analyze("러시아").key),
    (Scope.TEXT, Form.EXACT, "Seoul"),
    (Scope.OUTLET, Form.KEY, analyze("Yoon").key),
    (Scope.AUTHOR, Form.EXACT, "Seoul"),
]
FIELDS = [EvidenceField.TITLE, EvidenceField.TEXT, EvidenceField.OUTLET, EvidenceField.AUTHOR]
articles = st.fixed_dictionaries({field: texts(12) for field in FIELDS})


def native_lexicon() -> Lexicon:
    return compiled_steps().lexicon()


each_lexicon = pytest.mark.parametrize(
    "lexicon", [PlainLexicon, ArrayLexicon, pytest.param(native_lexicon, marks=pytest.mark.slow)]
)
NewLexicon = Callable[[], Lexicon]


def filled(asked: list[Asked], lexicon: NewLexicon) -> Vocabulary:
    found = Vocabulary(lexicon())
    for condition, ask in enumerate(asked, start=1):
        found.add(*ask, condition)
    return found


def read(asked: Vocabulary, given_texts: dict[EvidenceField, str]) -> Found:
    """Return each (condition, field, number of the word within the field)."""
    result = asked.read(given_texts)
    starts = sorted((start, field) for field, start in result.starts.items())
    found: Found = set()
    for condition, position in zip(result.conditions.tolist(), result.positions.tolist(), strict=True):
        start, field = max(each for each in starts if each[0] <= position)
        found.add((condition, field, position - start))
    assert len(found) == len(result.conditions)
    return found


def expected(asked: list[Asked], given_texts: dict[EvidenceField, str]) -> Found:
    return {
        (condition, field, at)
        for field, text in given_texts.items()
        for at, surface in enumerate(surfaces(text))
        for condition, (scope, form, wanted) in enumerate(asked, start=1)
        if scope in FIELD_SCOPES[field] and holds(form, wanted, surface)
    }


def holds(form: Form, wanted: str, surface: str) -> bool:
    analysis = analyze(surface)
    match form:
        case Form.KEY:
            return wanted in analysis.keys
        case Form.EXACT:
            return wanted in analysis.exact
        case Form.PREFIX:
            return analysis.folded.startswith(wanted)


@settings(max_examples=150, deadline=None)
@given(st.text() | texts())
def test_no_word_reaches_across_a_blank(text: str) -> None:
    assert surfaces(text) == [surface for chunk in text.split() for surface in surfaces(chunk)]


@each_lexicon
@settings(max_examples=volume(30, 80), deadline=None)
@given(articles, articles)
def test_every_word_makes_true_what_asks_for_it(
    lexicon: NewLexicon, first: dict[EvidenceField, str], second: dict[EvidenceField, str]
) -> None:
    asked = filled(ASKED, lexicon)
    for each in (first, second, first):
        assert read(asked, each) == expected(ASKED, each)


@each_lexicon
@settings(max_examples=volume(30, 80), deadline=None)
@given(articles, st.permutations(ASKED), st.integers(0, len(ASKED)))
def test_a_condition_added_late_holds_for_words_seen_before(
    lexicon: NewLexicon, given_texts: dict[EvidenceField, str], asked: list[Asked], late: int
) -> None:
    grown = filled(asked[:late], lexicon)
    grown.read(given_texts)
    for condition, ask in enumerate(asked[late:], start=late + 1):
        grown.add(*ask, condition)
    assert read(grown, given_texts) == expected(asked, given_texts)


@each_lexicon
@settings(max_examples=40, deadline=None)
@given(articles)
def test_reading_in_parts_and_forgetting_words_changes_nothing(
    lexicon: NewLexicon, given_texts: dict[EvidenceField, str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "MAX_CHUNKS_AT_ONCE", 3)
        patch.setattr(vocabulary, "MAX_CODES", 5)
        asked = filled(ASKED, lexicon)
        assert read(asked, given_texts) == expected(ASKED, given_texts)
        assert read(asked, given_texts) == expected(ASKED, given_texts)


@each_lexicon
@pytest.mark.parametrize("glue", [gap for gap in GAPS if not gap.isspace() and gap.strip() == gap])
def test_a_chunk_too_long_to_keep_is_read_word_by_word(lexicon: NewLexicon, glue: str) -> None:
    text = {EvidenceField.TEXT: glue.join(TEXT_WORDS * 4)}
    assert read(filled(ASKED, lexicon), text) == expected(ASKED, text)


@each_lexicon
def test_words_seen_once_do_not_fill_the_memory(lexicon: NewLexicon) -> None:
    asked = filled(ASKED, lexicon)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "MAX_CODES", 1_000)
        for number in range(50):
            asked.read({EvidenceField.TEXT: " ".join(f"w{number}x{at} {'y' * 70}{at}" for at in range(50))})
            assert len(asked) <= 1_000 + 2 * 50


@each_lexicon
def test_a_word_of_any_length_can_be_asked_for(lexicon: NewLexicon) -> None:
    long = "a" * 200
    asked: list[Asked] = [(Scope.CONTENT, Form.KEY, analyze(long).key)]
    assert read(filled(asked, lexicon), {EvidenceField.TEXT: f"x {long} {long}b"}) == {(1, EvidenceField.TEXT, 1)}


MARKS = [*",;:!?\"'()[]-/–—‘’“”….", " ", "\u00a0", "\u2003", "\u3000", "\x1c", "\u200b", "\u00ad", "Ā", "\ud800"]
marked = st.lists(st.sampled_from([*TEXT_WORDS, *MARKS, "3.5", "o'clock", "«да»"]) | st.characters(), max_size=25)


@settings(max_examples=volume(100, 300), deadline=None)
@given(marked)
def test_the_marks_around_a_chunk_are_no_part_of_its_words(parts: list[str]) -> None:
    for chunk in "".join(parts).split():
        assert surfaces(bare(chunk)) == surfaces(chunk)


@each_lexicon
@settings(max_examples=volume(60, 200), deadline=None)
@given(st.lists(marked.map("".join), min_size=1, max_size=3))
def test_whatever_stands_around_words_they_are_found(lexicon: NewLexicon, given_texts: list[str]) -> None:
    asked = filled(ASKED, lexicon)
    for text in (*given_texts, *given_texts):
        articles = {EvidenceField.TITLE: text, EvidenceField.TEXT: text[::-1]}
        assert read(asked, articles) == expected(ASKED, articles)


@each_lexicon
def test_a_word_is_learned_once_whatever_marks_are_around_it(lexicon: NewLexicon) -> None:
    learned: list[str] = []

    def learn(chunks: Sequence[str], _first: int) -> list[Learned]:
        learned.extend(chunks)
        return []

    known, anywhere = lexicon(), np.full(1, 255, np.uint8)
    for text in ('"weapons," (weapons). -weapons-', "Weapons weapons! U.S. (U.S.) weapons…"):
        known.read([Segment(EvidenceField.TEXT, text, 0, 1)], 0, anywhere, learn)
    assert learned == ["weapons", "Weapons", "U.S."]


ANYWHERE = np.full(1, 255, np.uint8)


def learn_all(chunks: Sequence[str], first: int) -> list[Learned]:
    """Let each chunk make true the condition of its own code."""
    return [Learned(at, 1, [first + at, 0]) for at in range(len(chunks))]


@each_lexicon
def test_chunks_are_told_apart_wherever_they_stand(lexicon: NewLexicon) -> None:
    """Of all lengths, at all distances from the beginning, one the beginning or the end of the other."""
    chunks = [
        "x" * size + end for size in range(20) for end in ("", "a", "\x00", "b\x00", "\x01", "é", "무", "\U0001f600")
    ]
    known = lexicon()
    first = known.read([Segment(EvidenceField.TEXT, " ".join(chunks), 0, 1)], 0, ANYWHERE, learn_all)
    assert len(set(first.conditions.tolist())) == len(set(chunks)) - 1  # there is no empty chunk
    for blanks in range(9):
        text = Segment(EvidenceField.TEXT, " " * blanks + " ".join(chunks), 0, 1)
        again = known.read([text], 0, ANYWHERE, learn_all)
        assert again.conditions.tolist() == first.conditions.tolist()


@each_lexicon
def test_what_could_not_be_learned_is_learned_the_next_time(lexicon: NewLexicon) -> None:
    def interrupted(_chunks: Sequence[str], _first: int) -> list[Learned]:
        raise KeyboardInterrupt

    known = lexicon()
    learned = known.read([Segment(EvidenceField.TEXT, "a b", 0, 1)], 0, ANYWHERE, learn_all)
    with pytest.raises(KeyboardInterrupt):
        known.read([Segment(EvidenceField.TEXT, "a c d", 0, 1)], 0, ANYWHERE, interrupted)
    again = known.read([Segment(EvidenceField.TEXT, "d a b c", 0, 1)], 0, ANYWHERE, learn_all)
    assert (learned.conditions.tolist(), again.conditions.tolist()) == ([0, 1], [2, 0, 1, 3])


@each_lexicon
@pytest.mark.parametrize("char", ["x", "é", "무", "\U0001f600"])
@pytest.mark.parametrize("chars", [MAX_CACHED_CHARS - 1, MAX_CACHED_CHARS, MAX_CACHED_CHARS + 1, 200])
def test_a_condition_added_late_holds_for_chunks_of_any_length(lexicon: NewLexicon, char: str, chars: int) -> None:
    text = {EvidenceField.TEXT: f"a {(chars - len('-weapon')) * char}-weapon b"}
    asked: list[Asked] = [(Scope.CONTENT, Form.KEY, "b"), (Scope.CONTENT, Form.KEY, "weapon")]
    grown = filled(asked[:1], lexicon)
    grown.read(text)
    grown.add(*asked[1], 2)
    assert read(grown, text) == expected(asked, text)


@each_lexicon
@pytest.mark.parametrize("char", ["x", "é", "무", "\U0001f600"])
def test_chunks_of_so_many_characters_are_kept(lexicon: NewLexicon, char: str) -> None:
    learned: list[str] = []

    def learn(chunks: Sequence[str], _first: int) -> list[Learned]:
        learned.extend(chunks)
        return []

    known, longest = lexicon(), char * MAX_CACHED_CHARS
    for _ in range(3):
        known.read([Segment(EvidenceField.TEXT, f"{longest} {longest}{char}", 0, 1)], 0, ANYWHERE, learn)
    assert (learned.count(longest), learned.count(longest + char)) == (1, 3)


@pytest.mark.parametrize("late", [0, 1, 2, 3])
def test_a_prefix_is_found_whether_shorter_ones_came_before_or_after_it(late: int) -> None:
    asked: list[Asked] = [(Scope.CONTENT, Form.PREFIX, text) for text in ("suppl", "supplie", "seoul", "sup")]
    text = {EvidenceField.TEXT: "supplies sup su Seoul seou x Supper поставка"}
    for order in (asked, asked[::-1]):
        grown = filled(order[:late], PlainLexicon)
        grown.read(text)
        for condition, ask in enumerate(order[late:], start=late + 1):
            grown.add(*ask, condition)
        assert read(grown, text) == expected(order, text)
