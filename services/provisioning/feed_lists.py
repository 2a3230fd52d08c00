"""Lists of feeds in files of every kind that people have: OPML, a `feeds:` file, or addresses, one a line."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.feed import Feed
from services.domain.feeds.addresses import AddressError, feed_address
from services.domain.feeds.encoding import decode_document
from services.domain.feeds.import_plan import ListedFeed
from services.domain.feeds.opml import OpmlError, OpmlFeed, looks_like_opml, read_opml
from services.provisioning.catalogues import feed_of
from services.provisioning.faults import ConfigurationError, Fault
from services.provisioning.rule_files import dump_yaml
from services.provisioning.yaml_file import YamlFile, parse_yaml

MAX_LIST_BYTES = 64 * 1024 * 1024

_FEEDS_KEY = re.compile(r"^[\"']?feeds[\"']?\s*:", re.MULTILINE)
_ADDRESS_LINE = re.compile(r"(?P<address>\S+)(?:\s.*?\"~(?P<title>[^\"]+)\")?")  # newsboat writes titles so


@dataclass(frozen=True)
class FeedList:
    """The feeds that a list names, what in it names none, and what else is worth telling about the list."""

    feeds: tuple[ListedFeed, ...] = ()
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


def read_feed_list(path: Path) -> FeedList:
    """Read a list from a file; one that cannot be read is a fault, too."""
    try:
        with path.open("rb") as file:
            return parse_feed_list(file.read(MAX_LIST_BYTES + 1), str(path))
    except OSError as error:
        return FeedList(faults=(Fault(str(path), f"cannot be read: {error.strerror}"),))


def parse_feed_list(body: bytes, place: str) -> FeedList:
    """Read a list of whatever kind its content shows it to be; `place` names it."""
    if len(body) > MAX_LIST_BYTES:
        return FeedList(faults=(Fault(place, f"is larger than {MAX_LIST_BYTES // 1024 // 1024} MiB"),))
    text, warnings = decode_document(body, None)
    if looks_like_opml(text) or text.lstrip().startswith("<"):
        return _of_opml(body, place)
    said = tuple(Fault(place, warning) for warning in warnings)
    if "\0" in text:
        return FeedList(faults=(Fault(place, "is not text"),))
    if _FEEDS_KEY.search(text):
        return _of_yaml(text, place, said)
    return _of_lines(text, place, said)


def feeds_yaml(feeds: Iterable[Feed]) -> str:
    """Return a `feeds:` file; reading it gives the same feeds, secrets by their names."""
    return dump_yaml({"feeds": [feed.model_dump(mode="json", exclude_defaults=True) for feed in feeds]})


def _of_opml(body: bytes, place: str) -> FeedList:
    try:
        reading = read_opml(body)
    except OpmlError as error:
        return FeedList(faults=(Fault(place, str(error)),))
    warnings = [Fault(place, warning) for warning in reading.warnings]
    if reading.damaged_lines:
        shown = ", ".join(map(str, reading.damaged_lines[:10])) + (", ..." if len(reading.damaged_lines) > 10 else "")
        warnings.append(Fault(place, f"not well-formed, read all the same: {len(reading.damaged_lines)} on {shown}"))
    return FeedList(
        tuple(ListedFeed(place, feed.line, _fields(feed)) for feed in reading.feeds),
        tuple(Fault(place, fault.message, fault.line) for fault in reading.faults),
        tuple(warnings),
    )


def _fields(feed: OpmlFeed) -> dict[str, object]:
    if feed.settings is not None:
        return {**feed.settings, "url": feed.url}
    known = {"url": feed.url, "title": feed.title, "lang": feed.lang}
    return {name: value for name, value in known.items() if value}


def _of_yaml(text: str, place: str, warnings: tuple[Fault, ...]) -> FeedList:
    try:
        file = parse_yaml(text, Path(place))
        items = file.items("feeds")
    except ConfigurationError as error:
        return FeedList(faults=error.faults, warnings=warnings)
    read = [_of_item(file, index, data) for index, data in enumerate(items)]
    return FeedList(
        tuple(item for item in read if isinstance(item, ListedFeed)),
        tuple(fault for item in read if not isinstance(item, ListedFeed) for fault in item),
        warnings,
    )


def _of_item(file: YamlFile, index: int, data: object) -> ListedFeed | tuple[Fault, ...]:
    at = ("feeds", index)
    try:
        feed = feed_of(file, data, at)
    except ConfigurationError as error:
        return error.faults
    return ListedFeed(str(file.path), file.line_of(at), feed.model_dump(mode="json", exclude_defaults=True))


def _of_lines(text: str, place: str, warnings: tuple[Fault, ...]) -> FeedList:
    read = list(_lines(text, place))
    if not read:
        return FeedList(faults=(Fault(place, "holds neither OPML, nor `feeds:`, nor addresses"),), warnings=warnings)
    return FeedList(
        tuple(item for item in read if isinstance(item, ListedFeed)),
        tuple(item for item in read if isinstance(item, Fault)),
        warnings,
    )


def _lines(text: str, place: str) -> Iterator[ListedFeed | Fault]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _ADDRESS_LINE.match(line.strip())
        if found is None or found.group().startswith("#"):
            continue
        try:
            url = feed_address(found.group("address"))
        except AddressError as error:
            yield Fault(place, str(error), number)
            continue
        title = found.group("title")
        yield ListedFeed(place, number, {"url": url, "title": title} if title else {"url": url})
