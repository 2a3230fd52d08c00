"""Notification to message: subject, plain text and HTML. Pure; the words come from alerts/templates/."""

from functools import cache
from importlib.resources import files

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerts.card import SUBJECT_CHARS, Quote, one_line, shorten, thread_subject
from alerts.directions import direction, placed, side
from alerts.letter import digest_letter_of, letter_of, silenced
from alerts.links import NO_LINKS, MessageLinks
from schemas.notification import Notification, NotificationKind

_FOLLOWING = frozenset({NotificationKind.UPDATE, NotificationKind.REMINDER})
_TAGS = frozenset(
    {
        *("a", "blockquote", "br", "div", "h1", "h2", "li", "mark", "p", "span", "strong", "ul"),
        *("table", "tbody", "tr", "td"),
    }
)
_CELL = frozenset({"align", "valign", "width", "colspan"})
_ATTRIBUTES = {
    "*": frozenset({"style", "dir", "class"}),
    "a": frozenset({"href"}),
    "h2": frozenset({"id"}),
    "table": frozenset({"role", "width", "cellpadding", "cellspacing", "border", "align"}),
    "td": _CELL,
}
# No property here loads anything, whatever its value: so background-color, but neither background nor list-style.
_PROPERTIES = frozenset(
    {
        *("color", "background-color", "font-family", "font-size", "font-weight", "line-height", "text-decoration"),
        *("margin", "padding", "padding-left", "padding-top", "width", "max-width", "white-space"),
        *("border-bottom", "border-left", "border-right", "border-top", "border-collapse", "border-spacing"),
        *("padding-right", "text-align"),
    }
)


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
    environment.filters |= {"starred": starred, "direction": direction, "side": side, "placed": placed}
    return environment


def starred(quote: Quote) -> str:
    """Return an excerpt in plain text, the evidence between asterisks."""
    return "".join(f"*{segment.text}*" if segment.marked else segment.text for segment in quote.segments)


def render_subject(notification: Notification) -> str:
    """Return one line, free of control characters: `[CRITICAL] topic: title`.

    What follows in a thread answers to the subject that began it, since clients put a thread together by its subject.
    """
    return shorten(one_line(_subject(notification)), SUBJECT_CHARS)


def _subject(notification: Notification) -> str:
    if notification.digest is not None:
        digest = digest_letter_of(notification.digest, notification.time_zone)
        return f"[{digest.severity.upper()}] {digest.heading}"
    if notification.kind is NotificationKind.TEST:
        return f"[TEST] Alerts for {notification.receiver} arrive here"
    opening = notification.thread_subject or (thread_subject(notification.lead) if notification.lead else "Redline")
    return f"Re: {opening}" if notification.kind in _FOLLOWING else opening


def render_text(notification: Notification, links: MessageLinks = NO_LINKS) -> str:
    """Return the message in plain text; it says all that the HTML says."""
    return _body(notification, "txt") + _footer(notification, links, "txt")


def render_html(notification: Notification, links: MessageLinks = NO_LINKS) -> str:
    """Return the message as an HTML document without remote parts: no images, scripts or style sheets."""
    return frame(_body(notification, "html") + _footer(notification, links, "html"))


def _body(notification: Notification, form: str) -> str:
    if notification.digest is not None:
        digest = digest_letter_of(notification.digest, notification.time_zone)
        return _templates().get_template(f"digest.{form}.j2").render(digest=digest)
    return _templates().get_template(f"letter.{form}.j2").render(letter=letter_of(notification))


def _footer(notification: Notification, links: MessageLinks, form: str) -> str:
    receiver = one_line(notification.receiver)
    facts = {"links": links, "receiver": receiver, "silenced": silenced(notification)}
    return _templates().get_template(f"footer.{form}.j2").render(facts)


def frame(fragment: str) -> str:
    """Return the page around a fragment, of which only harmless tags, properties and http(s) links are left.

    Templates escape what they are given. This is for the day on which one does not.
    """
    return _FRAME.replace("{fragment}", _net().clean(fragment).strip())


@cache
def _net() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_keep_attribute,
        filter_style_properties=set(_PROPERTIES),
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )


def _keep_attribute(_: str, name: str, value: str) -> str | None:
    """Let a link lead to the web, or down this page; never to what a path would mean wherever the mail is read."""
    if name == "href" and not value.lower().startswith(("http://", "https://", "#section-")):
        return None
    return value


_STYLES = files("alerts").joinpath("templates/styles.css").read_text(encoding="utf-8")
_FRAME = f"""<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>Redline</title>
<style>
{_STYLES.strip()}
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f6f6f4">
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="width:100%;background-color:#f6f6f4;table-layout:fixed">
<tr><td align="center" style="padding:16px 8px">
<table role="presentation" width="640" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:640px;table-layout:fixed">
<tr><td align="left" class="sheet" style="padding:20px 24px;overflow-wrap:anywhere;word-break:break-word;background-color:#ffffff;color:#1d1d1b;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
{{fragment}}
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
"""  # noqa: E501 - one element a line
