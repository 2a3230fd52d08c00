"""`redline demo`: the main job, self-contained: seed articles over HTTP, through every service, to alerts."""

import asyncio
import json as jsonlib
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from schemas.alert import Alert, alert_id
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome
from schemas.streams import ALERTS, DELIVERIES
from services.cli.output import FAILED, JsonOption, err, fault, out, print_line
from services.plurals import counted
from services.provisioning.article_files import ReadArticle
from services.settings import SEEDS, ApiSettings, FetchSettings, LoadedSettings, LogSettings, Settings

if TYPE_CHECKING:
    from services.cli.seed_server import SeedSite

PATIENCE_SECONDS = 60.0
EXPECTED = SEEDS / "expected" / "demo.json"
GROUP_INTERVAL = "1s"  # as seeds/routes.yaml, but nobody watches a demo for a quarter of an hour to see an update
ROUTES = f'''{{
  "route": {{"receiver": "you", "group_interval": "{GROUP_INTERVAL}"}},
  "receivers": [{{"name": "you", "channels": [{{"type": "console"}}]}}]
}}'''

NEXT = """
That was the real pipeline: a feed server on loopback, the fetcher, matcher, tracker and alerter, each reading and
writing its stream. What next{activate}:

  redline demo --stay                           the same, with the links on the cards alive until Ctrl-C
  redline up                                    follow the real feeds in seeds/feeds.yaml
  redline feeds add https://example.org/feed    follow one of your own
  redline rules add '@south_korea AND "air defence"' --topic arms-supply-ukraine
  redline replay FILE...                        which alerts would these articles raise?
  redline topics show arms-supply-ukraine --from FILE   where Seoul stands by these articles, and how it came to
  redline positions                             where every actor stands by what Redline has heard
  redline receivers test desk                   do messages arrive? (docs/alerts.md: Slack, e-mail, webhooks)
  redline alerts list                           what was decided, and where it stands
  redline alerts show ID                        the whole way of an alert, and why it was told or not
  redline silences add --story ID --for 24h --comment "known story"
"""


@dataclass
class Progress:
    """What the demo waits for, and what has come of it."""

    expected: frozenset[str]
    delivered: set[str] = field(default_factory=set)
    alerts: dict[str, Alert] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def threads(self) -> int:
        """How many threads the alerts are told in: one for each watch topic and story."""
        return len(
            {(alert.watch_topic, alert.story.id if alert.story else alert.group_key) for alert in self.alerts.values()}
        )

    async def on_alert(self, alert: Alert) -> None:
        """Note an alert as it passes on its stream."""
        self.alerts[alert.id] = alert
        self._look()

    async def on_delivery(self, delivery: Delivery) -> None:
        """Note a delivery as it passes on its stream."""
        if delivery.outcome is Outcome.SENT:
            self.delivered.update(delivery.alert_ids)
        self._look()

    def _look(self) -> None:
        if self.expected <= self.delivered and self.expected <= self.alerts.keys():
            self.done.set()


def demo(
    json: JsonOption = False,
    stay: Annotated[bool, typer.Option("--stay", help="keep running until Ctrl-C")] = False,
) -> None:
    """Poll the seed articles over HTTP through every service, show the alerts, and exit 0 once all have come.

    Needs no network and no configuration, and leaves nothing behind. Example: redline demo
    """
    from services.cli import seed_server
    from services.runtime.log import configure_logging

    configure_logging("error", "auto")
    started = time.monotonic()
    articles = seed_server.load_seed_articles(SEEDS / "articles")
    progress = Progress(expected_alerts(articles, EXPECTED))
    with tempfile.TemporaryDirectory(prefix="redline-demo-") as folder, seed_server.serve(articles) as site:
        outlets = ", ".join(feed.outlet for feed in site.feeds)
        if not json:
            out.print(f"Polling {len(articles)} seed articles ({escape(outlets)}) through every service ...\n")
        asyncio.run(_run(Path(folder), site, progress, json, stay))
    missing = len(progress.expected - progress.delivered)
    if missing:
        fault(f"{missing} of {len(progress.expected)} expected alerts did not come within {PATIENCE_SECONDS:g} s")
        raise typer.Exit(FAILED)
    if json:
        return
    seconds = time.monotonic() - started
    told = f"{counted(len(progress.delivered), 'alert')} from {counted(len(articles), 'article')}"
    out.print(f"[bold]{told} in {counted(progress.threads, 'thread')}, in {seconds:.1f} s.[/bold]")
    on_path = shutil.which("redline") is not None
    activate = "" if on_path else f" (after `. {Path(sys.executable).parent / 'activate'}`)"
    out.print(escape(NEXT.format(activate=activate)), soft_wrap=True)


def expected_alerts(articles: list[ReadArticle], expectation: Path) -> frozenset[str]:
    """Return the ids of the alerts that the seed articles must raise, as the expectation file says."""
    from services.cli.seed_server import feed_id_of, slug_of

    found: set[str] = set()
    by_slug = {slug_of(read): read for read in articles}
    for slug, watch_topics in jsonlib.loads(expectation.read_text()).items():
        feed_id = feed_id_of(by_slug[slug].article.outlet)
        article_id = content_id("article", feed_id, slug)
        found.update(alert_id(f"mention/{topic}/{article_id}", article_id) for topic in watch_topics)
    return frozenset(found)


def _settings(folder: Path) -> Settings:
    return Settings(
        data_dir=folder,
        durability="normal",  # the folder is gone when the demo ends
        fetch=FetchSettings(allow_private=True),
        api=ApiSettings(port=0),  # 8600 may be in use
        log=LogSettings(level="error"),
    )


async def _run(folder: Path, site: "SeedSite", progress: Progress, json: bool, stay: bool) -> None:
    from services import bootstrap
    from services.runtime.apps import create_app
    from services.runtime.consume import subscribe
    from services.runtime.dead_letters import DeadLetters
    from services.runtime.publisher import StreamPublisher

    settings, stop = _settings(folder), asyncio.Event()

    def observer(world: bootstrap.World) -> bootstrap.Unit:
        app = create_app("demo", world.broker)
        letters = DeadLetters(StreamPublisher(app), "demo", world.clock)
        subscribe(app, ALERTS, progress.on_alert, letters)
        subscribe(app, DELIVERIES, progress.on_delivery, letters)
        return bootstrap.Unit(app)

    running = asyncio.create_task(
        bootstrap.run_services(
            LoadedSettings(settings, {}, {}, None),
            tuple(bootstrap.BUILDERS),
            stop=stop,
            provisioned=bootstrap.provisioned_for_demo(settings, tuple(site.feeds), ROUTES, quiet=json),
            extra=observer,
        )
    )
    waiting = asyncio.create_task(progress.done.wait())
    await asyncio.wait({running, waiting}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if json:
        for alert in sorted(progress.alerts.values(), key=lambda alert: alert.id):
            print_line(alert.model_dump_json(exclude_none=True))
    if stay and not running.done():
        err.print("All seed alerts are here; Redline keeps running until Ctrl-C.")
        await asyncio.wait({running})
    stop.set()
    await running
