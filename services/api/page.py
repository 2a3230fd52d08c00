"""A page for readers who followed a link of a message: a few words and a button, on any screen, without any script."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from services.api.bodies import TooLargeError, read_body

MAX_FORM_BYTES = 4_096
FORM_SECONDS = 10.0
# The colours of the mails that lead here.
STYLES = (
    ":root{color-scheme:light dark;--page:#f6f6f4;--sheet:#fff;--text:#1d1d1b;--quiet:#6b6864;--accent:#1a6da5}"
    "@media(prefers-color-scheme:dark){"
    ":root{--page:#131312;--sheet:#1d1d1b;--text:#eceae4;--quiet:#a5a29b;--accent:#6fb9ea}}"
    "body{margin:0;padding:2rem .5rem;background:var(--page);color:var(--text);"
    "font:1rem/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}"
    "main{margin:0 auto;max-width:34rem;padding:1.5rem;background:var(--sheet)}"
    "h1{margin:0 0 1rem;font-size:1.375rem;line-height:1.3}"
    "p{margin:0 0 .75rem;overflow-wrap:anywhere}"
    "p:last-child{margin:0}"
    "small{font-size:.8125rem;color:var(--quiet)}"
    "form{margin:1.25rem 0}"
    "form:last-child{margin-bottom:0}"
    "button{padding:.7rem 1.25rem;border:2px solid var(--accent);border-radius:4px;background:var(--accent);"
    "color:var(--sheet);font:inherit;font-weight:600;cursor:pointer}"
    "button.undo{background:transparent;color:var(--accent)}"
    "button:focus-visible{outline:3px solid var(--text);outline-offset:2px}"
)


@dataclass(frozen=True)
class Button:
    """What a reader can do here; pressing it posts `action`. One that takes something back is drawn more quietly."""

    label: str
    action: str
    undoes: bool = False


def page(
    title: str, paragraphs: Sequence[str], button: Button | None = None, *, note: str = "", status: int = 200
) -> Response:
    """Return a page, with a note in small letters at its end; every text is escaped here."""
    said = "\n".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    form = ""
    if button is not None:
        # Without an action, a form posts to the page's own address, under whatever path a proxy has put it.
        look = ' class="undo"' if button.undoes else ""
        form = (
            f'<form method="post"><button{look} name="action" value="{escape(button.action)}">'
            f"{escape(button.label)}</button></form>\n"
        )
    if note:
        form += f"<p><small>{escape(note)}</small></p>\n"
    return document(title, f"<h1>{escape(title)}</h1>\n{said}\n{form}", status=status)


def document(title: str, body: str, *, styles: str = STYLES, status: int = 200) -> Response:
    """Return the page around a body that is HTML already, of escaped texts only; `styles` are the only ones it has."""
    return HTMLResponse(
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} – Redline</title>\n<style>{styles}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        status,
        headers=_headers(styles),
    )


@cache
def _headers(styles: str) -> dict[str, str]:
    allowed = b64encode(sha256(styles.encode()).digest()).decode()
    return {
        # Nothing is loaded, framed or run; the one style sheet is named by what it says.
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{allowed}'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
        "Referrer-Policy": "no-referrer",  # the address of the page is the reader's own
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
    }


def no_such_page() -> Response:
    """Return what is said to a link that is not ours, whatever is wrong with it."""
    return page("No such page", ["This link is not complete, or it is not one of ours."], status=404)


async def action_of(request: Request) -> str | Response:
    """Return which button was pressed, or "" where the form says nothing of one; a Response if it cannot be read."""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await read_body(request, MAX_FORM_BYTES)
    except TooLargeError:
        return page("Too long", ["More was sent than this page asks for."], status=413)
    except (TimeoutError, ClientDisconnect):
        return page("Too slow", ["What was sent did not arrive in time. Please try again."], status=408)
    try:
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=20)
    except ValueError:
        return ""
    return fields.get("action", [""])[0]
