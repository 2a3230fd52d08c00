"""The trained classifiers: linear, over hashed features, with weights that ship as data."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import as_file, files
from math import exp, log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MODEL_FORMAT = 2


class Head(NamedTuple):
    """One classifier: its classes stand in the columns from `first` on; `temperature` makes scores probabilities."""

    name: str
    classes: tuple[str, ...]
    first: int
    temperature: float


class ModelError(ValueError):
    """Weights that are not what this version reads."""


class ClaimModel:
    """Says for the features of a sentence how likely each class of each head is."""

    def __init__(
        self,
        *,
        hashes: NDArray[np.uint32],
        weights: NDArray[np.int8],
        scales: NDArray[np.float32],
        biases: NDArray[np.float32],
        heads: Iterable[Head],
        confidence: tuple[float, float, float, float],
    ) -> None:
        if weights.shape != (len(hashes), len(scales)) or len(biases) != len(scales):
            raise ModelError(f"weights of shape {weights.shape} for {len(hashes)} features and {len(scales)} classes")
        self._rows = {int(number): row for row, number in enumerate(hashes)}
        self._weights = weights
        self._scales = scales
        self._biases = biases
        self.heads = {head.name: head for head in heads}
        self._confidence = confidence

    def probabilities(self, found: Iterable[int]) -> dict[str, dict[str, float]]:
        """Return the probability of each class of each head, given the features of a sentence."""
        rows = [self._rows[number] for number in found if number in self._rows]
        scores = self._biases.copy()
        if rows:
            total = self._weights[rows].sum(axis=0, dtype=np.int32).astype(np.float32)
            scores += total * self._scales / np.float32(len(rows) ** 0.5)
        return {
            name: dict(zip(head.classes, softmax(scores, head).tolist(), strict=True))
            for name, head in self.heads.items()
        }

    def confidence(self, probability: float, *, is_ruled: bool, is_read: bool) -> float:
        """Return how likely the event is right, as measured on statements that the weights had not seen.

        `is_ruled` says that the leading cue has it too, `is_read` that the words without the cues have.
        """
        base, slope, ruled, read = self._confidence
        bounded = min(max(probability, 1e-4), 1 - 1e-4)
        return 1 / (1 + exp(-(base + slope * log(bounded / (1 - bounded)) + ruled * is_ruled + read * is_read)))


def softmax(scores: NDArray[np.float32], head: Head) -> NDArray[np.float64]:
    """Return how likely each class of a head is, given the scores of all heads."""
    own = scores[head.first : head.first + len(head.classes)].astype(np.float64) * head.temperature
    raised = np.exp(own - own.max())
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def best_of(probabilities: Mapping[str, float]) -> tuple[str, float]:
    """Return the likeliest class and its probability; of equals the first by name."""
    return min(probabilities.items(), key=lambda pair: (-pair[1], pair[0]))


def save_model(path: Path, model: Mapping[str, NDArray[np.generic]], about: Mapping[str, object]) -> None:
    """Write weights and what they are as one file, the same bytes for the same weights."""
    header = np.frombuffer(json.dumps(about, sort_keys=True).encode(), dtype=np.uint8)
    np.savez_compressed(path, allow_pickle=False, about=header, **model)


def load_model(path: Path) -> ClaimModel:
    """Read weights, or raise ModelError."""
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        if about["format"] != MODEL_FORMAT:
            raise ModelError(f"{path}: format {about['format']}, expected {MODEL_FORMAT}")
        base, slope, ruled, read = about["confidence"]
        return ClaimModel(
            hashes=stored["hashes"],
            weights=stored["weights"],
            scales=stored["scales"],
            biases=stored["biases"],
            heads=[
                Head(one["name"], tuple(one["classes"]), one["first"], one["temperature"]) for one in about["heads"]
            ],
            confidence=(base, slope, ruled, read),
        )


@cache
def shipped_model() -> ClaimModel:
    """Return the weights that ship with the package, read once."""
    with as_file(files("services.domain.claims") / "data" / "classifiers.npz") as path:
        return load_model(path)
