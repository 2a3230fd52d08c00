"""`redline feeds add` and `discover`: from an address that people know to the feed that is there."""

import asyncio
import json as jsonlib
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.prompt import IntPrompt

from schemas.codec import describe
from schemas.feed import Feed
from services.cli.loading import load_settings
from services.cli.output import FAILED, BadInputError, ConfigOption, JsonOption, err, out, print_line, warn

if TYPE_CHECKING:
    from services.fetcher.discovery import Discovery, FoundFeed
    from services.settings import LoadedSettings

SECRET_VALUE = "secret:"  # noqa: S105 - says that a name of a secret follows
_FORMATS = {"rss": "RSS", "atom": "Atom", "json": "JSON Feed", "cdf": "CDF"}


UrlArgument = Annotated[str, typer.Argument(help="the feed's address, or its site's")]
IdOption = Annotated[str | None, typer.Option("--id", help="its id; made from the address if not given")]
OutletOption = Annotated[str | None, typer.Option(help="who publishes there; the feed's title if not given")]
CountryOption = Annotated[str | None, typer.Option(metavar="ISO3", help="the outlet's country, as in KOR")]
LangOption = Annotated[str | None, typer.Option(metavar="LANG", help="the language of its items, as in ko")]
IntervalOption = Annotated[str | None, typer.Option(metavar="15m", help="poll this often, whatever its rhythm")]
SinceOption = Annotated[
    str | None, typer.Option(metavar="DATE", help="alert on items that are there already from this day on")
]
FullTextOption = Annotated[bool, typer.Option("--full-text", help="read each new article's page")]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="send this header; NAME=secret:KEY takes it from a secret"),
]
AuthOption = Annotated[
    str | None, typer.Option(metavar="SECRET", help="sign in with the user:password that this secret holds")
]
NoWebsubOption = Annotated[bool, typer.Option("--no-websub", help="poll only, never subscribe at a hub")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="of several feeds, add the first")]
PickOption = Annotated[int | None, typer.Option(metavar="N", help="of several feeds, add the Nth", min=1)]
NoCheckOption = Annotated[bool, typer.Option("--no-check", help="add it without fetching it first")]


def add(
    url: UrlArgument,
    feed_id: IdOption = None,
    outlet: OutletOption = None,
    country: CountryOption = None,
    lang: LangOption = None,
    interval: IntervalOption = None,
    since: SinceOption = None,
    full_text: FullTextOption = False,
    header: HeaderOption = None,
    auth: AuthOption = None,
    no_websub: NoWebsubOption = False,
    yes: YesOption = False,
    pick: PickOption = None,
    no_check: NoCheckOption = False,
    config: ConfigOption = None,
) -> None:
    """Add a feed, or the feed of a site; a running fetcher follows it within two seconds.

    The items that are in it already alert nobody, unless --since says so.

    Example: redline feeds add https://en.yna.co.kr/RSS/nk.xml --country KOR --lang en
    """
    loaded, address = load_settings(config), _address(url)
    named = {"id": feed_id, "outlet": outlet, "country": country, "lang": lang}
    given = _given(named, interval, since, header, auth, full_text=full_text, no_websub=no_websub)
    wanted = _built(address, given)  # tells of what is wrong with the options before anything is fetched
    if not no_check:
        chosen = _choose(_find(loaded, wanted, url), url, yes=yes, pick=pick)
        address = chosen.url
        given = {"title": chosen.title, **given} if chosen.title else given
    _store(loaded, _built(address, given), is_id_given=feed_id is not None)


