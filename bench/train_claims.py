"""Train the classifiers of the claim coder on seeds/training, and say how well they do on slices they have not seen.

    python -m bench.train_claims            # cross-validates, prints its table, writes the weights
    python -m bench.train_claims --check    # cross-validates only

The same corpus gives the same file. Needs scikit-learn (dependency group `bench`); the product does not.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse
from sklearn.metrics import classification_report, f1_score
from sklearn.svm import LinearSVC

from services.domain.claims import model as shipped
from services.domain.claims.cues import cue_book
from services.domain.claims.decide import combined_event
from services.domain.claims.events import RuleEvent, rule_events
from services.domain.claims.features import features, word_features
from services.domain.claims.reading import read as read_sentence

SLICES = ("mil", "dip", "eco", "sec", "pos", "wirea", "wireb", "wirec")
WEIGHTS = Path("services/domain/claims/data/classifiers.npz")
# A mode is one of eight for these events; for the others it comes from the cue.
MODAL_EVENTS = frozenset(("AGREE", "REQUEST", "REJECT", "THREATEN"))
# The corpus codes "has no plan to" as a plan denied. Whoever says so of themselves takes the position of refusing,
# which is how the coder has it.
NO_PLAN = re.compile(
    r"\b(?:no|any|without) (?:plans?|intention|intent)\b|\b(?:not|n't) (?:plan|planning|intend)", re.IGNORECASE
)
HEADS: dict[str, Callable[[dict[str, Any]], str]] = {
    "event": lambda row: str(row["event"]),
    "read": lambda row: str(row["event"]),  # the event again, by the words without the cues
    "mode": lambda row: str(row["mode"]) if row["event"] in MODAL_EVENTS else "",
    "object": lambda row: str(row["object"]),
    "modality": lambda row: str(row["modality"]),
    "attribution": lambda row: str(row["attribution"]),
}
_SEEN_AT_LEAST = 4
_C = 0.3
# On other kinds of text, what is common here is not as common.
_EVENED = frozenset(("event", "read", "object", "modality", "attribution"))
_RARE_WEIGHT = 0.5


class Example(NamedTuple):
    """A labelled statement: its features with and without known roles, those of words alone, what the rules find."""

    row: dict[str, Any]
    with_roles: set[int]
    without: set[int]
    words_only: set[int]
    rules: list[RuleEvent]


class Fitted(NamedTuple):
    """One head: its classes, and weights over the features of a vocabulary."""

    classes: tuple[str, ...]
    weights: NDArray[np.float64]  # features x classes
    biases: NDArray[np.float64]


def examples(folder: Path = Path("seeds/training")) -> list[Example]:
    book = cue_book("en")
    found = []
    for name in SLICES:
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["event"] == "AGREE" and row["modality"] == "denied" and NO_PLAN.search(row["text"]):
                row |= {"event": "REJECT", "modality": "asserted"}
            roles = read_sentence(row["text"], book, row["actor"], row["recipient"])
            bare, before = read_sentence(row["text"], book), row.get("before")
            before_roles = read_sentence(before, book, row["actor"], row["recipient"]) if before else None
            before_bare = read_sentence(before, book) if before else None
            found.append(
                Example(
                    row,
                    features(roles, before_roles),
                    features(bare, before_bare),
                    word_features(roles, before_roles) | word_features(bare, before_bare),
                    rule_events(roles),
                )
            )
    return found


def vocabulary(seen: Sequence[set[int]]) -> dict[int, int]:
    counts = Counter(number for one in seen for number in one)
    return {number: at for at, number in enumerate(sorted(n for n, count in counts.items() if count >= _SEEN_AT_LEAST))}


def matrix(seen: Sequence[set[int]], known: dict[int, int]) -> sparse.csr_matrix:
    rows = [[known[number] for number in sorted(one) if number in known] for one in seen]
    values = np.concatenate([np.full(len(row), len(row) ** -0.5) for row in rows if row])
    columns = np.concatenate([np.array(row, dtype=np.int64) for row in rows if row])
    ends = np.cumsum([0, *map(len, rows)])
    return sparse.csr_matrix((values, columns, ends), shape=(len(rows), len(known)))


def fit(known: dict[int, int], training: Sequence[Example], name: str) -> Fitted:
    label = HEADS[name]
    used = [one for one in training if name != "mode" or one.row["event"] in MODAL_EVENTS]
    seen = matrix([one.with_roles for one in used] + [one.without for one in used], known)
    if name == "read":
        seen = seen @ _only_words(training, known)
    labels = [label(one.row) for one in used]
    rare = {one: (len(labels) / count / len(set(labels))) ** _RARE_WEIGHT for one, count in Counter(labels).items()}
    machine = LinearSVC(C=_C, class_weight=rare if name in _EVENED else None, random_state=0)
    machine.fit(seen, labels * 2)
    return Fitted(tuple(map(str, machine.classes_)), machine.coef_.T, machine.intercept_)


def _only_words(training: Sequence[Example], known: dict[int, int]) -> sparse.csr_matrix:
    """Return the matrix that leaves of the features only those of words."""
    kept = np.zeros(len(known))
    kept[[known[number] for one in training for number in one.words_only if number in known]] = 1.0
    return sparse.diags(kept).tocsr()


def scores(head: Fitted, seen: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(seen @ head.weights + head.biases)


def temperature(held_out: NDArray[np.float64], truth: Sequence[int]) -> float:
    """Return the factor by which held-out scores say most truly how likely each class is."""

    def loss(factor: float) -> float:
        raised = held_out * factor
        raised = raised - raised.max(axis=1, keepdims=True)
        logs = raised - np.log(np.exp(raised).sum(axis=1, keepdims=True))
        return -float(np.mean(logs[np.arange(len(truth)), truth]))

    return float(optimize.minimize_scalar(loss, bounds=(0.2, 20), method="bounded").x)


def confidence_of(found: Sequence[tuple[float, bool, bool, bool]]) -> tuple[float, ...]:
    """Fit the weights of the confidence to (probability, is_ruled, is_read, right) of held-out statements."""
    chance = np.clip(np.array([one[0] for one in found]), 1e-4, 1 - 1e-4)
    ruled, by_words, right = (np.array([one[n] for one in found], dtype=float) for n in (1, 2, 3))
    odds = np.log(chance / (1 - chance))

    def loss(weights: NDArray[np.float64]) -> float:
        z = weights[0] + weights[1] * odds + weights[2] * ruled + weights[3] * by_words
        return float(np.mean(np.log1p(np.exp(-np.where(right > 0, z, -z)))))

    fitted = optimize.minimize(loss, np.array([0.0, 1.0, 0.5, 0.5]), method="BFGS").x
    return tuple(round(float(weight), 3) for weight in fitted)


def folds(corpus: Sequence[Example]) -> Iterator[tuple[str, list[Example], list[Example]]]:
    for name in SLICES:
        inside = [one for one in corpus if one.row["id"].startswith(name)]
        yield name, [one for one in corpus if not one.row["id"].startswith(name)], inside


class HeldOut(NamedTuple):
    """Scores of statements by weights that had not seen them."""

    classes: tuple[str, ...]
    scores: NDArray[np.float64]
    truth: list[str]
    tested: list[Example]


def cross_validate(corpus: Sequence[Example]) -> dict[str, HeldOut]:
    """Train on all slices but one and score that one, for each head."""
    found: dict[str, list[HeldOut]] = {name: [] for name in HEADS}
    for _, training, tested in folds(corpus):
        known = vocabulary([seen for one in training for seen in (one.with_roles, one.without)])
        for name, label in HEADS.items():
            used = [one for one in tested if name != "mode" or one.row["event"] in MODAL_EVENTS]
            head = fit(known, training, name)
            got = scores(head, matrix([one.with_roles for one in used], known))
            found[name].append(HeldOut(head.classes, got, [label(one.row) for one in used], used))
    return {
        name: HeldOut(
            parts[0].classes,
            np.concatenate([part.scores for part in parts]),
            [truth for part in parts for truth in part.truth],
            [one for part in parts for one in part.tested],
        )
        for name, parts in found.items()
    }


def report(name: str, held: HeldOut, chosen: Sequence[str], kind: str, *, classes: bool = False) -> None:
    right = np.mean([a == b for a, b in zip(chosen, held.truth, strict=True)])
    macro = f1_score(held.truth, chosen, average="macro", zero_division=0)
    per_slice = {
        one: np.mean(
            [a == b for a, b, e in zip(chosen, held.truth, held.tested, strict=True) if e.row["id"].startswith(one)]
        )
        for one in SLICES
    }
    print(f"{name:12} {kind:16} {right:8.3f} {macro:8.3f}   " + "  ".join(f"{k} {v:.3f}" for k, v in per_slice.items()))
    if classes:
        print(classification_report(held.truth, chosen, zero_division=0, digits=3))


def evaluate(held: dict[str, HeldOut]) -> tuple[dict[str, float], tuple[float, ...]]:
    """Print the table and return temperatures and the fit of the confidence."""
    print(f"{'head':12} {'by':16} {'accuracy':>8} {'macro-F1':>8}   accuracy by slice held out")
    temperatures = {}
    for name, one in held.items():
        temperatures[name] = temperature(one.scores, [one.classes.index(truth) for truth in one.truth])
        most = Counter(one.truth).most_common(1)[0][0]
        report(name, one, [most] * len(one.truth), "majority")
        report(
            name,
            one,
            [one.classes[at] for at in one.scores.argmax(axis=1)],
            "classifier",
            classes=name not in ("event", "read"),
        )
    fitted = _evaluate_events(held["event"], held["read"], temperatures["event"])
    return temperatures, fitted


def _evaluate_events(held: HeldOut, words: HeldOut, factor: float) -> tuple[float, ...]:
    ruled = [one.rules[0].event if one.rules else "NONE" for one in held.tested]
    report("event", held, ruled, "rules")
    chances = [_chances(held.classes, row * factor) for row in held.scores]
    by_words = [_chances(words.classes, row) for row in words.scores]
    both = [
        combined_event(chance, one.rules, read)
        for chance, one, read in zip(chances, held.tested, by_words, strict=True)
    ]
    report("event", held, [one.event for one in both], "combined", classes=True)
    told = [(one, one.event == truth) for one, truth in zip(both, held.truth, strict=True) if one.event != "NONE"]
    for kind, right in (
        ("cues and words agree", [right for one, right in told if one.is_ruled and one.is_read]),
        ("one of them agrees", [right for one, right in told if one.is_ruled != one.is_read]),
        ("neither", [right for one, right in told if not one.is_ruled and not one.is_read]),
    ):
        print(f"{kind}: {len(right)} of {len(both)}, precision {np.mean(right):.3f}")
    return confidence_of([(one.probability, one.is_ruled, one.is_read, right) for one, right in told])


def _chances(classes: Sequence[str], row: NDArray[np.float64]) -> dict[str, float]:
    raised = np.exp(row - row.max())
    return dict(zip(classes, (raised / raised.sum()).tolist(), strict=True))


def write_weights(corpus: Sequence[Example], temperatures: dict[str, float], confidence: tuple[float, ...]) -> None:
    known = vocabulary([seen for one in corpus for seen in (one.with_roles, one.without)])
    fitted = {name: fit(known, corpus, name) for name in HEADS}
    weights = np.concatenate([one.weights for one in fitted.values()], axis=1)
    biases = np.concatenate([one.biases for one in fitted.values()])
    # Every class in 127 steps up and down; what rounds to nothing everywhere need not be kept.
    scales = np.abs(weights).max(axis=0) / 127
    whole = np.rint(weights / scales).astype(np.int8)
    kept = np.abs(whole).max(axis=1) > 0
    numbers = np.array(sorted(known), dtype=np.uint32)
    first = np.cumsum([0, *(len(one.classes) for one in fitted.values())])
    about = {
        "format": shipped.MODEL_FORMAT,
        "confidence": confidence,
        "heads": [
            {"name": name, "classes": one.classes, "first": int(at), "temperature": round(temperatures[name], 4)}
            for (name, one), at in zip(fitted.items(), first, strict=False)
        ],
    }
    shipped.save_model(
        WEIGHTS,
        {
            "hashes": numbers[kept],
            "weights": whole[kept],
            "scales": scales.astype(np.float32),
            "biases": biases.astype(np.float32),
        },
        about,
    )
    print(f"{WEIGHTS}: {int(kept.sum())} features, {WEIGHTS.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="cross-validate only")
    chosen = parser.parse_args()
    corpus = examples()
    temperatures, confidence = evaluate(cross_validate(corpus))
    print("temperatures", temperatures, "confidence", confidence)
    if not chosen.check:
        write_weights(corpus, temperatures, confidence)


if __name__ == "__main__":
    main()
