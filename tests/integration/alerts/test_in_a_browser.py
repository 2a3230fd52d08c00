"""Mails and pages as a browser draws them: on a phone, in light and in dark, without a request that leaves the page."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from alerts.links import MessageLinks
from alerts.render import frame, render_html
from schemas.base import content_id
from schemas.claim import Attribution, Modality
from schemas.notification import NotificationKind
from schemas.watch import Severity
from services.api.page import Button, page
from services.api.position_page import shown_as
from services.api.position_view import LadderTopic, topic_page
from services.domain.positions.tracker import PositionTracker
from tests.unit.alerts.examples import an_alert, article, excerpt, told
from tests.unit.alerts.messages import a_change, a_digest, a_shift, an_item, text_that_has_no_end
from tests.unit.positions.worlds import ACTOR, DAY, START, TOPIC, claim, ladder, said

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]

PHONE, DESK = 390, 900
ON_A_DESK = ("shift", "mention", "arabic", "unbroken", "positions")
LIGHT, DARK = 1, 0
LINKS = MessageLinks(
    "https://redline.example/unsubscribe/1.a.b",
    "https://redline.example/silence/1.c.d",
    "https://redline.example/topics/1.e.f",
)
ARABIC = "سيول: سنراجع بمرونة تزويد أوكرانيا بالأسلحة"
UNBROKEN = "https://example.org/" + "x" * 200
REMOTE = (
    '<img src="/seen.png"><link rel="stylesheet" href="/seen.css"><script src="/seen.js"></script>'
    '<p style="background:url(/seen-style.png);background-color:url(/seen-colour.png)">x</p>'
    '<iframe src="/seen"></iframe>'
)


def pages() -> dict[str, str]:
    """Return what is looked at, by name."""
    arabic = article(title=f"{ARABIC} …", outlet="وكالة المثال", lang="ar")
    rungs = ("a position with a name that takes much more room than there is", UNBROKEN, "여러 가지 무기", "c", "d")
    alerts = [an_alert(id=content_id(str(number)), title=UNBROKEN) for number in range(8)]
    return {
        "mention": render_html(told(), LINKS),
        "shift": render_html(told(a_shift(), time_zone="Asia/Seoul"), LINKS),
        "ladder": render_html(told(a_shift(position=a_change(rungs=rungs)))),
        "unbroken": render_html(told(an_alert(title=UNBROKEN, excerpts=(excerpt(UNBROKEN),), labels={"a": UNBROKEN}))),
        "endless": render_html(text_that_has_no_end(), LINKS),
        "several": render_html(told(*alerts, kind=NotificationKind.UPDATE, revision=2), LINKS),
        "arabic": render_html(told(an_alert(title=ARABIC, article=arabic, excerpts=(excerpt(ARABIC, "بمرونة"),)))),
        "digest": render_html(
            a_digest(*[an_item(number, title=f"{number} {UNBROKEN}") for number in range(60)]), LINKS
        ),
        "urgent": render_html(told(an_alert(severity=Severity.CRITICAL)), LINKS),
        "planted": frame(REMOTE),
        "positions": positions(),
        "page": bytes(page("Silence?", [UNBROKEN], Button("Silence", "silence"), note=UNBROKEN).body).decode(),
    }


def positions() -> str:
    """Return the page of a position with shifts that are confirmed, unconfirmed, contested and retracted."""
    held = PositionTracker(ladder(lone_reports=True), TOPIC, ACTOR)
    held.add(
        [*said(0, "refuse"), claim(15, "deliver", Attribution.UNNAMED), *said(20, "consider"), *said(22, "refuse")]
    )
    held.add([claim(40, "indirect", Attribution.UNNAMED), claim(41, "indirect", modality=Modality.DENIED)])
    held.add([claim(45, "deliver", Attribution.UNNAMED).model_copy(update={"outlet": UNBROKEN, "speaker": UNBROKEN})])
    asking = PositionTracker(ladder(), TOPIC, "ukraine")
    asking.add([claim(30, "request", actor="ukraine").model_copy(update={"url": "https://example.org/a"})])
    topic = LadderTopic(TOPIC, UNBROKEN, ladder(lone_reports=True), {ACTOR: "South Korea", "ukraine": UNBROKEN})
    drawn = topic_page(topic, {ACTOR: held, "ukraine": asking}, START + 60 * DAY, UTC)
    assert {turn.status for actor in drawn.actors for turn in actor.turns} >= {"contested", "unconfirmed", "retracted"}
    return bytes(shown_as(drawn).body).decode()


# Every frame is measured as it stands, and what was found is left in the document for --dump-dom.
_MEASURE = """
<body style="margin:0">%s<pre id="found"></pre><script>
addEventListener("load", () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const inner = frame.contentDocument, view = frame.contentWindow, root = inner.documentElement;
    const look = one => { const s = view.getComputedStyle(one); return [s.color, behind(one)] };
    const behind = one => {
      for (let at = one; at; at = at.parentElement) {
        const colour = view.getComputedStyle(at).backgroundColor;
        if (colour !== "rgba(0, 0, 0, 0)") return colour;
      }
      return "rgb(255, 255, 255)";
    };
    const texts = [...inner.querySelectorAll("body *")].filter(one =>
      [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && one.tagName !== "STYLE");
    const box = one => { const b = one.getBoundingClientRect(); return [b.left, b.right] };
    const drawn = node => { const range = inner.createRange(); range.selectNodeContents(node);
      return box(range) };
    found[frame.name] = {
      width: [root.clientWidth, root.scrollWidth],
      cut: texts.filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0).map(one => one.tagName),
      colours: [...new Set(texts.map(one => look(one).join("|")))],
      dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
      heading: inner.querySelector("h1") && [box(inner.querySelector("h1")), drawn(inner.querySelector("h1"))],
      loaded: view.performance.getEntriesByType("resource").map(one => one.name),
    };
  }
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script></body>
"""


@contextmanager
def served(documents: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Serve documents on loopback; yield the address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = documents.get(self.path.removeprefix("/"), "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def look(url: str, scheme: int, profile: Path) -> dict[str, Any]:
    """Return what the measuring page at this address found."""
    assert CHROMIUM
    quiet = ("gpu", "quic", "background-networking", "component-update", "sync", "extensions", "dev-shm-usage")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    command += [f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={scheme}", "--hide-scrollbars"]
    done = subprocess.run([*command, "--dump-dom", url], check=True, capture_output=True, text=True, timeout=60)
    found = re.search('<pre id="found">(.+?)</pre>', done.stdout)
    assert found, done.stderr[-2_000:]
    measured: dict[str, Any] = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return measured


@pytest.fixture(scope="module", params=[LIGHT, DARK], ids=["light", "dark"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Any, list[str]]:
    """What a browser makes of every page, in light and in dark: the scheme, what was measured, what it asked for."""
    documents = pages()
    drawn = [*((name, PHONE) for name in documents), *((name, DESK) for name in ON_A_DESK)]
    frames = "".join(
        f'<iframe name="{name} {width}" src="/{name}" style="width:{width}px;height:600px;border:0"></iframe>'
        for name, width in drawn
    )
    with served({**documents, "measure": _MEASURE % frames}) as (address, asked):
        found = look(f"{address}/measure", request.param, tmp_path_factory.mktemp("profile"))
    assert len(found) == len(drawn)
    return request.param, found, asked


def test_nothing_is_wider_than_its_window_or_cut_off(seen: tuple[int, Any, list[str]]) -> None:
    for name, frame_found in seen[1].items():
        own, needed = frame_found["width"]
        assert needed <= own, name
        assert frame_found["cut"] == [], name


def test_no_request_leaves_a_mail(seen: tuple[int, Any, list[str]]) -> None:
    assert set(seen[2]) <= {"/measure", "/favicon.ico", *(f"/{name}" for name in pages())}
    assert {name: one["loaded"] for name, one in seen[1].items() if one["loaded"]} == {}


def test_every_text_stands_out_from_what_is_behind_it(seen: tuple[int, Any, list[str]]) -> None:
    for name, frame_found in seen[1].items():
        assert frame_found["dark"] is (seen[0] == DARK)
        for pair in frame_found["colours"]:
            text, behind = map(luminance, pair.split("|"))
            assert (max(text, behind) + 0.05) / (min(text, behind) + 0.05) >= 4.5, (name, pair)
            assert (text > behind) is (seen[0] == DARK) or name.startswith("page ")  # with its button, (name, pair)


def test_an_arabic_headline_begins_on_the_right_and_an_english_one_on_the_left(
    seen: tuple[int, Any, list[str]],
) -> None:
    (own, drawn), (other, left) = seen[1][f"arabic {DESK}"]["heading"], seen[1][f"mention {DESK}"]["heading"]
    assert abs(own[1] - drawn[1]) < 2
    assert drawn[0] - own[0] > 50
    assert abs(other[0] - left[0]) < 2


def luminance(colour: str) -> float:
    """Return the relative luminance of `rgb(1, 2, 3)`, as WCAG has it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
