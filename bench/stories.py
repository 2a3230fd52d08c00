"""Cluster headlines whose stories are known, and let other ways of clustering do the same.

    python -m bench.stories uci_stories.jsonl.gz [--unrelated ag_news_test.jsonl.gz] [--load 100k] [--without-peers]

The first file holds lines of {"title", "ts", "cluster"}, the second any titles, which count as a story each. Items come
in the order of `ts`. B-cubed is averaged over the items of the first file. Times are CPU times of this process; the
core may be busy, so that those of the load are also scaled by the time of a loop that is known.
"""

import argparse
import gc
import gzip
import json
import random
import resource
import sys
import time
import timeit
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

from services.domain.stories.items import StoryItem, StoryRecord
from services.domain.stories.stories import StoryIndex

THRESHOLDS = [step / 100 for step in range(70, 100)]
SINGLE_PASS_THRESHOLDS = [step / 100 for step in range(5, 60, 5)]
UNRELATED = "~"
QUIET = 7.5e-6  # what `calibrate` returns on a quiet core


@dataclass(frozen=True)
class Headline:
    """A title, the story it truly belongs to, and when it came, in seconds."""

    title: str
    story: str
    at: float


@dataclass(frozen=True)
class BCubed:
    """Precision and recall of a clustering, averaged over items (Bagga and Baldwin 1998)."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def b_cubed(found: Sequence[Hashable], true: Sequence[str]) -> BCubed:
    """Compare two clusterings of the same items; those of unrelated stories only count against precision of others."""
    by_found, by_true, both = Counter(found), Counter(true), Counter(zip(found, true, strict=True))
    counted = [pair for pair in zip(found, true, strict=True) if not pair[1].startswith(UNRELATED)]
    if not counted:
        return BCubed(0.0, 0.0)
    precision = sum(both[pair] / by_found[pair[0]] for pair in counted) / len(counted)
    return BCubed(precision, sum(both[pair] / by_true[pair[1]] for pair in counted) / len(counted))


def ours(headlines: Sequence[Headline]) -> list[str]:
    """Place headlines one by one."""
    index = StoryIndex(lambda _: ())
    items = (
        StoryItem(str(n), f"outlet {n}", line.title, "", None, datetime.fromtimestamp(line.at, UTC))
        for n, line in enumerate(headlines)
    )
    return [index.place(item)[0].story_id for item in items]


def single_pass(headlines: Sequence[Headline]) -> tuple[list[int], float]:
    """Put each headline with the centroid that its TF-IDF vector is nearest to; return the best threshold's result."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    vectors = TfidfVectorizer(stop_words="english").fit_transform([line.title for line in headlines])
    rows = [dict(zip(row.indices.tolist(), row.data.tolist(), strict=True)) for row in vectors]
    return _best(headlines, SINGLE_PASS_THRESHOLDS, lambda threshold: _single_pass(rows, threshold))


def _single_pass(rows: Sequence[dict[int, float]], threshold: float) -> list[int]:
    sums: list[dict[int, float]] = []
    squares: list[float] = []
    holding: defaultdict[int, set[int]] = defaultdict(set)
    found: list[int] = []
    for row in rows:
        near: defaultdict[int, float] = defaultdict(float)
        for term, weight in row.items():
            for cluster in holding[term]:
                near[cluster] += weight * sums[cluster][term]
        likeness, best = max(
            ((dot / squares[cluster] ** 0.5, cluster) for cluster, dot in near.items()), default=(0, 0)
        )
        if likeness < threshold:
            best = len(sums)
            sums.append({})
            squares.append(0.0)
        for term, weight in row.items():
            before = sums[best].get(term, 0.0)
            squares[best] += (before + weight) ** 2 - before**2
            sums[best][term] = before + weight
            holding[term].add(best)
        found.append(best)
    return found


def average_link(headlines: Sequence[Headline]) -> tuple[list[int], float]:
    """Cluster all headlines at once by average link over TF-IDF cosines; return the best threshold's result."""
    import numpy as np  # noqa: PLC0415
    from scipy.cluster.hierarchy import average, fcluster  # noqa: PLC0415
    from scipy.spatial.distance import squareform  # noqa: PLC0415
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    titles = [line.title for line in headlines]
    vectors = TfidfVectorizer(stop_words="english", sublinear_tf=True, ngram_range=(1, 2)).fit_transform(titles)
    distances = np.clip(1 - (vectors @ vectors.T).toarray(), 0, None)
    np.fill_diagonal(distances, 0)
    tree = average(squareform(distances, checks=False))
    return _best(headlines, THRESHOLDS, lambda threshold: fcluster(tree, threshold, "distance").tolist())


def _best(
    headlines: Sequence[Headline], thresholds: Sequence[float], cluster: Callable[[float], list[int]]
) -> tuple[list[int], float]:
    true = [line.story for line in headlines]
    results = [(cluster(threshold), threshold) for threshold in thresholds]
    return max(results, key=lambda result: b_cubed(result[0], true).f1)


