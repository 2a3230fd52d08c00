"""Measure the claim coder: PLOVER roots, rungs, topics, modality, attribution and speed.

    python -m bench.claims                      # on all labelled data that is at hand
    python -m bench.claims --statements FILE    # on labelled statements of one's own, in JSON lines
    python -m bench.claims --speed              # sentences a second on our own corpus only
    python -m bench.claims ... --failures       # what went wrong, each text by its kind of failure
    python -m bench.claims ... --semantic       # with sentence embeddings, too; needs redline-alerts[semantic]

A labelled statement has `id`, `lang`, `topic` (of a watch topic, or none), `date`, `actor` (of the gazetteer), `rung`
(a rung, side channel or stance of the topic's ladder, or none), `modality`, `attribution` and `text`. Nothing here is
trained on; cross-validation on our own corpus is printed by `python -m bench.train_claims --check`.
"""

import argparse
import csv
import json
import resource
import time
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.metrics import classification_report

from bench.claim_scores import Coded, article_of, code_labelled, failure_of, failures, labels_of, report
from services.domain.claims.coder import Coder
from services.domain.claims.cues import cue_book
from services.domain.claims.decide import combined_event
from services.domain.claims.events import rule_events
from services.domain.claims.features import features
from services.domain.claims.model import best_of, shipped_model
from services.domain.claims.reading import read
from services.domain.claims.semantic import SemanticReading
from services.domain.text.gazetteer import Gazetteer
from services.matcher.watchlist import Watchlist
from services.provisioning.catalogues import load_gazetteer, load_ladders, load_watched
from services.runtime.embeddings import MiniLmEmbedder

SEEDS = Path("seeds")
LABELS = Path("../shared/data/labels")
OWN = SEEDS / "expected" / "statements"
STATEMENTS = (
    *(OWN / f"{name}.jsonl" for name in ("unseen", "second", "development", "languages")),
    LABELS / "statements_dev.jsonl.gz",
)
# Embeddings take their time, and a tenth of the texts shows how much.
_EMBEDDED_ARTICLES = 22
# That corpus has the two ways to yield as one root.
_YIELD = {"CONCEDE": "YIELD", "RETREAT": "YIELD"}


def statements(path: Path, gazetteer: Gazetteer, coder: Coder, *, with_failures: bool) -> None:
    """Print the scores of a file of labelled statements, together and by language."""
    codes = {actor.code: actor.id for actor in gazetteer if actor.code}
    labels = labels_of(path, codes)
    watchlist = Watchlist(load_watched(SEEDS / "topics", SEEDS / "actors"))
    coded = code_labelled(labels, coder, load_ladders(SEEDS / "topics", gazetteer), watchlist)
    print(f"\n{path}: {len(coded)} statements")
    report(coded)
    languages = sorted({one.label.lang for one in coded})
    for lang in languages if len(languages) > 1 else ():
        print(f"\n{lang}:")
        report([one for one in coded if one.label.lang == lang], briefly=True)
    print("failures:", ", ".join(f"{kind} {count}" for kind, count in failures(coded).most_common()))
    if with_failures:
        _print_failures(coded)


def _print_failures(coded: list[Coded]) -> None:
    for one in coded:
        label, found, code = one.label, one.surest, one.surest.plover
        kind = failure_of(one) if label.rung else "a claim where there is none" if one.claims else None
        if kind is None:
            continue
        print(f"\n{label.id} {kind}: {label.actor} {label.rung} {label.modality} {label.attribution}")
        print(f"  {label.text}")
        print(
            f"  found: {found.actor} -> {found.recipient} {code.event}/{code.mode}/{code.object_} "
            f"{found.modality} {found.attribution} {found.confidence} claims "
            f"{[(claim.rung, claim.why_not) for claim in one.claims]}"
        )


def roots(semantic: SemanticReading | None) -> None:
    """Print how often the event is the labelled PLOVER root, actor and recipient given."""
    book, model = cue_book("en"), shipped_model()
    with (LABELS / "plover_train.tsv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["gold_root"]]
    truth = [row["gold_root"] for row in rows]
    by: dict[str, list[str]] = {"rules": [], "reading": [], "classifier": [], "combined": []}
    agreed = []
    for row in rows:
        reading = read(row["sentence"], book, row["source"], row["target"])
        rules = rule_events(reading)
        found = model.probabilities(features(reading))
        if semantic is not None:
            found = semantic.joined(found, reading)
        chances = found["event"]
        chances.pop("NONE")  # every sentence of that corpus tells of an act
        both = combined_event(chances, rules, found["read"])
        by["reading"].append(best_of({event: found["read"][event] for event in chances})[0])
        by["rules"].append(rules[0].event if rules else "")
        by["classifier"].append(best_of(chances)[0])
        by["combined"].append(both.event)
        agreed.append(both.is_ruled and both.is_read)
    most = Counter(truth).most_common(1)[0]
    print(f"plover roots, {len(rows)} sentences: majority {most[1] / len(rows):.3f}")
    right: list[bool] = []
    for name, events in by.items():
        right = [_YIELD.get(event, event) == root for event, root in zip(events, truth, strict=True)]
        print(f"  {name:12} {np.mean(right):.3f}")
    sure = [r for r, one in zip(right, agreed, strict=True) if one]
    print(f"  agreed: {len(sure)}, right {np.mean(sure):.3f}")
    print(
        classification_report(truth, [_YIELD.get(event, event) for event in by["combined"]], zero_division=0, digits=2)
    )


def speed(coder: Coder, most: int | None) -> None:
    """Print how many sentences are coded in a second of one core, and the memory of this process."""
    texts = [
        json.loads(line)["text"]
        for path in sorted((SEEDS / "training").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    articles = [article_of("\n\n".join(texts[at : at + 20]), "2024-06-01") for at in range(0, len(texts), 20)][:most]
    for state in ("new", "known"):  # the first pass fills the caches of words, as the first minutes of a process do
        start = time.process_time()
        count = sum(len(coder.code(article)) for article in articles)
        spent = time.process_time() - start
        print(f"speed, {state} texts: {count} sentences in {spent:.1f} s of CPU: {count / spent:.0f} a second")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at the most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", action="store_true", help="measure speed only")
    parser.add_argument("--statements", type=Path, metavar="FILE", help="measure on these labelled statements only")
    parser.add_argument(
        "--failures", action="store_true", help="print the texts that are coded otherwise than labelled"
    )
    parser.add_argument("--semantic", action="store_true", help="read events by sentence embeddings, too")
    chosen = parser.parse_args()
    gazetteer = load_gazetteer(SEEDS / "actors")
    semantic = SemanticReading(MiniLmEmbedder()) if chosen.semantic else None
    coder = Coder(gazetteer, semantic=semantic)
    print(f"coder {coder.version}")
    if chosen.speed:
        speed(coder, _EMBEDDED_ARTICLES if semantic else None)
    elif chosen.statements is not None:
        statements(chosen.statements, gazetteer, coder, with_failures=chosen.failures)
    else:
        if LABELS.exists():
            roots(semantic)
        for path in STATEMENTS:
            if path.exists():
                statements(path, gazetteer, coder, with_failures=chosen.failures)
        speed(coder, _EMBEDDED_ARTICLES if semantic else None)


if __name__ == "__main__":
    main()
