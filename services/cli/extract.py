"""`redline extract`: an article's page in, what it says out."""

import asyncio
import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from services.cli.output import BAD_INPUT, JsonOption, fault, out, print_line

if TYPE_CHECKING:
    from services.domain.feeds.page import Page

MAX_PAGE_BYTES = 20 * 1024 * 1024
READ_SECONDS = 15.0


def extract(
    document: Annotated[str, typer.Argument(metavar="FILE", help="an article's page; - is standard input")],
    url: Annotated[str | None, typer.Option(metavar="URL", help="where the page is from, for relative links")] = None,
    json: JsonOption = False,
) -> None:
    """Read an article's page: its title, text, author, time and language, without what stands around it.

    Example: curl -s https://example.org/news/1 | redline extract - --url https://example.org/news/1 --json
    """
    from services.domain.feeds.page import PageParseError
    from services.domain.text.language import identify
    from services.fetcher.parse_pool import ParseAbortedError

    try:
        page = asyncio.run(_read(_bytes_of(document), url))
    except (OSError, PageParseError, ParseAbortedError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        fault(f"{document}: {reason}")
        raise typer.Exit(BAD_INPUT) from error
    lang = page.lang or identify(page.text)
    published_at = page.published_at.isoformat().replace("+00:00", "Z") if page.published_at else None
    if json:
        facts = {"title": page.title, "text": page.text, "author": page.author, "published_at": published_at}
        print_line(jsonlib.dumps(facts | {"lang": lang, "url": page.canonical_url}, ensure_ascii=False))
        return
    out.print(f"[bold]{escape(page.title or 'untitled')}[/bold]")
    out.print(escape(", ".join(part for part in (page.author, published_at, lang, page.canonical_url) if part)))
    out.print(escape(page.text))


def _bytes_of(document: str) -> bytes:
    from services.domain.feeds.page import PageParseError

    if document == "-":
        body = sys.stdin.buffer.read(MAX_PAGE_BYTES + 1)
    else:
        with Path(document).open("rb") as file:
            body = file.read(MAX_PAGE_BYTES + 1)
    if len(body) > MAX_PAGE_BYTES:
        raise PageParseError(f"the document is larger than {MAX_PAGE_BYTES} bytes")
    return body


async def _read(body: bytes, url: str | None) -> "Page":
    """Read the page as the fetcher does: in a process of its own, which is all that a hostile page can harm."""
    from services.fetcher.parse_pool import PagePool

    pool = PagePool(seconds=READ_SECONDS)
    try:
        return await pool.read(body, content_type=None, url=url)
    finally:
        await pool.aclose()
