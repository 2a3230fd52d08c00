"""`redline feeds list` and `show`: how feeds are, and what was decided at each of their polls."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.feed import Feed
from services import bootstrap
from services.cli import output
from services.domain.feeds.changes import Changes
from services.domain.feeds.health import FeedHealth
from services.domain.feeds.schedule import DueReason
from services.domain.feeds.websub import Credentials, Offer, asking, verified
from services.fetcher.client import FailureReason
from services.fetcher.history import Move, MoveReason, PollOutcome, PollRecord
from services.fetcher.state import FeedState
from services.fetcher.store import ValkeyFeedStore
from services.fetcher.websub_store import ValkeyWebSubStore
from services.settings import load_settings
from tests.integration.cli.conftest import Run

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
OWN, NEW = "https://wire.example/feed", "https://new.wire.example/feed"
HUB, TOKEN, KEY = "https://hub.example/", "a-token-nobody-guesses", "a-key-nobody-guesses"
FEEDS = (
    Feed(id="wire", url=OWN, outlet="Example [b]Wire[/b]", interval=timedelta(minutes=15)),
    Feed(id="fallen", url="https://fallen.example/feed", outlet="Fallen"),
    Feed(id="fresh", url="https://fresh.example/feed", outlet="Fresh"),
    Feed(id="ended", url="https://ended.example/feed", outlet="Ended"),
)


def read(at: datetime, **more: Any) -> PollRecord:
    return PollRecord(
        at=at, outcome=PollOutcome.READ, status=200, bytes=4321, entries=20, published=2,
        due_at=at + HOUR, due_reason=DueReason.RHYTHM, **more,
    )  # fmt: skip


def failed(at: datetime, message: str) -> PollRecord:
    return PollRecord(
        at=at, outcome=PollOutcome.FAILED, status=503, message=message,
        due_at=at + 2 * HOUR, due_reason=DueReason.RETRY_AFTER,
    )  # fmt: skip


MOVE = Move(at=NOW - 3 * HOUR, feed_id="wire", from_url=OWN, to_url=NEW, reason=MoveReason.REDIRECTED, answers=3)
STATES = {
    "wire": FeedState(
        url=OWN, moved_url=NEW, moves=(MOVE,), etag='W/"abc"', last_modified="Wed, 27 Nov 2024 09:00:00 GMT",
        health=FeedHealth.HEALTHY, health_since=NOW - 48 * HOUR, rhythm=timedelta(minutes=20),
        last_polled_at=NOW - HOUR, last_news_at=NOW - 2 * HOUR, due_at=NOW + HOUR / 2, due_reason=DueReason.INTERVAL,
        history=(failed(NOW - 2 * HOUR, "answered 503"), read(NOW - HOUR, redirected_to="https://cdn.example/")),
    ),
    "fallen": FeedState(
        url=FEEDS[1].url, health=FeedHealth.BROKEN, health_since=NOW - 9 * HOUR,
        health_reason="6 polls in a row failed", failures=6, failure=FailureReason.SERVER_ERROR,
        message="answered 503", last_polled_at=NOW - HOUR, due_at=NOW + HOUR, due_reason=DueReason.BACK_OFF,
        history=(failed(NOW - HOUR, "answered 503"),),
    ),
    "ended": FeedState(
        url=FEEDS[3].url, health=FeedHealth.GONE, health_since=NOW - HOUR, is_gone=True, message="is gone (410)",
        last_polled_at=NOW - HOUR, due_reason=DueReason.GONE,
    ),
}  # fmt: skip


async def remember(data_dir: Path) -> None:
    """Leave the state that a fetcher would have left."""
    settings = load_settings(None, {"REDLINE_DATA_DIR": str(data_dir)}).settings
    async with bootstrap.open_valkey(settings) as valkey:
        store = ValkeyFeedStore(valkey)
        await store.add_feeds(FEEDS)
        await store.reconcile(FEEDS, NOW)
        for _ in FEEDS:
            for claim in (await store.claim_due(NOW, 9)).claims:
                if (state := STATES.get(claim.feed_id)) is not None:
                    await store.record(claim, state, Changes())
                else:
                    await store.release(claim, NOW)
        credentials = Credentials(token=TOKEN, secret=KEY, callback_url=f"https://redline.example/websub/{TOKEN}")
        offer = Offer(hubs=(HUB,), topic_url=OWN)
        asked = asking(None, feed_id="wire", offer=offer, hub=HUB, credentials=credentials, now=NOW)
        await ValkeyWebSubStore(valkey).change("wire", lambda _: verified(asked, timedelta(days=3), NOW))


@pytest.fixture
def polled(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A folder in which a fetcher has worked, looked at in a wide window."""
    monkeypatch.setattr(output.out, "width", 200)
    asyncio.run(remember(tmp_path / "data"))
    return run


