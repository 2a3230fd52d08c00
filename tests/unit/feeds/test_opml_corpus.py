"""All lists of a public collection, most of them not well-formed, counted by other means than ours."""

import html
import re
import tarfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.domain.feeds.import_plan import ImportPlan, Verdict
from services.domain.feeds.opml import read_opml
from services.provisioning.feed_lists import parse_feed_list

FIXTURES = Path(__file__).resolve().parents[4] / "shared" / "data" / "feeds" / "fixtures.tar.gz"
ANY_ADDRESS = re.compile(r"""xml_?url\s*=\s*["']?([^"'\s<>]+)""", re.IGNORECASE)
TITLE = re.compile(r'<outline text="(.*?)" title="')

pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="the collection of lists is not here")


@pytest.fixture(scope="module")
def lists() -> dict[str, bytes]:
    with tarfile.open(FIXTURES) as archive:
        members = [member for member in archive if member.name.endswith(".opml")]
        return {member.name: file.read() for member in members if (file := archive.extractfile(member))}


def is_well_formed(body: bytes) -> bool:
    try:
        ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return False
    return True


def test_every_address_that_stands_in_a_list_is_recovered(lists: dict[str, bytes]) -> None:
    assert len(lists) == 118
    assert sum(not is_well_formed(body) for body in lists.values()) == 80
    total = 0
    for name, body in lists.items():
        written = Counter(html.unescape(found) for found in ANY_ADDRESS.findall(body.decode()))
        reading = read_opml(body)
        assert Counter(feed.url for feed in reading.feeds) == written, name
        assert reading.faults == (), name
        total += len(reading.feeds)
    assert total == 1572


def test_titles_and_folders_are_those_of_the_lines(lists: dict[str, bytes]) -> None:
    for name, body in lists.items():
        lines = body.decode().split("\n")
        folder = (Path(name).stem,) if "/with_category/" in name else ()
        for feed in read_opml(body).feeds:
            found = TITLE.search(lines[feed.line - 1])
            assert found, name
            assert feed.title == " ".join(html.unescape(found.group(1)).split())
            assert len(feed.folders) == len(folder)


def test_lines_that_no_xml_parser_reads_are_told(lists: dict[str, bytes]) -> None:
    for name, body in lists.items():
        assert bool(read_opml(body).damaged_lines) is not is_well_formed(body), name


def test_all_lists_are_imported_at_once(lists: dict[str, bytes]) -> None:
    plan, verdicts = ImportPlan(()), []
    for name, body in lists.items():
        read = parse_feed_list(body, name)
        assert read.faults == ()
        verdicts += [plan.judge(listed) for listed in read.feeds]
    counts = Counter(verdict.verdict for verdict in verdicts)
    addresses = {html.unescape(found) for body in lists.values() for found in ANY_ADDRESS.findall(body.decode())}
    added = [verdict.feed for verdict in verdicts if verdict.feed]
    assert counts[Verdict.ADDED] + counts[Verdict.REPEATED] == 1572
    assert {feed.url for feed in added} == addresses
    assert len({feed.id for feed in added}) == len(added)
