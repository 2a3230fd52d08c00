"""`redline extract` as a user meets it."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Run
from tests.unit.feeds.pages import PARAGRAPHS, TITLE, body, page

HEAD = (
    '<meta name="author" content="Mira Holt">'
    '<meta property="article:published_time" content="2024-11-27T10:30:00+01:00">'
)


def test_json_says_all_that_the_page_does(run: Run, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page(head=HEAD))
    ran = run("extract", "page.html", "--url", "https://bay.example.org/1?utm_source=feed", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "title": TITLE,
        "text": "\n".join(PARAGRAPHS),
        "author": "Mira Holt",
        "published_at": "2024-11-27T09:30:00Z",
        "lang": "en",
        "url": "https://bay.example.org/1",
    }


def test_text_for_people(run: Run) -> None:
    ran = run("extract", "-", stdin=page(head=HEAD).encode())
    assert ran.out.splitlines() == [TITLE, "Mira Holt, 2024-11-27T09:30:00Z, en", *PARAGRAPHS]


def test_a_language_that_the_page_does_not_state_is_found_out(run: Run) -> None:
    korean = "항만 위원회는 화요일 흘수 9미터가 넘는 선박에 대해 낡은 곡물 부두를 폐쇄하기로 의결했다고 밝혔다."
    ran = run("extract", "-", "--json", stdin=page(body(*[korean] * 3), lang="").encode("euc-kr"))
    assert json.loads(ran.out)["lang"] == "ko"


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"", "error: -: the document is empty\n"),
        (b"<rss version='2.0'/>", "error: -: the document is <rss>, no HTML page\n"),
        (b" " * (20 * 1024 * 1024 + 1), "error: -: the document is larger than 20971520 bytes\n"),
    ],
)
def test_what_is_no_page_ends_with_2_and_says_why(run: Run, stdin: bytes, message: str) -> None:
    ran = run("extract", "-", stdin=stdin)
    assert (ran.code, ran.out, ran.err) == (2, "", message)


def test_a_file_that_is_not_there_is_named(run: Run) -> None:
    ran = run("extract", "nowhere.html")
    assert (ran.code, ran.err) == (2, "error: nowhere.html: No such file or directory\n")
