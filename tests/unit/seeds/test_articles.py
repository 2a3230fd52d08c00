"""The retold source documents: complete front matter, and not a sentence of the originals."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.seeds.files import SEEDS, front_matter

ARTICLES = sorted((SEEDS / "articles").glob("*.md"))
ORIGINALS = SEEDS.parent.parent / "shared" / "seeds"
REQUIRED = {"title", "outlet", "retold_from", "lang", "country", "published_at", "note"}
OPTIONAL = {"author", "url"}
RUN = 8

Run = tuple[str, ...]


def runs(text: str) -> set[Run]:
    """Every run of RUN words in the text, whatever its case and punctuation."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return {tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)}


def ids(path: Path) -> str:
    return path.stem


def test_both_source_documents_are_retold() -> None:
    assert [path.stem for path in ARTICLES] == ["asmolov-umerov-seoul-visit", "komersant-umerov-arms-talks"]


@pytest.mark.parametrize("path", ARTICLES, ids=ids)
def test_front_matter_has_every_key_and_no_other(path: Path) -> None:
    head, body = front_matter(path)
    assert set(head) >= REQUIRED
    assert set(head) <= REQUIRED | OPTIONAL
    assert all(isinstance(value, str) and value.strip() for value in head.values())
    assert len(body.split()) > 300


@pytest.mark.parametrize("path", ARTICLES, ids=ids)
def test_codes_and_time_are_well_formed(path: Path) -> None:
    head, _ = front_matter(path)
    published_at = datetime.fromisoformat(head["published_at"])
    assert published_at.utcoffset() is not None
    assert re.fullmatch(r"[A-Z]{3}", head["country"])
    assert re.fullmatch(r"[a-z]{2}", head["lang"])


def test_the_komersant_article_keeps_its_kyiv_time() -> None:
    head, _ = front_matter(SEEDS / "articles" / "komersant-umerov-arms-talks.md")
    published_at = datetime.fromisoformat(head["published_at"])
    assert published_at == datetime(2024, 11, 26, 12, 7, tzinfo=UTC)
    assert published_at.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "asmolov-umerov-seoul-visit",
            [
                "500,000", "155 mm", "Jens Stoltenberg", "Olena Zelenska", "Bucha", "Irpin", "7 November 2024",
                "Dmytro Ponomarenko", "19 November", "24 November", "Andrey Yuryevich Rudenko", "TASS", "26 November",
                "Andrii Sybiha", "Cho Tae-yul", "G7", "27 November", "Joe Biden", "Donald Trump", "Shin Won-sik",
                "Kim Yong-hyun", "28 November", "Telegram", "European Parliament", "fourth-largest", "Poland",
            ],
        ),
        (
            "komersant-umerov-arms-talks",
            [
                "South China Morning Post", "Wednesday", "gas masks", "field rations", "10,000", "Yoon Suk-yeol",
                "National Assembly", "impeachment", "Doo Jin-ho", "completely destroy", "anti-aircraft missiles",
            ],
        ),
    ],
)  # fmt: skip
def test_the_facts_of_the_original_are_kept(name: str, facts: list[str]) -> None:
    _, body = front_matter(SEEDS / "articles" / f"{name}.md")
    assert [fact for fact in facts if fact not in body] == []


def test_a_copied_sentence_is_noticed() -> None:
    sentence = "The delegation left the city early in the morning without a signed contract."
    assert runs(sentence) & runs(f"It was said: {sentence.upper()} Nothing more.")


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason="the original documents are not beside this checkout")
@pytest.mark.parametrize("path", ARTICLES, ids=ids)
def test_no_run_of_eight_words_is_copied(path: Path) -> None:
    head, body = front_matter(path)
    originals: set[Run] = set()
    for original in ORIGINALS.glob("*.txt"):
        originals |= runs(original.read_text(encoding="utf-8"))
    assert originals
    ours: dict[str, Any] = {"title": head["title"], "note": head["note"], "body": body}
    copied = {where: sorted(runs(text) & originals) for where, text in ours.items()}
    assert copied == {"title": [], "note": [], "body": []}
