"""A worker in a process of its own, to be killed, starved of disk or sent signals: `python -m ... LOG MODE N`.

MODE feed sends articles for ever and prints each number once its publish returned; MODE relay hands articles on as
matches and prints each number handled.
"""

import asyncio
import sys

from schemas.article import Article
from schemas.base import content_id
from schemas.match import Evidence, EvidenceField, Match, RuleHit
from schemas.streams import ARTICLES, MATCHES
from services.runtime.apps import BrokerConfig, RedlineApp, create_app
from services.runtime.clock import SystemClock
from services.runtime.consume import HandlerPolicy, subscribe
from services.runtime.dead_letters import DeadLetters
from services.runtime.faults import RuntimeFaultError, UnavailableError
from services.runtime.publisher import StreamPublisher
from services.runtime.worker import Background, WorkerPolicy, run_worker
from tests.integration.runtime.harness import article

RULE_VERSION = content_id("rule", "1")


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def feeder(app: RedlineApp, first: int) -> Background:
    publisher = StreamPublisher(app)

    async def feed() -> None:
        number = first
        while True:
            try:
                await publisher.publish(ARTICLES, article(number))
            except UnavailableError:
                await asyncio.sleep(3600)  # the app is about to end
            say(str(number))
            number += 1

    return feed


def relay(broker: BrokerConfig, *, slow_seconds: float) -> RedlineApp:
    app = create_app("matcher", broker)
    publisher = StreamPublisher(app)

    async def match(given: Article) -> None:
        evidence = Evidence(field=EvidenceField.TITLE, start=0, end=len(given.title), text=given.title)
        hit = RuleHit(rule_id="any", rule_version=RULE_VERSION, evidence=(evidence,))
        if slow_seconds:
            say(f"began {given.title}")
            await asyncio.sleep(slow_seconds)
        await publisher.publish(
            MATCHES,
            Match(
                id=content_id("match", given.id),
                watch_topic="all",
                watch_topic_title="All",
                article=given,
                hits=(hit,),
            ),
        )
        say(given.title)

    letters = DeadLetters(publisher, "matcher", SystemClock())
    subscribe(app, ARTICLES, match, letters, HandlerPolicy(timeout_seconds=3600))
    return app


async def main(path: str, mode: str, detail: str) -> None:
    broker = BrokerConfig(f"sqlite://{path}", synchronous="normal")
    background: list[Background] = []
    if mode == "feed":
        apps = [create_app("fetcher", broker, producer_only=True)]
        background = [feeder(apps[0], int(detail))]
    else:
        apps = [relay(broker, slow_seconds=float(detail))]
    await run_worker(
        apps,
        stop=asyncio.Event(),
        on_ready=lambda: say("ready"),
        background=background,
        policy=WorkerPolicy(grace_seconds=2.0),
    )
    say("stopped")


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:4]))
    except RuntimeFaultError as fault:
        sys.stderr.write(f"{fault}\n")
        sys.exit(1)
