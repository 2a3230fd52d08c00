"""Train the classifier of cue senses (services/domain/claims/senses) on seeds/training, and say how well it does.

    python -m bench.train_senses            # cross-validates over slices, writes the weights
    python -m bench.train_senses --check    # cross-validates only

It sees no words, so that what it learns on English holds for every language with a cue file; how well it holds there is
measured with `python -m bench.claims --statements FILE`. The same corpus gives the same file.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from bench.train_claims import NO_PLAN, SLICES, confidence_of, matrix, temperature, vocabulary
from services.domain.claims import model as shipped
from services.domain.claims.cues import cue_book
from services.domain.claims.events import rule_events
from services.domain.claims.reading import read
from services.domain.claims.senses import sense_features

WEIGHTS = Path("services/domain/claims/data/senses.npz")
_C = 0.1
_RARE_WEIGHT = 0.5


class Sensed(NamedTuple):
    """A labelled statement: its slice, its event, its features, and the event that the cues find by themselves."""

    part: str
    event: str
    seen: set[int]
    ruled: str


class Machine(NamedTuple):
    """A fitted classifier, and the features that it knows."""

    known: dict[int, int]
    classes: tuple[str, ...]
    weights: NDArray[np.float64]  # features x classes
    biases: NDArray[np.float64]

    def scores(self, tested: list[Sensed]) -> NDArray[np.float64]:
        """Return the score of each class, a row for each statement."""
        return np.asarray(matrix([one.seen for one in tested], self.known) @ self.weights + self.biases)


def examples(folder: Path = Path("seeds/training")) -> list[Sensed]:
    book, found = cue_book("en"), []
    for part in SLICES:
        for line in (folder / f"{part}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            refuses = row["event"] == "AGREE" and row["modality"] == "denied" and NO_PLAN.search(row["text"])
            reading = read(row["text"], book, row["actor"], row["recipient"])
            rules = rule_events(reading)
            event = "REJECT" if refuses else str(row["event"])
            found.append(Sensed(part, event, sense_features(reading, rules), rules[0].event if rules else "NONE"))
    return found


def fit(training: list[Sensed]) -> Machine:
    known = vocabulary([one.seen for one in training])
    labels = [one.event for one in training]
    rare = {name: (len(labels) / labels.count(name) / len(set(labels))) ** _RARE_WEIGHT for name in set(labels)}
    machine = LinearSVC(C=_C, class_weight=rare, random_state=0)
    machine.fit(matrix([one.seen for one in training], known), labels)
    return Machine(known, tuple(map(str, machine.classes_)), machine.coef_.T, machine.intercept_)


def evaluate(corpus: list[Sensed]) -> tuple[float, tuple[float, ...]]:
    """Print how often held-out events are right; return the temperature and the fit of the confidence."""
    rows, tested = [], []
    classes: tuple[str, ...] = ()
    for part in SLICES:
        machine = fit([one for one in corpus if one.part != part])
        held = [one for one in corpus if one.part == part]
        classes = machine.classes
        rows.append(machine.scores(held))
        tested += held
    scores = np.concatenate(rows)
    factor = temperature(scores, [classes.index(one.event) for one in tested])
    raised = np.exp(scores * factor - (scores * factor).max(axis=1, keepdims=True))
    chances = raised / raised.sum(axis=1, keepdims=True)
    found = [(classes[row.argmax()], float(row.max())) for row in chances]
    right = [event == one.event for (event, _), one in zip(found, tested, strict=True)]
    print(f"senses: {np.mean(right):.3f} of {len(right)}")
    for part in SLICES:
        print(f"  {part:6} {np.mean([r for r, one in zip(right, tested, strict=True) if one.part == part]):.3f}")
    agreed = [r for r, (event, _), one in zip(right, found, tested, strict=True) if event == one.ruled != "NONE"]
    print(f"cues and senses agree on an event: {len(agreed)}, right {np.mean(agreed):.3f}")
    told = [
        (float(row[classes.index(one.ruled)]), True, event == one.ruled, one.ruled == one.event)
        for row, (event, _), one in zip(chances, found, tested, strict=True)
        if one.ruled != "NONE"
    ]
    base, slope, ruled, both = confidence_of(told)
    return factor, (round(base + ruled, 3), slope, 0.0, both)


def write(machine: Machine, factor: float, confidence: tuple[float, ...]) -> None:
    scales = np.maximum(np.abs(machine.weights).max(axis=0), 1e-9) / 127
    hashes = np.array(sorted(machine.known, key=machine.known.__getitem__), dtype=np.uint32)
    head = {"name": "event", "classes": machine.classes, "first": 0, "temperature": round(factor, 4)}
    shipped.save_model(
        WEIGHTS,
        {
            "hashes": hashes,
            "weights": np.round(machine.weights / scales).astype(np.int8),
            "scales": scales.astype(np.float32),
            "biases": machine.biases.astype(np.float32),
        },
        {"format": shipped.MODEL_FORMAT, "heads": [head], "confidence": confidence},
    )
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size:,} bytes, {len(hashes)} features")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="cross-validate only")
    chosen = parser.parse_args()
    corpus = examples()
    factor, confidence = evaluate(corpus)
    print(f"temperature {factor:.2f}, confidence {confidence}")
    if not chosen.check:
        write(fit(corpus), factor, confidence)


if __name__ == "__main__":
    main()
