"""The classifiers' weights, as they ship and as files."""

from pathlib import Path

import numpy as np
import pytest

from services.domain.claims.model import Head, ModelError, best_of, load_model, save_model, shipped_model


def _written(path: Path, *, form: int = 2) -> Path:
    file = path / "weights.npz"
    save_model(
        file,
        {
            "hashes": np.array([7, 9], dtype=np.uint32),
            "weights": np.array([[127, 0], [0, 127]], dtype=np.int8),
            "scales": np.array([0.1, 0.1], dtype=np.float32),
            "biases": np.zeros(2, dtype=np.float32),
        },
        {
            "format": form,
            "confidence": (0.0, 1.0, 0.5, 0.5),
            "heads": [Head("event", ("AID", "REJECT"), 0, 1.0)._asdict()],
        },
    )
    return file


def test_a_feature_speaks_for_its_class_and_unknown_ones_for_none(tmp_path: Path) -> None:
    model = load_model(_written(tmp_path))

    assert best_of(model.probabilities({7})["event"])[0] == "AID"
    assert best_of(model.probabilities({9, 123})["event"])[0] == "REJECT"
    assert model.probabilities({123})["event"] == {"AID": 0.5, "REJECT": 0.5}


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    assert _written(tmp_path).read_bytes() == _written(tmp_path / "other").read_bytes()


def test_weights_of_another_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="format 3"):
        load_model(_written(tmp_path, form=3))


def test_agreement_and_likelihood_raise_confidence(tmp_path: Path) -> None:
    model = load_model(_written(tmp_path))

    def confidence(likely: float, *, is_ruled: bool = False, is_read: bool = False) -> float:
        return model.confidence(likely, is_ruled=is_ruled, is_read=is_read)

    assert confidence(0.9, is_ruled=True, is_read=True) > confidence(0.9, is_read=True) > confidence(0.9)
    assert confidence(0.9) > confidence(0.3)
    assert 0 < confidence(0.0) < confidence(1.0, is_ruled=True, is_read=True) < 1


def test_shipped_weights_are_small_and_whole() -> None:
    heads = shipped_model().heads

    assert set(heads) == {"event", "read", "mode", "object", "modality", "attribution"}
    assert all(sum(chances.values()) == pytest.approx(1) for chances in shipped_model().probabilities({1, 2}).values())
