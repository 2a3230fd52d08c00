"""Letters as a reader's program sees them: the outline of their HTML, and what may stand in it."""

from html.parser import HTMLParser

from alerts.links import MessageLinks
from alerts.render import render_html
from schemas.alert import Alert
from tests.unit.alerts.examples import told

LINKS = MessageLinks(
    "https://redline.example/unsubscribe/1.a.b",
    "https://redline.example/silence/1.c.d",
    "https://redline.example/topics/1.e.f",
)

# Gmail cuts a message off there.
MOST_BYTES = 100_000


class Outline(HTMLParser):
    """Collects tags, links and the text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.marked: list[str] = []
        self.ids: list[str] = []
        self._in_mark = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        self._in_mark = tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self._in_mark = False

    def handle_data(self, data: str) -> None:
        if self._in_mark:
            self.marked.append(data)


def outline(*alerts: Alert) -> Outline:
    return outlined(render_html(told(*alerts)))


def outlined(html: str) -> Outline:
    page = Outline()
    page.feed(html)
    return page


def assert_harmless(html: str) -> None:
    page = outlined(html)
    assert page.tags <= {
        *("html", "head", "meta", "title", "style", "body", "div", "p", "strong", "span", "h1", "h2", "ul", "li"),
        *("blockquote", "mark", "a", "br", "table", "tbody", "tr", "td"),
    }
    assert html.count("<style>") == 1
    for link in page.links:
        assert link.startswith(("https://", "http://", "#section-"))
