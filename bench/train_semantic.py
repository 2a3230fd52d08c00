"""Train the reading of events by sentence embeddings on seeds/training, and say how well it does on unseen slices.

    python -m bench.train_semantic            # cross-validates, prints its table, writes the weights
    python -m bench.train_semantic --check    # cross-validates only

Run it after `python -m bench.train_claims`, with whose reading by words it is joined. On one machine,
the same corpus and weights give the same file. Needs scikit-learn (dependency group `bench`) and the extra `semantic`.
"""

import argparse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.train_claims import SLICES, Example, examples, fit, folds, matrix, scores, temperature, vocabulary
from services.domain.claims import semantic as shipped
from services.domain.claims.cues import cue_book
from services.domain.claims.decide import combined_event
from services.domain.claims.model import Head, best_of, save_model, softmax
from services.domain.claims.reading import read as read_sentence
from services.domain.claims.semantic import Pool, joined_chances, meaning_of
from services.runtime.embeddings import MiniLmEmbedder

WEIGHTS = Path("services/domain/claims/data/semantic.npz")
_C = 5.0
_JOINED = ("event", "read")
# What ships: the reading by words alone. Were the meaning in the other head, too, both would err together, and what
# they agree on would be right less often on the ladders.
_SHIPPED = ("read",)
Matrix = NDArray[np.float32]
Chances = list[dict[str, float]]


class Unseen(NamedTuple):
    """What each head says of statements that its weights had not seen, and what is true."""

    tested: list[Example]
    truth: list[str]
    by_words: dict[str, Chances]
    meant: Chances
    temperature: float  # of `meant`


def meanings_of(corpus: Sequence[Example], embedder: shipped.Embedder) -> Matrix:
    """Return what every statement means, with its actor and recipient known: a claim has an actor."""
    return np.stack([_meaning(one.row, embedder) for one in corpus])


def _meaning(row: Mapping[str, str], embedder: shipped.Embedder) -> Matrix:
    book, earlier = cue_book("en"), row.get("before")
    before = read_sentence(earlier, book) if earlier else None
    return meaning_of(read_sentence(row["text"], book, row["actor"], row["recipient"]), before, embedder)


def fit_meaning(meanings: Matrix, labels: Sequence[str]) -> LogisticRegression:
    """Fit the events of statements to their meanings."""
    machine = LogisticRegression(C=_C, max_iter=1000, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        return machine.fit(meanings, labels)


def cross_validate(corpus: Sequence[Example], meanings: Matrix) -> Unseen:
    """Train on all slices but one and ask of that one."""
    numbers = {id(one): number for number, one in enumerate(corpus)}
    tested: list[Example] = []
    raw: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*_JOINED, "meant")}
    classes: dict[str, tuple[str, ...]] = {}
    for _, training, held in folds(corpus):
        known = vocabulary([seen for one in training for seen in (one.with_roles, one.without)])
        for name in _JOINED:
            fitted = fit(known, training, name)
            raw[name].append(scores(fitted, matrix([one.with_roles for one in held], known)))
            classes[name] = fitted.classes
        machine = fit_meaning(meanings[[numbers[id(one)] for one in training]], [one.row["event"] for one in training])
        raw["meant"].append(machine.decision_function(meanings[[numbers[id(one)] for one in held]]))
        classes["meant"] = tuple(map(str, machine.classes_))
        tested += held
    truth = [str(one.row["event"]) for one in tested]
    together = {name: np.concatenate(parts) for name, parts in raw.items()}
    factors = {
        name: temperature(one, [classes[name].index(event) for event in truth]) for name, one in together.items()
    }
    chances = {name: _chances(one, classes[name], factors[name]) for name, one in together.items()}
    return Unseen(tested, truth, {name: chances[name] for name in _JOINED}, chances["meant"], factors["meant"])


def _chances(raw: NDArray[np.float64], classes: tuple[str, ...], factor: float) -> Chances:
    head = Head("", classes, 0, factor)
    return [dict(zip(classes, softmax(row.astype(np.float32), head).tolist(), strict=True)) for row in raw]


