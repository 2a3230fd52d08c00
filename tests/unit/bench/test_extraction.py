"""The measure of extraction, and what we reach by it."""

from pathlib import Path

import pytest

from bench.extraction import Found, average, compare, measure, read_archive, redline
from tests.volume import volume

ARCHIVE = Path(__file__).resolve().parents[4] / "shared" / "data" / "extraction_scrapinghub.tar.gz"


@pytest.mark.parametrize(
    ("gold", "text", "length", "found"),
    [
        ("a b c d e", "a b c d e", 4, Found(1, 1)),
        ("a b c d e", "a b c d", 4, Found(1, 0.5)),
        ("a b c d", "a b c d e f", 4, Found(1 / 3, 1)),
        ("a b", "a, b!", 4, Found(1, 1)),
        ("a a b", "a b b", 1, Found(2 / 3, 2 / 3)),
        ("a b c d", "", 4, Found(0, 0)),
        ("", "", 4, Found(1, 1)),
    ],
)
def test_texts_are_compared_by_their_runs_of_words(gold: str, text: str, length: int, found: Found) -> None:
    assert compare(gold, text, length) == found


def test_f1_is_taken_from_the_averages() -> None:
    assert average([Found(1, 0.5), Found(0, 0)]) == Found(0.5, 0.25)
    assert average([Found(1, 0.5), Found(0, 0)]).f1 == pytest.approx(1 / 3)
    assert Found(0, 0).f1 == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_text_of_public_articles_is_found() -> None:
    """Of every third page; of all in `make chaos`."""
    if not ARCHIVE.exists():
        pytest.skip("the pages (../shared/data/extraction_scrapinghub.tar.gz) are not here")
    figures = measure(list(read_archive(ARCHIVE))[:: volume(3, 1)], redline)
    assert figures["words F1"] >= 0.975
    assert figures["words mean F1"] >= 0.97
    assert figures["shingles F1"] >= 0.97
