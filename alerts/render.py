"""Alert to message: subject, plain text and HTML. Pure; the words come from alerts/templates/."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerts.card import Quote, one_line, render_card, shorten
from schemas.notification import Notification

SUBJECT_CHARS = 180  # mail clients show fewer; longer ones are folded and easily mangled


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("alerts"),
        # On unless a template is plainly text, so that one renamed carelessly keeps its escaping.
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["starred"] = starred
    return environment


def starred(quote: Quote) -> str:
    """Return an excerpt in plain text, the evidence between asterisks."""
    return "".join(f"*{segment.text}*" if segment.marked else segment.text for segment in quote.segments)


def render_subject(notification: Notification) -> str:
    """Return one line, free of control characters: `[CRITICAL] topic: title`."""
    card = render_card(notification.alerts[0])
    topic = "" if card.watch_topic == card.title else f"{card.watch_topic}: "
    return shorten(one_line(f"[{card.severity.upper()}] {topic}{card.title}"), SUBJECT_CHARS)


def render_text(notification: Notification) -> str:
    """Return the message in plain text."""
    return _templates().get_template("alert.txt.j2").render(card=render_card(notification.alerts[0]))


def render_html(notification: Notification) -> str:
    """Return the message as an HTML document without remote parts: no images, scripts or style sheets."""
    return _templates().get_template("alert.html.j2").render(card=render_card(notification.alerts[0]))
