"""How much of an article's text `redline extract` finds on its page, and how much else, beside plain trafilatura.

    python -m bench.extraction extraction_scrapinghub.tar.gz

The archive holds html/ID.html.gz and ground-truth.json: by id the page's `url` and its `articleBody`. Two measures are
printed. *shingles* is that of the public article extraction benchmark: runs of four words, precision and recall
averaged over the pages, F1 from the averages. *words* is the same for single words, and *mean F1* the average of the
pages' own F1 of words.
"""

import argparse
import gzip
import json
import re
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from statistics import fmean

from services.domain.feeds.page import PageParseError
from services.domain.feeds.page_reading import read_page

_WORD = re.compile(r"\w+")
_SHINGLE = 4


@dataclass(frozen=True)
class GoldPage:
    """A page, and what its article says."""

    url: str
    html: bytes
    text: str


@dataclass(frozen=True)
class Found:
    """How much of what was found is right, and how much of what is right was found; one page."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.precision else 0.0


def average(pages: list[Found]) -> Found:
    """Return the averages, as the public benchmark takes them."""
    return Found(fmean(page.precision for page in pages), fmean(page.recall for page in pages))


def compare(gold: str, text: str, length: int) -> Found:
    """Compare two texts by their runs of so many words."""
    expected, found = _runs(gold, length), _runs(text, length)
    right = (expected & found).total()
    return Found(_share(right, found.total()), _share(right, expected.total()))


def _runs(text: str, length: int) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    # A text shorter than a run is one run; an empty text is one that is empty, so two of them agree.
    return Counter(tuple(words[at : at + length]) for at in range(max(1, len(words) - length + 1)))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def read_archive(path: Path) -> Iterator[GoldPage]:
    """Yield the pages of the archive."""
    with tarfile.open(path) as archive:
        files = {PurePosixPath(member.name).name: member for member in archive if member.isfile()}
        for key, gold in json.loads(_content(archive, files["ground-truth.json"])).items():
            html = gzip.decompress(_content(archive, files[f"{key}.html.gz"]))
            yield GoldPage(gold["url"], html, gold["articleBody"])


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def redline(page: GoldPage) -> str:
    """Return the text that Redline finds."""
    try:
        return read_page(page.html, url=page.url).text
    except PageParseError:
        return ""


def trafilatura(page: GoldPage) -> str:
    """Return the text that trafilatura finds as it is."""
    from trafilatura import extract  # noqa: PLC0415 -- nothing else needs the whole of it

    return extract(page.html, url=page.url) or ""


def measure(pages: list[GoldPage], reader: Callable[[GoldPage], str]) -> dict[str, float]:
    """Return the figures of one reader."""
    begun = time.process_time()
    texts = [(page.text, reader(page)) for page in pages]
    spent = time.process_time() - begun
    shingles = [compare(gold, text, _SHINGLE) for gold, text in texts]
    words = [compare(gold, text, 1) for gold, text in texts]
    return {
        "shingles P": average(shingles).precision,
        "shingles R": average(shingles).recall,
        "shingles F1": average(shingles).f1,
        "words P": average(words).precision,
        "words R": average(words).recall,
        "words F1": average(words).f1,
        "words mean F1": fmean(page.f1 for page in words),
        "CPU ms a page": 1000 * spent / len(pages),
    }


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description="article extraction, measured")
    parser.add_argument("archive", type=Path)
    pages = list(read_archive(parser.parse_args().archive))
    rows = {"redline extract": measure(pages, redline), "trafilatura, as it is": measure(pages, trafilatura)}
    names = list(rows["redline extract"])
    print(f"{len(pages)} pages\n\n| | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}")
    for reader, figures in rows.items():
        cells = (f"{value:.1f}" if "ms" in name else f"{value:.4f}" for name, value in figures.items())
        print(f"| {reader} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
