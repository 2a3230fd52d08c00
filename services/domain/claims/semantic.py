"""A second reading of what a sentence tells of: by its meaning as a sentence embedding has it, where one is at hand.

Embeddings hardly tell "will send" from "will not send", nor who acts. So they only join the reading by words in saying
how likely each event is; negation, actors, modality and attribution stay with cues and rules.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import as_file, files
from itertools import groupby
from math import exp, log
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from services.domain.claims.model import Head, ModelError, softmax
from services.domain.claims.reading import ACTOR, NAME, RECIPIENT, Reading

SEMANTIC_FORMAT = 1
# What stands for whom, so that no meaning hangs on which country it is.
_STANDS_FOR = {ACTOR: "Country A", RECIPIENT: "Country B", NAME: "X"}
_LEAST = 1e-9  # no reading rules an event out


class Embedder(Protocol):
    """Turns texts into meanings. The same text gives the same row, whichever others are asked for with it."""

    @property
    def name(self) -> str:
        """The model's name, as the version of the coder has it; one name, one meaning of the numbers."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of unit length for each text."""
        ...


class Pool(NamedTuple):
    """How much what is likely by words counts, and how much what is likely by meaning: weights of their log-odds."""

    words: float
    meaning: float


class SemanticHead(NamedTuple):
    """The trained classifier of events over the embeddings of one model: those of a sentence and of the one before it.

    `weights` is twice the size of an embedding x classes; `pools` are, by name, the heads over words that it joins.
    """

    embedder: str
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    head: Head
    pools: Mapping[str, Pool]

    def chances(self, meaning: NDArray[np.float32]) -> dict[str, float]:
        """Return how likely each event is, by the meaning of a sentence."""
        scores = meaning @ self.weights + self.biases
        return dict(zip(self.head.classes, softmax(scores, self.head).tolist(), strict=True))


class SemanticReading:
    """Reads sentences by their meaning. Raises ModelError where the head was trained on another embedder."""

    def __init__(self, embedder: Embedder, head: SemanticHead | None = None) -> None:
        self._embedder = embedder
        self._head = head or shipped_head()
        if self._head.embedder != embedder.name:
            raise ModelError(f"a head over {self._head.embedder}, given embeddings of {embedder.name}")

    @property
    def name(self) -> str:
        """The name by which claims tell that they were read so."""
        return self._embedder.name

    def joined(
        self, by_words: Mapping[str, Mapping[str, float]], reading: Reading, before: Reading | None = None
    ) -> dict[str, dict[str, float]]:
        """Return what is likely by words, by head and class, with the events by words and meaning together.

        `before` is the sentence that this one leans on. In languages but English, all is by words alone.
        """
        found = {name: dict(chances) for name, chances in by_words.items()}
        if reading.lang == "en":
            meant = self._head.chances(meaning_of(reading, before, self._embedder))
            found |= {name: joined_chances(found[name], meant, pool) for name, pool in self._head.pools.items()}
        return found


def joined_chances(by_words: Mapping[str, float], meant: Mapping[str, float], pool: Pool) -> dict[str, float]:
    """Return how likely each event of `by_words` is, by both."""
    odds = {
        event: pool.words * log(chance + _LEAST) + pool.meaning * log(meant[event] + _LEAST)
        for event, chance in by_words.items()
    }
    highest = max(odds.values())
    raised = {event: exp(one - highest) for event, one in odds.items()}
    total = sum(raised.values())
    return {event: one / total for event, one in raised.items()}


def meaning_of(reading: Reading, before: Reading | None, embedder: Embedder) -> NDArray[np.float32]:
    """Return the meaning of a sentence and of the one before it, zeros where it leans on none."""
    texts = [masked_text(one) for one in (reading, before) if one is not None]
    rows = embedder.embed(texts).ravel()
    return rows if before is not None else np.concatenate([rows, np.zeros_like(rows)])


def masked_text(reading: Reading) -> str:
    """Return the text of a reading, with the same words for whoever acts, is acted on, or is named besides."""
    parts, at = [], 0
    for mask, run in groupby(zip(reading.words, reading.masks, strict=True), key=lambda pair: pair[1]):
        words = [word for word, _ in run]
        if mask in _STANDS_FOR:
            parts += [reading.text[at : words[0].start - reading.offset], _STANDS_FOR[mask]]
            at = words[-1].end - reading.offset
    return "".join([*parts, reading.text[at:]])


def load_head(path: Path) -> SemanticHead:
    """Read a head, or raise ModelError."""
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        if about["format"] != SEMANTIC_FORMAT:
            raise ModelError(f"{path}: format {about['format']}, expected {SEMANTIC_FORMAT}")
        steps, scales, biases = stored["weights"], stored["scales"], stored["biases"]
    classes = tuple(about["classes"])
    if not steps.shape[1] == len(scales) == len(biases) == len(classes):
        raise ModelError(f"{path}: weights of shape {steps.shape} for {len(classes)} classes")
    return SemanticHead(
        embedder=about["embedder"],
        weights=steps.astype(np.float32) * scales,
        biases=biases,
        head=Head("meant", classes, 0, about["temperature"]),
        pools={name: Pool(*weights) for name, weights in about["pools"].items()},
    )


@cache
def shipped_head() -> SemanticHead:
    """Return the head that ships with the package, read once."""
    with as_file(files("services.domain.claims") / "data" / "semantic.npz") as path:
        return load_head(path)