def discover(
    url: Annotated[str, typer.Argument(help="a site's address, or that of a part of it")],
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Look for the feeds of a site and say what is there; stores nothing, exits 1 if there is none.

    Example: redline feeds discover https://example.org
    """
    discovery = _find(load_settings(config), _built(_address(url), {}), url)
    if not discovery.feeds:
        err.print(escape(_nothing_found(url, discovery)))
        raise typer.Exit(FAILED)
    if json:
        for feed in discovery.feeds:
            print_line(_line(feed))
    else:
        _print(discovery)


def _find(loaded: "LoadedSettings", wanted: Feed, written: str) -> "Discovery":
    from services.cli import feed_work
    from services.domain.feeds.addresses import has_scheme

    finding = feed_work.find_feeds(loaded, wanted, or_http=not has_scheme(written))
    if not err.is_terminal:
        return asyncio.run(finding)
    with err.status(f"looking at {escape(written)}"):
        return asyncio.run(finding)


def _choose(discovery: "Discovery", url: str, *, yes: bool, pick: int | None) -> "FoundFeed":
    """Return the feed that is meant: the only one, the one that was picked, or the one chosen on the terminal."""
    feeds = discovery.feeds
    if not feeds:
        raise BadInputError(f"{_nothing_found(url, discovery)}\n(--no-check adds it all the same)")
    if pick is not None:
        if pick > len(feeds):
            raise BadInputError(f"--pick {pick}: {_number(len(feeds), 'feed')} found at {url}")
        return feeds[pick - 1]
    # Where nothing was at the address itself, a feed found elsewhere may not be what was meant.
    if yes or (len(discovery.choices) == 1 and discovery.is_answered):
        return feeds[0]
    _print(discovery)
    if not _is_terminal():
        found = f"{_number(len(feeds), 'feed')} found at {url}"
        raise BadInputError(f"{found}: choose with --pick N, or --yes for the first")
    numbers = [str(number) for number in range(1, len(feeds) + 1)]
    try:
        return feeds[IntPrompt.ask("Which one", console=err, choices=numbers, default=1) - 1]
    except EOFError as error:
        raise BadInputError("no feed was chosen") from error


def _is_terminal() -> bool:
    return sys.stdin.isatty() and err.is_terminal


def _store(loaded: "LoadedSettings", feed: Feed, *, is_id_given: bool) -> None:
    from services.cli import feed_work

    missing = [name for name in _secrets(feed) if name not in loaded.secrets]
    for name in missing:
        warn(f"there is no secret {name} here; the fetcher needs it as REDLINE_SECRET_{name}")
    added = asyncio.run(feed_work.add_feed(loaded, feed, is_id_given=is_id_given))
    if isinstance(added, str):
        raise BadInputError(added)
    out.print(
        f"added feed [bold]{added.id}[/bold] ({escape(added.outlet)}) {escape(added.url)};"
        " a running fetcher follows it within 2 seconds"
    )


def _built(address: str, given: dict[str, Any]) -> Feed:
    from services.domain.feeds.feed_ids import host_of, id_from_url

    made = {"id": id_from_url(address), "url": address, "outlet": given.get("title") or host_of(address)}
    try:
        return Feed.model_validate_json(jsonlib.dumps({**made, **given}))
    except ValidationError as error:
        raise BadInputError(f"feed: {describe(error)}") from error


def _address(written: str) -> str:
    from services.domain.feeds.addresses import AddressError, feed_address

    try:
        return feed_address(written)
    except AddressError as error:
        raise BadInputError(f"url: {error}") from error


def _given(
    named: dict[str, str | None],
    interval: str | None,
    since: str | None,
    header: list[str] | None,
    auth: str | None,
    *,
    full_text: bool,
    no_websub: bool,
) -> dict[str, Any]:
    """Return the fields of a feed that the options give."""
    from services.provisioning.yaml_file import iso_duration

    fields = {
        **named,
        "interval": iso_duration(interval),
        "since": _moment(since),
        "headers": dict(map(_header, header)) if header else None,
        "basic_auth": {"secret": auth} if auth else None,
        "full_text": full_text or None,
        "websub": False if no_websub else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _header(written: str) -> tuple[str, Any]:
    name, equals, value = written.partition("=")
    if not equals or not name.strip():
        raise BadInputError(f"--header {written}: expected NAME=VALUE, or NAME=secret:KEY")
    is_secret = value.startswith(SECRET_VALUE)
    return name.strip(), {"secret": value.removeprefix(SECRET_VALUE)} if is_secret else value


def _moment(written: str | None) -> str | None:
    """Return a day or moment with its zone, UTC where none is given."""
    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise BadInputError(
            f"--since {written}: expected a day or a moment, as 2024-11-27 or 2024-11-27T09:00"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _secrets(feed: Feed) -> list[str]:
    named = [value.secret for value in feed.headers.values() if not isinstance(value, str)]
    return named + ([feed.basic_auth.secret] if feed.basic_auth else [])


def _print(discovery: "Discovery") -> None:
    for number, feed in enumerate(discovery.feeds, 1):
        facts = [_format(feed.feed_type), _number(feed.entries, "item")]
        facts += [f"latest {feed.latest_at:%Y-%m-%d}"] if feed.latest_at else []
        facts += [note] if (note := _note(discovery, feed)) else []
        out.print(f"{number:>2}  [bold]{escape(feed.title or '(no title)')}[/bold]  {escape(', '.join(facts))}")
        out.print(f"    {escape(feed.url)}")
    if discovery.unasked:
        out.print(f"{_number(len(discovery.unasked), 'more address')} not asked, to go easy on the site:")
        for candidate in discovery.unasked:
            out.print(escape(f"  {candidate.url}  {candidate.title}".rstrip()))


def _note(discovery: "Discovery", feed: "FoundFeed") -> str:
    if feed.same_as is not None:
        numbers = {other.url: number for number, other in enumerate(discovery.feeds, 1)}
        return f"same items as {numbers[feed.same_as]}"
    return "comments" if feed.is_comments else ""


def _format(feed_type: str) -> str:
    """Return `rss20` as `RSS 2.0`."""
    name = feed_type.rstrip("0123456789.").rstrip("_")
    number = feed_type[len(name) :].lstrip("_")
    shown = _FORMATS.get(name, name.replace("_", " "))
    return f"{shown} {number if '.' in number else '.'.join(number[:2])}".strip()


def _line(feed: "FoundFeed") -> str:
    row = {
        "url": feed.url,
        "title": feed.title,
        "format": feed.feed_type,
        "entries": feed.entries,
        "latest_at": feed.latest_at.isoformat() if feed.latest_at else None,
        "lead": feed.lead,
        "comments": feed.is_comments,
        "same_as": feed.same_as,
    }
    return jsonlib.dumps({key: value for key, value in row.items() if value is not None}, ensure_ascii=False)


def _nothing_found(url: str, discovery: "Discovery") -> str:
    if len(discovery.tried) == 1:
        return f"{url}: {discovery.tried[0].message}"
    tried = "\n".join(f"  {tried.url}: {tried.message}" for tried in discovery.tried)
    return f"{url}: no feed found, tried {_number(len(discovery.tried), 'address')}:\n{tried}"


def _number(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
