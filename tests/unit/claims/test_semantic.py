"""The reading by meaning: what is embedded, how it joins the reading by words, and what the coder makes of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.domain.claims.coder import CODER_VERSION, Coder
from services.domain.claims.cues import cue_book
from services.domain.claims.model import Head, ModelError, best_of, save_model, shipped_model
from services.domain.claims.reading import Reading, read
from services.domain.claims.semantic import (
    SEMANTIC_FORMAT,
    Pool,
    SemanticHead,
    SemanticReading,
    joined_chances,
    load_head,
    masked_text,
    meaning_of,
    shipped_head,
)
from services.domain.text.gazetteer import Gazetteer
from tests.unit.claims.gazetteer import ACTORS, article, code_one

EVENTS = ("AID", "REJECT")
SENT = "Norway will not send howitzers to Moldova, the defence ministry said."


class FakeEmbedder:
    """Embeds by what a text holds: the numbers of the first of `meanings` found in it, else (1, 0)."""

    name = "fake"

    def __init__(self, meanings: Mapping[str, Sequence[float]]) -> None:
        self.asked: list[str] = []
        self._meanings = meanings

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.array([self._of(text) for text in texts], dtype=np.float32)

    def _of(self, text: str) -> Sequence[float]:
        return next((row for words, row in self._meanings.items() if words in text), (1, 0))


def english(text: str, actor: str = "", recipient: str = "") -> Reading:
    return read(text, cue_book("en"), actor, recipient)


def head(*, embedder: str = "fake") -> SemanticHead:
    """A head by which the first number of a meaning speaks for AID, the second for REJECT; the words count little."""
    weights = np.array([[1, 0], [0, 1], [0, 0], [0, 0]], dtype=np.float32)
    pools = {"read": Pool(0.1, 1.0)}
    return SemanticHead(embedder, weights, np.zeros(2, dtype=np.float32), Head("", EVENTS, 0, 9.0), pools)


def test_actor_recipient_and_names_are_masked_and_nothing_else() -> None:
    reading = english("The United States will arm Moldova; Elena Rusu thanked it.", "United States", "Moldova")

    assert masked_text(reading) == "The Country A will arm Country B; X thanked it."


def test_a_sentence_is_masked_by_the_offsets_of_its_field() -> None:
    reading = english("Norway will arm Moldova.", "Norway", "Moldova")
    words = [word._replace(start=word.start + 40, end=word.end + 40) for word in reading.words]

    assert masked_text(reading._replace(words=words, offset=40)) == "Country A will arm Country B."


@given(st.text(alphabet=st.characters(exclude_categories=("Lu", "Lt")), max_size=80))
@settings(max_examples=60)
def test_a_text_without_names_is_embedded_as_it_is(text: str) -> None:
    assert masked_text(english(text)) == text


def test_a_sentence_that_leans_on_another_has_its_meaning_too() -> None:
    embedder = FakeEmbedder({"asked": (0, 1)})
    refused, asked = english("It refused."), english("they asked for howitzers.")

    assert meaning_of(refused, asked, embedder).tolist() == [1, 0, 0, 1]
    assert meaning_of(refused, None, embedder).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("pool", "event"),
    [(Pool(1, 0), "AID"), (Pool(0.9, 0.1), "AID"), (Pool(0.4, 0.6), "REJECT"), (Pool(0, 1), "REJECT")],
)
def test_the_pool_says_which_reading_prevails(pool: Pool, event: str) -> None:
    found = joined_chances({"AID": 0.8, "REJECT": 0.2}, {"REJECT": 0.9, "AID": 0.1}, pool)

    assert best_of(found)[0] == event
    assert sum(found.values()) == pytest.approx(1)


def test_a_reading_of_no_weight_changes_nothing() -> None:
    by_words = {"AID": 0.8, "REJECT": 0.2}

    assert joined_chances(by_words, {"AID": 0.0, "REJECT": 1.0}, Pool(1, 0)) == pytest.approx(by_words, abs=1e-6)


def test_meaning_joins_what_is_pooled_in_english_only() -> None:
    by_words = {"read": {"AID": 0.9, "REJECT": 0.1}, "event": {"AID": 0.9, "REJECT": 0.1}}
    semantic = SemanticReading(FakeEmbedder({"refuse": (0, 1)}), head())
    reading = english("They refuse.")

    found = semantic.joined(by_words, reading)

    assert best_of(found["read"])[0] == "REJECT"
    assert found["event"] == by_words["event"]
    assert semantic.joined(by_words, reading._replace(lang="ru")) == by_words


def test_a_head_over_another_embedder_is_refused() -> None:
    with pytest.raises(ModelError, match="a head over minilm, given embeddings of fake"):
        SemanticReading(FakeEmbedder({}), head(embedder="minilm"))


def test_the_shipped_head_joins_heads_of_the_shipped_words() -> None:
    shipped, words = shipped_head(), shipped_model().heads

    assert shipped.pools.keys() == {"read"}
    assert all(shipped.head.classes == words[name].classes for name in shipped.pools)
    assert shipped.weights.shape == (2 * 384, len(shipped.head.classes))


def test_a_written_head_is_read_back(tmp_path: Path) -> None:
    read_back = load_head(_written(tmp_path / "head.npz"))

    assert best_of(read_back.chances(np.array([1, 0], dtype=np.float32)))[0] == "AID"
    assert (read_back.embedder, read_back.pools) == ("fake", {"read": Pool(0.25, 0.75)})


@pytest.mark.parametrize(
    ("form", "classes", "message"),
    [(9, EVENTS, "format 9, expected 1"), (SEMANTIC_FORMAT, ("AID",), "for 1 classes")],
)
def test_a_damaged_head_is_refused(tmp_path: Path, form: int, classes: Sequence[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_head(_written(tmp_path / "head.npz", form=form, classes=classes))


def _written(path: Path, *, form: int = SEMANTIC_FORMAT, classes: Sequence[str] = EVENTS) -> Path:
    weights: dict[str, NDArray[np.generic]] = {
        "weights": np.array([[127, 0], [0, 127]], dtype=np.int8),
        "scales": np.array([0.1, 0.1], dtype=np.float32),
        "biases": np.zeros(2, dtype=np.float32),
    }
    about = {
        "format": form,
        "classes": list(classes),
        "embedder": "fake",
        "temperature": 1.0,
        "pools": {"read": (0.25, 0.75)},
    }
    save_model(path, weights, about)
    return path


def test_the_coder_agrees_only_where_the_joined_reading_does() -> None:
    classes = shipped_model().heads["read"].classes
    weights = np.zeros((4, len(classes)), dtype=np.float32)
    weights[1, classes.index("ACCUSE")] = 30.0
    pools = {"read": Pool(0.1, 0.1)}
    accuses = SemanticHead("fake", weights, np.zeros(len(classes), dtype=np.float32), Head("", classes, 0, 1.0), pools)
    embedder = FakeEmbedder({"howitzers": (0, 1)})
    coder = Coder(Gazetteer.from_actors(ACTORS), semantic=SemanticReading(embedder, accuses))

    (without,), (found,) = [code_one(SENT)], coder.code(article(SENT))

    assert (without.plover.event, without.agreed) == ("REJECT", True)
    assert (found.plover.event, found.agreed) == ("REJECT", False)
    assert (found.actor, found.modality, found.attribution) == (without.actor, without.modality, without.attribution)
    assert embedder.asked == ["Country A will not send howitzers to Country B, the defence ministry said."]


def test_the_version_tells_which_reading_was_used() -> None:
    gazetteer = Gazetteer.from_actors(ACTORS)

    assert Coder(gazetteer).version == CODER_VERSION
    assert Coder(gazetteer, semantic=SemanticReading(FakeEmbedder({}), head())).version == f"{CODER_VERSION}+fake"
