"""Measure our rule engine on one set of rules, in a process of its own so that its memory can be told.

    python -m bench.engine_run --folder WORLD --mix selective --rules 1000 ...    (bench.matching starts it)

Prints one line of JSON. Time is CPU time of this thread, from raw text: an Article goes in, its matches come out.
"""

import argparse
import gc
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bench.rule_files import WARM_UP, WorldFiles, to_json_line, write_matches
from bench.rule_mix import MIXES, shapes
from bench.rule_world import vocabulary
from schemas.article import Article
from schemas.watch import Actor, WatchRule
from services.domain.rules.engine import RuleEngine, RuleKey
from services.domain.text.gazetteer import Gazetteer
from services.runtime.garbage import return_memory, seldom_collected

REHEARSED = 200  # articles matched again once the arrays are in order
HOT_RULES = 1_000
MATCH_EVERY = 10  # rules added or removed between two articles
Numbers = Sequence[float]


def main() -> None:
    """Measure one configuration."""
    arguments = _arguments()
    files = WorldFiles(arguments.folder)
    gazetteer = files.read_actors()
    warm_up = files.read_articles(0, WARM_UP)
    articles = files.read_articles(WARM_UP, WARM_UP + arguments.articles)
    hot = hot_rules(arguments.mix, arguments.rules, gazetteer)
    engine = RuleEngine(Gazetteer.from_actors(gazetteer))
    _match(engine, warm_up)  # what analysis keeps of the words is no cost of the rules
    before = resident_bytes()
    with seldom_collected():  # as the matcher loads them
        build_seconds = cpu_seconds(lambda: engine.replace_all(files.read_rules(arguments.mix, arguments.rules)))
    print(f"redline: {arguments.rules:,} rules loaded in {build_seconds:.1f} s", file=sys.stderr)
    _match(engine, warm_up)
    compact_seconds = cpu_seconds(engine.compact)
    return_memory()
    _match(engine, warm_up[:REHEARSED])
    result = _measure_matching(engine, articles)
    gc.collect()
    result |= {
        "build_s": build_seconds,
        "compact_s": compact_seconds,
        "bytes_a_rule": (resident_bytes() - before) / arguments.rules,
        **_measure_changes(engine, hot, articles),
    }
    if arguments.matches:
        write_matches(arguments.matches, (_numbers(engine, article) for article in articles))
    print(to_json_line(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the rule engine on one set of rules.")
    parser.add_argument("--folder", type=Path, required=True, help="a world of bench.rule_files")
    parser.add_argument("--mix", choices=tuple(MIXES), required=True)
    parser.add_argument("--rules", type=int, required=True)
    parser.add_argument("--articles", type=int, default=400)
    parser.add_argument("--matches", type=Path, help="file for the rules each article matched")
    return parser.parse_args()


def hot_rules(mix: str, count: int, gazetteer: Sequence[Actor]) -> list[WatchRule]:
    """Return rules of the mix that come after those loaded."""
    following = shapes(MIXES[mix], range(count, count + HOT_RULES), vocabulary(), gazetteer)
    return [WatchRule.model_validate_json(shape.serialised()) for shape in following]


def _match(engine: RuleEngine, articles: Sequence[Article]) -> None:
    for article in articles:
        len(engine.satisfied_by(article))


def _measure_matching(engine: RuleEngine, articles: Sequence[Article]) -> dict[str, float]:
    """Match each article once for the verdicts alone, and once more listing the rules."""
    seconds, counts = [], []
    whole = time.process_time()
    for article in articles:
        started = time.thread_time()
        satisfied = engine.satisfied_by(article)
        counts.append(len(satisfied))
        seconds.append(time.thread_time() - started)
    whole = time.process_time() - whole  # of every thread, so with what the engine does in the background
    listing = [cpu_seconds(partial(_listed, engine, article)) for article in articles]
    return {
        "articles": len(articles),
        "p50_ms": percentile(seconds, 50, 1e3),
        "p99_ms": percentile(seconds, 99, 1e3),
        "listed_p50_ms": percentile(listing, 50, 1e3),
        "articles_a_second": len(articles) / whole,
        "matches": sum(counts) / len(articles),
    }


def _listed(engine: RuleEngine, article: Article) -> list[RuleKey]:
    return list(engine.satisfied_by(article))


def _measure_changes(engine: RuleEngine, rules: Sequence[WatchRule], articles: Sequence[Article]) -> dict[str, float]:
    """Add rules one by one with matching in between, then remove them likewise."""
    added = _timed_each(engine.add, rules, engine, articles)
    removed = _timed_each(lambda rule: engine.remove(rule.watch_topic, rule.id), rules, engine, articles)
    return {
        "add_p50_ms": percentile(added, 50, 1e3),
        "add_p99_ms": percentile(added, 99, 1e3),
        "remove_p50_ms": percentile(removed, 50, 1e3),
        "remove_p99_ms": percentile(removed, 99, 1e3),
    }


def _timed_each(
    change: Callable[[WatchRule], None], rules: Sequence[WatchRule], engine: RuleEngine, articles: Sequence[Article]
) -> Numbers:
    seconds = []
    for number, rule in enumerate(rules):
        started = time.thread_time()
        change(rule)
        seconds.append(time.thread_time() - started)
        if number % MATCH_EVERY == 0:
            len(engine.satisfied_by(articles[number // MATCH_EVERY % len(articles)]))
    return seconds


def _numbers(engine: RuleEngine, article: Article) -> list[int]:
    return [int(key.rule_id.removeprefix("r")) for key in _listed(engine, article)]


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this thread that some work takes."""
    started = time.thread_time()
    work()
    return time.thread_time() - started


def percentile(values: Numbers, rank: float, factor: float) -> float:
    """Return a percentile of the values, times a factor."""
    return float(np.percentile(values, rank)) * factor


def resident_bytes() -> int:
    """Return how much memory this process holds now, or held at most where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
