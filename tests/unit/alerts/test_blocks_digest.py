"""A digest is one readable Slack message, and drops nothing silently."""

from datetime import timedelta
from typing import Any

from alerts.blocks import render_slack
from alerts.digest_blocks import SLACK_DIGEST_ITEMS
from schemas.alert import AlertKind
from schemas.base import content_id
from schemas.notification import Digest, DigestItem, DigestReason, Notification, NotificationKind
from schemas.watch import Severity
from tests.unit.alerts import slack_limits
from tests.unit.alerts.examples import DECIDED_AT, told
from tests.unit.alerts.slack_limits import objects, texts


def item(number: int, **changes: Any) -> DigestItem:
    facts: dict[str, Any] = {
        "id": content_id("item", str(number)),
        "group_key": f"group {number}",
        "alert_ids": (content_id("alert", str(number)),),
        "kind": AlertKind.MENTION,
        "severity": Severity.INFO,
        "watch_topic": "arms",
        "watch_topic_title": "Arms for Ukraine",
        "title": f"Item {number}",
        "outlet": "Example Wire",
        "url": f"https://example.org/{number}",
        "at": DECIDED_AT,
        "reason": DigestReason.ROUTED,
    }
    return DigestItem(**{**facts, **changes})


def digest(*items: DigestItem, **changes: Any) -> Notification:
    facts: dict[str, Any] = {
        "since": DECIDED_AT - timedelta(days=1),
        "until": DECIDED_AT,
        "items": items,
        "total": len(items),
        **changes,
    }
    whole = told(kind=NotificationKind.DIGEST, time_zone="Europe/Kyiv")
    return whole.model_copy(update={"alerts": (), "digest": Digest(**facts)})


def said(notification: Notification) -> list[str]:
    return [text for _, text in texts(list(render_slack(notification).blocks))]


def test_items_stand_under_their_topics_in_the_order_of_their_rank() -> None:
    whole = digest(
        item(1, kind=AlertKind.SHIFT, severity=Severity.CRITICAL, articles=5, outlets=3),
        item(2, watch_topic="talks", watch_topic_title="Talks", severity=Severity.WARNING, url=None),
        item(3, reason=DigestReason.OVER_BUDGET, outlet=None),
    )
    assert said(whole) == [
        "Digest of 27 Nov 2024 11:00 EET",
        "3 items since 26 Nov 2024 11:00 EET · 1 critical · 1 warning · 1 held back by the day's budget",
        "Arms for Ukraine",
        "🔴 ",
        "Item 1",
        " — Position shift · Example Wire · 3 outlets, 5 articles · 11:00",
        "🔵 ",
        "Item 3",
        " — 11:00",
        "Talks",
        "🟠 ",
        "Item 2",
        " — Example Wire · 11:00",
    ]
    links = [one["url"] for one in objects(list(render_slack(whole).blocks)) if one.get("type") == "link"]
    assert links == ["https://example.org/1", "https://example.org/3"]


def test_the_text_alone_tells_the_first_items() -> None:
    lines = render_slack(digest(*(item(number) for number in range(9)))).text.splitlines()
    assert lines[0] == "*Digest of 27 Nov 2024 11:00 EET*"
    assert lines[2] == "🔵 Item 0"
    assert lines[-1] == "and 4 more"


def test_a_part_says_of_how_many() -> None:
    lines = said(digest(item(1), total=70, part=2, parts=2))
    assert lines[0] == "Digest of 27 Nov 2024 11:00 EET · part 2 of 2"
    assert lines[1].startswith("1 of 70 items since ")


def test_forty_items_fit_whatever_they_say() -> None:
    long = "<b>& " * 20_000
    hostile = (
        item(
            number,
            title=f"{number:02} {long}",
            outlet=long,
            url=f"https://example.org/{number}?" + "a" * 90,
            watch_topic=f"t{number}",
            watch_topic_title=long,
            kind=AlertKind.FEED_HEALTH,
            articles=10**9,
            outlets=10**9,
        )
        for number in range(SLACK_DIGEST_ITEMS)
    )
    whole = digest(*hostile)
    assert slack_limits.faults(render_slack(whole).payload()) == []
    titles = [line[:2] for line in said(whole) if line[2:5] == " <b"]
    assert titles == [f"{number:02}" for number in range(SLACK_DIGEST_ITEMS)]


def test_addresses_of_ordinary_length_survive_in_a_digest_of_forty() -> None:
    whole = digest(*(item(number, url="https://example.org/" + "a" * 100) for number in range(40)))
    links = [one for one in objects(list(render_slack(whole).blocks)) if one.get("type") == "link"]
    assert len(links) == 40


def test_what_is_too_much_for_slack_is_counted() -> None:
    whole = digest(*(item(number, title="long " * 40) for number in range(900)))
    lines = said(whole)
    shown = sum(line.startswith("long ") for line in lines)
    assert 60 < shown < 200
    assert lines[-1] == f"and {900 - shown} more items, too many for one message in Slack"
    assert slack_limits.faults(render_slack(whole).payload()) == []


def test_an_empty_digest_says_so() -> None:
    assert said(digest())[-1] == "Nothing waited."
