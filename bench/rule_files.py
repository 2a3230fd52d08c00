"""The synthetic world on disk, so that every matcher reads the same rules and articles, and loading can be measured."""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench import rule_mix, rule_world
from bench.rule_mix import MIXES, shapes
from bench.rule_world import Newsroom, WorldError, actors, vocabulary
from schemas.article import Article
from schemas.watch import Actor, WatchRule
from services.domain.text.analyzer import analyze, surfaces

# Articles with lower numbers may be seen before the measurement, those from here on are new to everyone.
WARM_UP = 1_200
CACHE = Path(__file__).parents[1] / ".cache" / "matching"


@dataclass(frozen=True)
class WorldFiles:
    """The files of one world; rules are made when asked for and kept."""

    folder: Path

    @property
    def actors(self) -> Path:
        """Actors, one a line of JSON."""
        return self.folder / "actors.jsonl"

    @property
    def aliases(self) -> Path:
        """The same for other matchers: `id<TAB>alias|alias`."""
        return self.folder / "aliases.tsv"

    @property
    def articles(self) -> Path:
        """Articles, one a line of JSON."""
        return self.folder / "articles.jsonl"

    @property
    def tokens(self) -> Path:
        """The same for other matchers: the keys of the title's words, a tab, those of the text's."""
        return self.folder / "tokens.tsv"

    def rules(self, mix: str, count: int) -> Path:
        """Watch rules, one a line of JSON."""
        return self.folder / f"rules-{mix}-{count}.jsonl"

    def neutral(self, mix: str, count: int) -> Path:
        """The same for other matchers; see `Shape.neutral`."""
        return self.folder / f"rules-{mix}-{count}.tsv"

    def read_actors(self) -> list[Actor]:
        """Return the gazetteer."""
        return [Actor.model_validate_json(line) for line in self.actors.read_text().splitlines()]

    def read_articles(self, start: int, stop: int) -> list[Article]:
        """Return articles by number."""
        with self.articles.open() as lines:
            return [Article.model_validate_json(line) for line in islice(lines, start, stop)]

    def read_rules(self, mix: str, count: int) -> Iterator[WatchRule]:
        """Yield the rules of a mix as they stand in their file."""
        with self.rules(mix, count).open() as lines:
            for line in lines:
                yield WatchRule.model_validate_json(line)

    def read_aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Return the aliases by what rules in neutral form say: `@id`."""
        pairs = (line.split("\t") for line in self.aliases.read_text().splitlines())
        return {f"@{actor_id}": tuple(names.split("|")) for actor_id, names in pairs}


def prepare(mixes: Iterable[str], counts: Iterable[int], cache: Path = CACHE) -> WorldFiles:
    """Return the files of the world with these sets of rules, made now unless they are there."""
    words = vocabulary()
    files = WorldFiles(cache / _digest(words))
    files.folder.mkdir(parents=True, exist_ok=True)
    gazetteer = actors(words)
    if not files.tokens.exists():
        print("world: writing articles and actors", file=sys.stderr)
        _write_articles(files, words, gazetteer)
    for mix in mixes:
        for count in counts:
            if not files.neutral(mix, count).exists():
                print(f"world: writing {count:,} {mix} rules", file=sys.stderr)
                _write_rules(files, mix, count, words, gazetteer)
    return files


def _digest(words: tuple[str, ...]) -> str:
    """Return what names the world: its words, which depend on the analyzer, and the code that makes the rest."""
    content = hashlib.sha256(" ".join(words).encode())
    for module in (rule_world, rule_mix, sys.modules[__name__]):
        content.update(Path(str(module.__file__)).read_bytes())
    return content.hexdigest()[:16]


def _write_articles(files: WorldFiles, words: tuple[str, ...], gazetteer: tuple[Actor, ...]) -> None:
    articles = list(Newsroom(words, gazetteer).articles())
    _write(files.actors, (actor.model_dump_json() + "\n" for actor in gazetteer))
    _write(files.aliases, (f"{actor.id}\t{'|'.join(actor.aliases['en'])}\n" for actor in gazetteer))
    _write(files.articles, (article.model_dump_json() + "\n" for article in articles))
    _write(files.tokens, (f"{_keys(article.title)}\t{_keys(article.text)}\n" for article in articles))


def _keys(text: str) -> str:
    """Return the words of a text as our analysis finds them; each has one key in this world."""
    analyses = [analyze(surface) for surface in surfaces(text)]
    for analysis in analyses:
        if len(analysis.keys) != 1:
            raise WorldError(f"the analyzer finds {analysis.folded!r} under {analysis.keys}, not itself alone")
    return " ".join(analysis.key for analysis in analyses)


def _write_rules(files: WorldFiles, mix: str, count: int, words: tuple[str, ...], gazetteer: tuple[Actor, ...]) -> None:
    fresh = files.folder / "rules.new"
    with fresh.open("w") as rules, files.neutral(mix, count).with_suffix(".new").open("w") as neutral:
        for shape in shapes(MIXES[mix], range(count), words, gazetteer):
            rules.write(shape.serialised())
            neutral.write(shape.neutral())
    fresh.rename(files.rules(mix, count))
    files.neutral(mix, count).with_suffix(".new").rename(files.neutral(mix, count))


def _write(path: Path, lines: Iterable[str]) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w") as output:
        output.writelines(lines)
    fresh.rename(path)


def read_matches(path: Path) -> Iterator[frozenset[int]]:
    """Yield the numbers of the rules that each article matched, from lines of numbers."""
    with path.open() as lines:
        for line in lines:
            yield frozenset(map(int, line.split()))


def write_matches(path: Path, matches: Iterable[Iterable[int]]) -> None:
    """Write what `read_matches` reads."""
    _write(path, (" ".join(map(str, numbers)) + "\n" for numbers in matches))


def to_json_line(result: Mapping[str, object]) -> str:
    """Return a result as one line of JSON."""
    return json.dumps(result, separators=(",", ":"))
