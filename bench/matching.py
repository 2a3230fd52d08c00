"""Match synthetic articles against up to a million rules, and let other matchers do the same work in the same run.

    python -m bench.matching [--rules 1k,10k,100k,1M] [--mix selective,heavy] [--peers re,lucene] [--articles 400]

Each configuration runs in a process of its own. Times are CPU times, so that other load on the machine counts little.
Every peer's matches are compared with ours, article by article and rule by rule; the exit status is 1 if any differ.
Progress goes to standard error, the tables, in Markdown, to standard output, and each result as a line of JSON to
.cache/matching/results.jsonl. docs/benchmarks.md says what is measured and how the peers are set up.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import lucene_peer
from bench.lucene_peer import Budget, LuceneFigures, LuceneMissingError, LuceneMonitor
from bench.rule_files import CACHE, WARM_UP, WorldFiles, prepare, read_matches, to_json_line
from bench.rule_mix import MIXES
from bench.rule_world import ARTICLES

ROOT = Path(__file__).parents[1]
PEERS = ("re", "lucene")
RE_UP_TO = 10_000  # rules: beyond, a loop of regular expressions takes minutes an article
RE_ARTICLES = 20
MAX_ARTICLES = ARTICLES - WARM_UP
EXAMPLES_SHOWN = 5
MEMORY_FROM = 100_000  # rules: with fewer, what any process grows by hides what they take


@dataclass(frozen=True)
class Agreement:
    """How a peer's matches compare with ours: articles, matches, and pairs of article and rule that only one found."""

    articles: int
    matches: int
    different: int


@dataclass
class Row:
    """One configuration and what was measured in it."""

    mix: str
    count: int
    ours: Mapping[str, Any]
    by_re: Mapping[str, Any] | None = None
    by_lucene: LuceneFigures | None = None
    agreements: dict[str, Agreement] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        lucene = self.by_lucene and {"load": self.by_lucene.load, "batches": list(self.by_lucene.batches.values())}
        agreements = {name: vars(agreement) for name, agreement in self.agreements.items()}
        row = {"mix": self.mix, "rules": self.count, "redline": self.ours, "re": self.by_re, "lucene": lucene}
        return {**row, "agreements": agreements}


@dataclass(frozen=True)
class Bench:
    """What stays the same over all configurations."""

    files: WorldFiles
    articles: int
    peers: Sequence[str]
    lucene: LuceneMonitor | None
    budget: Budget

    def row(self, mix: str, count: int) -> Row:
        """Measure one configuration."""
        with tempfile.TemporaryDirectory() as folder:
            ours = Path(folder, "redline.txt")
            row = Row(mix, count, self._child("engine_run", mix, count, self.articles, ours))
            if "re" in self.peers and count <= RE_UP_TO:
                theirs = Path(folder, "re.txt")
                row.by_re = self._child("re_run", mix, count, min(RE_ARTICLES, self.articles), theirs)
                row.agreements["re"] = compare(ours, theirs, "re")
            if self.lucene:
                row.by_lucene = self.lucene.measure(self.files, mix, count, self.articles, self.budget, Path(folder))
                for batch in row.by_lucene.batches:
                    name = f"lucene-{batch}"
                    row.agreements[name] = compare(ours, Path(folder, f"{name}.txt"), name)
        return row

    def _child(self, module: str, mix: str, count: int, articles: int, matches: Path) -> Mapping[str, Any]:
        """Run a module that prints its figures as a line of JSON."""
        options = {"folder": self.files.folder, "mix": mix, "rules": count, "articles": articles, "matches": matches}
        arguments = [text for key, value in options.items() for text in (f"--{key}", str(value))]
        command = [sys.executable, "-m", f"bench.{module}", *arguments]
        figures: Mapping[str, Any] = json.loads(
            subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
        )
        return figures


def compare(ours: Path, theirs: Path, name: str) -> Agreement:
    """Compare the articles that both matched, and show the first differences."""
    articles = matches = different = 0
    for one, other in zip(read_matches(ours), read_matches(theirs), strict=False):
        if one != other:
            only = (
                f"only ours {sorted(one - other)[:EXAMPLES_SHOWN]}, only theirs {sorted(other - one)[:EXAMPLES_SHOWN]}"
            )
            print(f"{name}: article {WARM_UP + articles}: {only}", file=sys.stderr)
        articles += 1
        matches += len(one)
        different += len(one ^ other)
    return Agreement(articles, matches, different)


def our_table(rows: Sequence[Row]) -> str:
    """Return our figures as a Markdown table."""
    head = (
        *("rules", "mix", "matches an article", "p50 ms", "p99 ms", "p50 ms, rules listed", "articles/s/core"),
        *("load s", "bytes a rule", "add p50 / p99 ms", "remove p99 ms"),
    )
    return _markdown(head, [_our_cells(row) for row in rows])