def variants(headlines: list[Headline], unrelated: Sequence[str]) -> dict[str, list[Headline]]:
    """Return the headlines thinned, halved, out of order and among unrelated ones; the same each time."""
    draw = random.Random(7)
    by_story: defaultdict[str, list[Headline]] = defaultdict(list)
    for line in headlines:
        by_story[line.story].append(line)
    ten = [line for story in by_story for line in draw.sample(by_story[story], min(10, len(by_story[story])))]
    stories = sorted(by_story)
    draw.shuffle(stories)
    half = set(stories[: len(stories) // 2])
    made = {
        "as given": headlines,
        "in random order, all at one time": _mixed(headlines, draw),
        "30 % of the items": [line for line in headlines if draw.random() < 0.3],
        "10 items a story": sorted(ten, key=lambda line: line.at),
        "one half of the stories": [line for line in headlines if line.story in half],
        "the other half": [line for line in headlines if line.story not in half],
    }
    if unrelated:
        strangers = [Headline(title, f"{UNRELATED}{n}", 0) for n, title in enumerate(unrelated)]
        made["10 a story among unrelated, random order"] = _mixed([*ten, *strangers], draw)
    return made


def _mixed(headlines: Sequence[Headline], draw: random.Random) -> list[Headline]:
    mixed = [replace(line, at=0.0) for line in headlines]
    draw.shuffle(mixed)
    return mixed


def made_items(count: int) -> list[StoryItem]:
    """Return headlines of made-up words, as frequent as words are (Zipf); four of ten follow an earlier one."""
    draw = random.Random(4)
    syllables = [consonant + vowel for consonant in "bcdfghklmnprstvz" for vowel in "aeiou"]
    words = ["".join(draw.choices(syllables, k=draw.choice((2, 3, 3, 4)))) for _ in range(60_000)]
    weights = list(accumulate(1 / (rank + 20) for rank in range(len(words))))
    events: list[list[str]] = []
    items: list[StoryItem] = []
    for n in range(count):
        title = draw.choices(words, cum_weights=weights, k=10)
        if events and draw.random() < 0.4:
            title = draw.sample(draw.choice(events[-3000:]), 6) + title[:4]
        else:
            events.append(title)
        at = datetime.fromtimestamp(1_700_000_000 + n, UTC)
        items.append(StoryItem(str(n), f"outlet {n % 300}", " ".join(title), "", "en", at))
    return items


def measure_load(open_items: int, timed: int = 4000) -> str:
    """Fill an index with items that stay open, then time some more."""
    items = made_items(open_items + timed)
    index = StoryIndex(lambda _: ())
    gc.freeze()
    gc.set_threshold(100_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for item in items[:open_items]:
        index.place(item)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / open_items
    started_at = time.process_time()
    for item in items[open_items:]:
        index.place(item)
    rate = timed / (time.process_time() - started_at)
    slowness = calibrate() / QUIET
    return (
        f"{open_items:,} open items in {index.open_stories:,} stories: {rate:,.0f} items/s of CPU time, as measured; "
        f"{rate * slowness:,.0f} scaled to a quiet core (this one is {slowness:.1f} times slower); "
        f"{grown:,.0f} bytes an item"
    )


def measure_restoring(count: int) -> str:
    """Restore the records that an index made of items."""
    index = StoryIndex(lambda _: ())
    lines = [index.place(item)[1].to_json() for item in made_items(count)]
    restored = StoryIndex(lambda _: ())
    started_at = time.process_time()
    restored.restore(map(StoryRecord.from_json, lines))
    seconds = time.process_time() - started_at
    scaled = seconds * QUIET / calibrate()
    return f"{count:,} records restored in {seconds:.1f} s of CPU time, as measured; {scaled:.1f} s scaled"


def calibrate() -> float:
    """Return the CPU seconds that `sum(range(1000))` takes now, the best of five."""
    return min(timeit.repeat("sum(range(1000))", repeat=5, number=2000, timer=time.process_time)) / 2000


def read_headlines(path: Path) -> list[Headline]:
    """Read headlines of known stories, in the order of time."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return sorted((Headline(row["title"], row["cluster"], float(row["ts"])) for row in rows), key=lambda line: line.at)


def read_titles(path: Path) -> list[str]:
    """Read titles of a file of articles."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["title"] for line in file]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stories", type=Path)
    parser.add_argument("--unrelated", type=Path)
    parser.add_argument("--load", default="100k", help="open items; 0 leaves this out")
    parser.add_argument("--without-peers", action="store_true")
    arguments = parser.parse_args()
    if not arguments.without_peers:
        try:
            import sklearn  # noqa: PLC0415, F401
        except ImportError:
            sys.exit("bench.stories: the peers need scikit-learn: run `make install-bench`, or add --without-peers")
    unrelated = read_titles(arguments.unrelated) if arguments.unrelated else []
    print("| items | way | P | R | F1 | items/s |\n| --- | --- | ---: | ---: | ---: | ---: |")
    for name, headlines in variants(read_headlines(arguments.stories), unrelated).items():
        started_at = time.process_time()
        found: Sequence[Hashable] = ours(headlines)
        rate = len(headlines) / (time.process_time() - started_at)
        print_row(name, "redline", found, headlines, f"{rate:,.0f}")
        if not arguments.without_peers:
            found, threshold = single_pass(headlines)
            print_row(name, f"single-pass TF-IDF, best at {threshold}", found, headlines)
            found, threshold = average_link(headlines)
            print_row(name, f"average link, best at {threshold}", found, headlines)
    if size := int(arguments.load.replace("k", "000")):
        print(f"\n{measure_load(size)}", flush=True)
        print(f"\n{measure_restoring(size)}")


def print_row(name: str, way: str, found: Sequence[Hashable], headlines: Sequence[Headline], rate: str = "") -> None:
    result = b_cubed(found, [line.story for line in headlines])
    figures = f"{result.precision:.3f} | {result.recall:.3f} | {result.f1:.3f}"
    print(f"| {name} | {way} | {figures} | {rate} |", flush=True)


if __name__ == "__main__":
    main()