def best_pool(by_words: Chances, meant: Chances, truth: Sequence[str]) -> Pool:
    """Return how to join two readings, so that together they find what is true likeliest."""
    events = list(by_words[0])
    logs = [np.log(np.array([[one[event] for event in events] for one in part]) + 1e-9) for part in (by_words, meant)]
    right = [events.index(event) for event in truth]

    def loss(weights: NDArray[np.float64]) -> float:
        odds = weights[0] * logs[0] + weights[1] * logs[1]
        return -float(np.mean(odds[np.arange(len(right)), right] - logsumexp(odds, axis=1)))

    found = optimize.minimize(loss, np.array([0.5, 0.5]), method="Nelder-Mead").x
    return Pool(*(round(float(weight), 3) for weight in found))


def joined(unseen: Unseen, pools: Mapping[str, Pool]) -> dict[str, Chances]:
    """Return what each head over words says, joined by meaning where there is a pool."""
    return {
        name: [joined_chances(a, b, pools[name]) for a, b in zip(chances, unseen.meant, strict=True)]
        if name in pools
        else chances
        for name, chances in unseen.by_words.items()
    }


def report(unseen: Unseen, pools: Mapping[str, Pool]) -> None:
    """Print how often each reading is right, and how often and how rightly cues and reading agree."""
    print(f"{'joined by meaning':18} {'event':>6} {'read':>6} {'both':>6} {'agreed':>6} {'right':>6}   both, by slice")
    for name, used in (("neither", ()), ("read", ("read",)), ("event, read", _JOINED)):
        _report_one(name, unseen, joined(unseen, {one: pools[one] for one in used}))
    alone = _right([best_of(one)[0] for one in unseen.meant], unseen.truth)
    print(f"meaning alone {alone.mean():.3f}, temperature {unseen.temperature:.3f}, {dict(pools)}")


def _report_one(name: str, unseen: Unseen, found: Mapping[str, Chances]) -> None:
    both = [
        combined_event(event, one.rules, read)
        for event, one, read in zip(found["event"], unseen.tested, found["read"], strict=True)
    ]
    combined = _right([one.event for one in both], unseen.truth)
    agreed = [at for at, one in enumerate(both) if one.is_ruled and one.is_read and one.event != "NONE"]
    alone = [_right([best_of(one)[0] for one in found[head]], unseen.truth).mean() for head in _JOINED]
    slices = np.array([one.row["id"].partition("-")[0] for one in unseen.tested])
    print(
        f"{name:18} {alone[0]:6.3f} {alone[1]:6.3f} {combined.mean():6.3f} {len(agreed):6} "
        f"{combined[agreed].mean():6.3f}   "
        + "  ".join(f"{one} {combined[slices == one].mean():.3f}" for one in SLICES)
    )


def _right(found: Sequence[str], truth: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([a == b for a, b in zip(found, truth, strict=True)])


def write_head(corpus: Sequence[Example], meanings: Matrix, about: Mapping[str, object]) -> None:
    """Train on everything and write the weights, in 127 steps up and down for each class."""
    machine = fit_meaning(meanings, [str(one.row["event"]) for one in corpus])
    weights = machine.coef_.T
    scales = np.abs(weights).max(axis=0) / 127
    save_model(
        WEIGHTS,
        {
            "weights": np.rint(weights / scales).astype(np.int8),
            "scales": scales.astype(np.float32),
            "biases": machine.intercept_.astype(np.float32),
        },
        {**about, "format": shipped.SEMANTIC_FORMAT, "classes": list(map(str, machine.classes_))},
    )
    print(f"{WEIGHTS}: {weights.shape[0]} x {weights.shape[1]}, {WEIGHTS.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="cross-validate only")
    chosen = parser.parse_args()
    embedder, corpus = MiniLmEmbedder(), examples()
    meanings = meanings_of(corpus, embedder)
    unseen = cross_validate(corpus, meanings)
    pools = {name: best_pool(unseen.by_words[name], unseen.meant, unseen.truth) for name in _JOINED}
    report(unseen, pools)
    if not chosen.check:
        about = {
            "embedder": embedder.name,
            "temperature": round(unseen.temperature, 4),
            "pools": {one: pools[one] for one in _SHIPPED},
        }
        write_head(corpus, meanings, about)


if __name__ == "__main__":
    main()
