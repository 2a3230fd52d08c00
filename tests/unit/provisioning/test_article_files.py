"""Articles in files: every format that people have them in, and a place for everything that is wrong."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.article import Article
from services.provisioning.article_files import BadLine, ReadArticle, article_of, read_articles, read_json_lines

NOW = datetime(2024, 12, 1, tzinfo=UTC)


def read(path: Path) -> list[Article]:
    return [item.article for item in read_articles([path], NOW) if isinstance(item, ReadArticle)]


def faults(path: Path) -> list[str]:
    found = [item for item in read_articles([path], NOW) if isinstance(item, BadLine)]
    return [str(item.fault).replace(f"{path.parent}/", "") for item in found]


def test_a_text_file_keeps_its_offsets(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A title – here\n\nThe text, 러시아.\r\nEnd.", newline="")
    (article,) = read(path)
    assert article.title == "A title – here"
    assert article.text == "A title – here\n\nThe text, 러시아.\r\nEnd."


def test_markdown_takes_its_facts_from_the_front_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("---\ntitle: T\noutlet: O\npublished_at: 2024-11-26T14:07:00+02:00\nnote: n\n---\n\nBody.\n")
    (article,) = read(path)
    assert (article.title, article.outlet, article.text) == ("T", "O", "Body.\n")
    assert article.published_at == datetime(2024, 11, 26, 12, 7, tzinfo=UTC)


def test_front_matter_that_never_ends_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("---\ntitle: T\n")
    assert faults(path) == ["a.md:1: the front matter that begins here has no closing ---"]


def test_front_matter_that_is_not_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("---\ntitle: T\noutlet: [\n---\nBody\n")
    assert faults(path)[0].startswith("a.md:4: ")


def test_a_feed_document_gives_its_entries(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        "<rss version='2.0'><channel><title>F</title><item><title>One</title><guid>1</guid></item></channel></rss>"
    )
    (article,) = read(path)
    assert (article.title, article.outlet) == ("One", "F")


def test_a_page_gives_its_title_and_text(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<html><head><title>T &amp; U</title></head><body><p>One</p><script>x()</script><p>Two</p></body></html>"
    )
    (article,) = read(path)
    assert article.title == "T & U"
    assert "One" in article.text
    assert "x()" not in article.text


def test_a_folder_gives_its_articles_in_name_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "ignored.pdf"):
        (tmp_path / name).write_text(name)
    assert [article.title for article in read(tmp_path)] == ["a.txt", "b.txt"]


def test_a_bad_line_is_told_with_its_number_and_the_others_are_read() -> None:
    lines = [
        b'{"id": "1", "title": "a"}\n',
        b"{oops\n",
        b"\n",
        b'{"id": "2"}\n',
        b'{"title": "x"}\n',
        b"[1]\n",
        b'{"id": 3, "text": "c"}',
    ]
    items = list(read_json_lines(iter(lines), "in", NOW))
    assert [item.given_id for item in items if isinstance(item, ReadArticle)] == ["1", "3"]
    assert [str(item.fault) for item in items if isinstance(item, BadLine)] == [
        "in:2: is not JSON: Expecting property name enclosed in double quotes (column 2)",
        "in:4: title: one of title and text is required",
        "in:5: id: this field is required",
        "in:6: expected an object with the keys of an article, found list",
    ]


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("published_at", "yesterday", "published_at: 'yesterday' is not a date and time (ISO 8601)"),
        ("published_at", 1e300, "published_at: 1e+300 is not a time in seconds since 1970"),
        ("published_at", [], "published_at: expected a date and time, found []"),
        ("url", 3, "url: expected text, found 3"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(field: str, value: object, fault: str) -> None:
    with pytest.raises(ValueError, match=field) as error:
        article_of({"id": "1", "title": "t", field: value}, NOW)
    assert str(error.value) == fault


def test_other_names_for_the_fields_are_understood() -> None:
    article = article_of({"id": "1", "text": "t", "date": "2024-11-27", "source": "TASS"}, NOW).article
    assert (article.outlet, article.published_at) == ("TASS", datetime(2024, 11, 27, tzinfo=UTC))


def test_an_id_of_ours_is_kept_so_that_stages_can_be_piped() -> None:
    given_id = "0123456789abcdef" * 2
    assert article_of({"id": given_id, "text": "t"}, NOW).article.id == given_id


def test_half_a_surrogate_pair_is_replaced_and_offsets_stay() -> None:
    (item,) = read_json_lines(iter([rb'{"id": "1", "text": "a\ud800b"}']), "in", NOW)
    assert isinstance(item, ReadArticle)
    assert item.article.text == "a\ufffdb"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.dictionaries(st.sampled_from(["id", "title", "text", "date", "url"]), inner),
        max_leaves=6,
    )
)
def test_any_json_is_an_article_or_a_fault(value: object) -> None:
    (item,) = read_json_lines(iter([json.dumps(value).encode()]), "in", NOW)
    assert isinstance(item, ReadArticle | BadLine)


PACKED = {
    "a.jsonl": '{"id": 1, "title": "One"}\n{"id": 2, "title": "Two"}\n',
    "a.json": '[{"id": 1, "title": "One"}, {"id": 2, "title": "Two"}]',
    "a.txt": "One\n\nText.",
    "a.md": "---\ntitle: One\n---\nText.",
    "a.html": "<title>One</title><body><p>Text.</p></body>",
    "a.xml": "<rss version='2.0'><channel><item><title>One</title><guid>1</guid></item></channel></rss>",
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_is_read_as_what_is_in_it(tmp_path: Path, name: str) -> None:
    plain, packed = tmp_path / name, tmp_path / "packed" / f"{name}.gz"
    packed.parent.mkdir()
    plain.write_text(PACKED[name])
    packed.write_bytes(gzip.compress(PACKED[name].encode()))
    assert [each.title for each in read(packed)] == [each.title for each in read(plain)]
    assert read(packed.parent) == read(packed) == read(plain) != []


def test_a_damaged_packed_file_gives_what_comes_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(
        "".join(f'{{"id": {number}, "title": "T {number * 7919}"}}\n' for number in range(20_000)).encode()
    )
    path.write_bytes(whole[: len(whole) // 2])
    assert len(read(path)) > 5_000
    (cut_short,) = faults(path)
    assert cut_short.startswith("a.jsonl.gz: is no gzip file, or damaged: ")
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * 64 + whole[len(whole) // 2 + 64 :])
    assert faults(path)[-1].startswith("a.jsonl.gz: is no gzip file, or damaged: ")
    path.write_text('{"id": 1, "title": "One"}\n')
    assert (read(path), len(faults(path))) == ([], 1)
    assert faults(tmp_path / "missing.jsonl.gz") == ["missing.jsonl.gz: cannot be read: No such file or directory"]


def test_a_packed_file_is_unpacked_while_it_is_read(tmp_path: Path) -> None:
    """The first article is there before the damage behind it is."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": 1, "title": "One"}\n' * 100_000)[:-200])
    items: Iterator[ReadArticle | BadLine] = read_articles([path], NOW)
    assert isinstance(next(items), ReadArticle)


def test_a_fault_in_a_packed_file_names_the_file_as_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1, "title": "One"}\n{broken\n'))
    (tmp_path / "b.md.gz").write_bytes(gzip.compress(b"---\ntitle: T\n"))
    (tmp_path / "c.pdf.gz").write_bytes(gzip.compress(b"%PDF"))
    assert faults(tmp_path / "a.jsonl.gz")[0].startswith("a.jsonl.gz:2: is not JSON: ")
    assert faults(tmp_path / "b.md.gz") == ["b.md.gz:1: the front matter that begins here has no closing ---"]
    assert faults(tmp_path / "c.pdf.gz")[0].startswith("c.pdf.gz: is of no kind that is read here")