def _our_cells(row: Row) -> tuple[str, ...]:
    ours = row.ours
    return (
        *(f"{row.count:,}", row.mix, f"{ours['matches']:,.0f}", f"{ours['p50_ms']:.3f}", f"{ours['p99_ms']:.3f}"),
        *(f"{ours['listed_p50_ms']:.3f}", f"{ours['articles_a_second']:,.0f}", f"{ours['build_s']:.1f}"),
        f"{ours['bytes_a_rule']:,.0f}" if row.count >= MEMORY_FROM else "",
        f"{ours['add_p50_ms']:.3f} / {ours['add_p99_ms']:.3f}",
        f"{ours['remove_p99_ms']:.3f}",
    )


def peer_table(rows: Sequence[Row]) -> str:
    """Return the peers' figures, how many times as fast we were, and whether the matches agree."""
    head = (
        *("rules", "mix", "Redline ms", "`re` loop ms", "Lucene singly ms"),
        *(f"in batches of {batch}, ms" for batch in lucene_peer.BATCHES[1:]),
        *("Lucene load s", "Redline / `re`", "Redline / Lucene", "matches compared", "different"),
    )
    return _markdown(head, [_peer_cells(row) for row in rows])


def _peer_cells(row: Row) -> tuple[str, ...]:
    rate, by_re, lucene = float(row.ours["articles_a_second"]), row.by_re, row.by_lucene
    batches = [f"{lucene.batches[size]['mean_ms']:.1f}" if lucene else "" for size in lucene_peer.BATCHES]
    return (
        *(f"{row.count:,}", row.mix, f"{1e3 / rate:.3f}", f"{by_re['mean_ms']:,.0f}" if by_re else "", *batches),
        f"{lucene.load['build_cpu_s']:.0f}" if lucene else "",
        _times(rate / by_re["articles_a_second"]) if by_re else "",
        f"**{_times(rate / lucene.articles_a_second)}**" if lucene else "",
        f"{sum(agreement.matches for agreement in row.agreements.values()):,}",
        f"{sum(agreement.different for agreement in row.agreements.values()):,}",
    )


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---" if name == "mix" else "---:" for name in head]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)).replace("| ---", "|---")


def rule_counts(text: str) -> list[int]:
    """Return numbers of rules from `1k,10k,1M`."""
    factors = {"k": 1_000, "M": 1_000_000}
    return [int(part.rstrip("kM")) * factors.get(part[-1:], 1) for part in text.split(",")]


def names(known: Sequence[str]) -> Any:
    """Return a parser of comma-separated names."""

    def parse(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        if unknown := set(chosen).difference(known):
            raise argparse.ArgumentTypeError(f"no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return chosen

    return parse


def article_count(text: str) -> int:
    """Return a number of articles that the world has."""
    if 1 <= (count := int(text)) <= MAX_ARTICLES:
        return count
    raise argparse.ArgumentTypeError(f"from 1 to {MAX_ARTICLES} articles can be measured")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmark matching articles against rules.")
    parser.add_argument("--rules", type=rule_counts, default=rule_counts("1k,10k,100k,1M"))
    parser.add_argument("--mix", type=names(tuple(MIXES)), default=list(MIXES))
    parser.add_argument("--peers", type=names(PEERS), default=list(PEERS), help="re, lucene, both, or '' for none")
    parser.add_argument("--articles", type=article_count, default=400)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds Lucene is measured with each batch size")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the world and the results are kept")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and say by the exit status whether all matches agree."""
    arguments = _arguments(argv)
    lucene = None
    if "lucene" in arguments.peers:
        try:
            lucene = lucene_peer.prepare()
        except LuceneMissingError as error:
            print(f"lucene is left out: {error}", file=sys.stderr)
    files = prepare(arguments.mix, arguments.rules, arguments.cache)
    bench = Bench(files, arguments.articles, arguments.peers, lucene, Budget.of(arguments.budget))
    rows = []
    with (arguments.cache / "results.jsonl").open("a") as results:
        for mix in arguments.mix:
            for count in arguments.rules:
                print(f"{count:,} {mix} rules", file=sys.stderr)
                rows.append(bench.row(mix, count))
                print(to_json_line(rows[-1].to_json()), file=results, flush=True)
    print(our_table(rows))
    if arguments.peers:
        print(f"\n{peer_table(rows)}")
    return int(any(agreement.different for row in rows for agreement in row.agreements.values()))


if __name__ == "__main__":
    sys.exit(main())
