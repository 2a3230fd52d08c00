"""Precision and recall of watch topics on labelled statements, and their false alarms on items that should not match.

    python -m bench.precision --statements F --near-misses F --items F    (any of them; --topics and --actors: seeds/)

The files are JSON lines, gzipped or not. A statement has `text` and `topic`: a letter or a topic's id, several joined
by `+`, or `none` (A is arms-supply-ukraine, B is seoul-moscow-relations). It counts as found if any rule of the topic
hits its text as an article without a title. Items have `title` and `text`; whether a hit on one is a false alarm is for
the reader to say, so hits are counted by topic and listed by rule, with what was found. A statement's `kind` or,
failing that, its `rung` and `lang` group what was missed.
"""

import argparse
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.article import Article
from services.domain.rules.engine import RuleEngine, TopicHit
from services.provisioning.catalogues import load_watched

SEEDS = Path(__file__).parents[1] / "seeds"
LETTERS = {"A": "arms-supply-ukraine", "B": "seoul-moscow-relations"}
NO_TOPIC = "none"
SHOWN_CHARS = 220
NO_ID = "0" * 32
SEEN_AT = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Score:
    """How many were found rightly, found wrongly, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the found that is right."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        """Share of what there is that was found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return 2 * self.right / (2 * self.right + self.wrong + self.missed) if self.right else 0.0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def article(title: str, text: str, lang: str | None) -> Article:
    """Return what rules see of a statement or item."""
    ids = {"id": NO_ID, "revision": 1, "revision_id": NO_ID, "feed_id": "bench", "outlet": "Bench"}
    return Article.model_validate({**ids, "title": title, "text": text, "lang": lang, "first_seen_at": SEEN_AT})


def gold(statement: dict[str, Any]) -> frozenset[str]:
    """Return the ids of the topics that a statement is about."""
    names = str(statement["topic"]).split("+")
    return frozenset(LETTERS.get(name, name) for name in names if name != NO_TOPIC)


def score_statements(engine: RuleEngine, path: Path, topics: list[str]) -> None:
    """Print precision, recall and F1 of each topic, and what was missed or wrongly found, by kind."""
    counts: dict[str, Counter[str]] = {topic: Counter() for topic in topics}
    listed: dict[str, list[str]] = defaultdict(list)
    for statement in lines(path):
        wanted = gold(statement)
        hits = engine.match(article("", statement["text"], statement.get("lang")))
        found = {hit.watch_topic for hit in hits}
        kind = statement.get("kind") or f"{statement.get('rung', '-')} {statement.get('lang', 'en')}"
        for topic in topics:
            outcome = {(1, 1): "right", (0, 1): "wrong", (1, 0): "missed"}.get((topic in wanted, topic in found))
            if outcome:
                counts[topic][outcome] += 1
            if outcome in ("wrong", "missed"):
                rules = ", ".join(hit.hit.rule_id for hit in hits if hit.watch_topic == topic)
                listed[f"{topic} {outcome}: {kind}"].append(f"{statement['text']}  {rules}")
    scores = {topic: Score(count["right"], count["wrong"], count["missed"]) for topic, count in counts.items()}
    scores["all topics"] = sum(scores.values(), Score(0, 0, 0))
    print(f"\n{path.name}\n{'':26} {'P':>6} {'R':>6} {'F1':>6}   right wrong missed")
    for topic, score in scores.items():
        shares = f"{score.precision:6.3f} {score.recall:6.3f} {score.f1:6.3f}"
        print(f"{topic:26} {shares}   {score.right:5} {score.wrong:5} {score.missed:6}")
    for heading, texts in sorted(listed.items()):
        print(f"\n{heading}", *(f"\n  - {text}" for text in texts), sep="")


def list_hits(engine: RuleEngine, path: Path, topics: list[str]) -> None:
    """Print how many items each topic hits, and each of them with its rules and what they found."""
    counts: Counter[str] = Counter()
    shown: list[str] = []
    total = 0
    for total, item in enumerate(lines(path), start=1):  # noqa: B007 - the count of items
        hits = engine.match(article(item["title"], item["text"], item.get("lang")))
        counts.update({hit.watch_topic for hit in hits})
        shown += [_shown(item, hit) for hit in hits]
    print(f"\n{path.name}: {total} items;", ", ".join(f"{topic} hits {counts[topic]}" for topic in topics))
    print(*shown, sep="\n")


def _shown(item: dict[str, Any], hit: TopicHit) -> str:
    evidence = " | ".join(dict.fromkeys(" ".join(span.text.split()) for span in hit.hit.evidence))
    return f"  - {hit.hit.rule_id}: {item['title'] or item['text'][:SHOWN_CHARS]}\n      {evidence[:SHOWN_CHARS]}"


def main() -> None:
    """Measure the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("statements", "near-misses", "items"):
        parser.add_argument(f"--{name}", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--topics", type=Path, default=SEEDS / "topics")
    parser.add_argument("--actors", type=Path, default=SEEDS / "actors")
    options = parser.parse_args()
    watched = load_watched(options.topics, options.actors)
    engine = RuleEngine(watched.gazetteer)
    engine.replace_all(rule for topic in watched.topics for rule in topic.rules)
    topics = sorted(topic.id for topic in watched.topics)
    for path in options.statements:
        score_statements(engine, path, topics)
    for path in (*options.near_misses, *options.items):
        list_hits(engine, path, topics)


if __name__ == "__main__":
    main()
