"""The vocabulary finds, for every word of an article, exactly the conditions that ask for it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.match import EvidenceField
from services.domain.rules import vocabulary
from services.domain.rules.array_lexicon import ArrayLexicon
from services.domain.rules.lexicon import Learned, Lexicon, PlainLexicon, Segment, bare
from services.domain.rules.vocabulary import FIELD_SCOPES, Form, Scope, Vocabulary
from services.domain.text.analyzer import analyze, surfaces
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
    learned = []

    def learn(chunk: str, _code: int) -> Learned:
        learned.append(chunk)
        return Learned(1, [], [])

    known, anywhere = lexicon(), np.full(1, 255, np.uint8)
    for text in ('"weapons," (weapons). -weapons-', "Weapons weapons! U.S. (U.S.) weapons…"):
        known.read([Segment(EvidenceField.TEXT, text, 0, 1)], 0, anywhere, learn)
    assert learned == ["weapons", "Weapons", "U.S."]