def line_of(output: str, name: str) -> str:
    return next(line for line in output.splitlines() if line.startswith(name))


def test_the_list_says_how_each_feed_is(polled: Run) -> None:
    rows = {row["id"]: row for row in map(json.loads, polled("feeds", "list", "--json").out.splitlines())}
    assert {name: rows[name]["health"] for name in (feed.id for feed in FEEDS)} == {
        "wire": "healthy", "fallen": "broken", "fresh": "new", "ended": "gone",
    }  # fmt: skip
    assert (rows["fallen"]["state"], rows["wire"]["state"]) == ("failed 6x: answered 503", "ok")
    shown = {line.split("│")[1].strip(): line for line in polled("feeds", "list").out.splitlines() if "│" in line}
    assert [cell.strip() for cell in shown["fallen"].split("│")[2:6]] == [
        "Fallen", "broken", "1 h ago", "failed 6x: answered 503",
    ]  # fmt: skip
    assert "Example [b]Wire[/b]" in shown["wire"], "what feeds say of themselves is no markup"
    assert re.search(r"in [12]\d min", shown["wire"])


def test_one_feed_is_shown_whole(polled: Run) -> None:
    shown = polled("feeds", "show", "wire")
    assert shown.code == 0, shown.err
    assert "healthy since" in line_of(shown.out, "health")
    assert f"{NEW} (moved)" in line_of(shown.out, "asked at")
    assert "(redirected, 3 answers)" in line_of(shown.out, "moved")
    assert 'W/"abc"' in line_of(shown.out, "ETag")
    assert "an item every 20 min" in line_of(shown.out, "rhythm")
    assert f"verified at {HUB}" in line_of(shown.out, "WebSub")
    assert "(interval)" in line_of(shown.out, "next poll")
    rows = [[cell.strip() for cell in line.split("│")] for line in shown.out.splitlines() if line.startswith("│")]
    newest, oldest = rows
    assert newest[2:7] == ["read", "200", "4321", "20", "2"]
    assert newest[8:10] == ["rhythm", "from https://cdn.example/"]
    assert (oldest[2], oldest[3], oldest[8], oldest[9]) == ("failed", "503", "retry_after", "answered 503")


def test_why_a_feed_is_broken_or_gone_is_said(polled: Run) -> None:
    assert "6 polls in a row failed" in line_of(polled("feeds", "show", "fallen").out, "health")
    assert "never (gone)" in line_of(polled("feeds", "show", "ended").out, "next poll")


def test_programs_get_the_state_and_no_secret_of_a_hub(polled: Run) -> None:
    shown = polled("feeds", "show", "wire", "--json").out
    (line,) = shown.splitlines()
    page = json.loads(line)
    assert (page["health"], page["state"]["etag"], page["websub"]["hub"]) == ("healthy", 'W/"abc"', HUB)
    assert [poll["outcome"] for poll in page["state"]["history"]] == ["failed", "read"]
    assert TOKEN not in shown
    assert KEY not in shown


def test_a_feed_that_was_never_polled_is_shown(polled: Run) -> None:
    shown = polled("feeds", "show", "fresh")
    assert (shown.code, line_of(shown.out, "health").split()) == (0, ["health", "new"])
    assert json.loads(polled("feeds", "show", "fresh", "--json").out)["state"] is None


def test_before_anything_ran_the_seeds_are_new(run: Run) -> None:
    rows = [json.loads(line) for line in run("feeds", "list", "--json").out.splitlines()]
    assert {row["health"] for row in rows} == {"new"}
    assert run("feeds", "show", rows[0]["id"]).code == 0


def test_a_feed_that_is_not_there_is_named_with_the_nearest(run: Run) -> None:
    ran = run("feeds", "show", "yonhap-n")
    assert ran.code == 2
    assert "no feed 'yonhap-n' (did you mean 'yonhap-" in ran.err
