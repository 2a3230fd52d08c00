"""What a Slack message says of several alerts, of updates, reminders, tests and moved positions."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from alerts.blocks import render_slack
from alerts.bundle_blocks import STORY_BLOCK, story_block, told_revision
from alerts.ladder_text import MAX_RUNGS, ladder_lines
from schemas.alert import Alert, AlertKind
from schemas.base import content_id
from schemas.notification import Notification, NotificationKind
from schemas.position import PositionChange, Track
from schemas.story import Novelty, StoryRef
from schemas.watch import Severity
from tests.unit.alerts.examples import DECIDED_AT, an_alert, article, told
from tests.unit.alerts.slack_limits import objects, texts

RUNGS = ("Rules arms out", "Non-lethal aid only", "Considers arms", "Supplies arms")


def story(novelty: Novelty, *facts: str) -> StoryRef:
    return StoryRef(
        id=content_id("story"), origin_id=content_id("origin"), novelty=novelty, articles=5, outlets=3, new_facts=facts
    )


def told_by(outlet: str, novelty: Novelty = Novelty.OUTLET, *facts: str, **changes: Any) -> Alert:
    about = article(outlet=outlet, title=f"As {outlet} has it", url=f"https://example.org/{outlet.replace(' ', '-')}")
    values = {"id": content_id("alert", outlet), "title": about.title, "article": about, **changes}
    return an_alert(**{**values, "story": story(novelty, *facts)})


def update(*alerts: Alert, **changes: Any) -> Notification:
    facts: dict[str, Any] = {"kind": NotificationKind.UPDATE, "revision": 2, "articles": 5, "outlets": 3}
    return told(*alerts, **{**facts, **changes})


def said(notification: Notification) -> list[str]:
    return [text for _, text in texts(list(render_slack(notification).blocks))]


def moved(**changes: Any) -> PositionChange:
    facts: dict[str, Any] = {
        "actor": "kor",
        "actor_name": "South Korea",
        "track": Track.DECLARED,
        "rungs": RUNGS,
        "from_rung": 0,
        "to_rung": 2,
        "since": DECIDED_AT - timedelta(days=20),
        "origins": 3,
        "confidence": 0.8,
        "speakers": ("a spokesman of the office",),
    }
    return PositionChange(**{**facts, **changes})


def test_of_several_alerts_the_most_urgent_is_told_in_full_and_the_others_as_links() -> None:
    urgent = told_by("Harbour Post", severity=Severity.CRITICAL)
    bundle = told(told_by("Example Wire"), urgent, told_by("Plain Daily"))
    lines = said(bundle)
    assert lines[0] == "🔴 As Harbour Post has it"
    assert "And 2 more alerts:" in lines
    links = [
        (one["text"], one["url"]) for one in objects(list(render_slack(bundle).blocks)) if one.get("type") == "link"
    ]
    assert links == [
        ("As Example Wire has it", "https://example.org/Example-Wire"),
        ("As Plain Daily has it", "https://example.org/Plain-Daily"),
    ]
    assert "and 2 more alerts" in render_slack(bundle).text


def test_the_others_stand_by_their_urgency() -> None:
    bundle = told(
        told_by("Critical", severity=Severity.CRITICAL), told_by("Info", severity=Severity.INFO), told_by("Warning")
    )
    shown = [line for line in said(bundle) if line in {"As Info has it", "As Warning has it"}]
    assert shown == ["As Warning has it", "As Info has it"]


def test_a_list_that_is_too_long_counts_what_it_leaves_out() -> None:
    many = told(*(told_by(f"Outlet{number}") for number in range(200)))
    lines = said(many)
    shown = [line for line in lines if line.startswith("As Outlet")]
    assert 10 < len(shown) < 199
    assert f"and {199 - len(shown)} more" in lines


def test_an_update_says_what_it_adds() -> None:
    added = update(
        told_by("Harbour Post"),
        told_by("Plain Daily", Novelty.FACTS, "300 shells", "12 December"),
        told_by("Example Wire"),
        told_by("Harbour Post", id=content_id("again")),
    )
    lines = said(added)
    assert lines[0] == "🟠 Update: As Harbour Post has it"
    assert lines[2] == "+2 outlets: Harbour Post, Example Wire\nNew: 300 shells, 12 December"
    assert render_slack(added).text.splitlines()[:3] == [
        "🟠 Update: *As Harbour Post has it*",
        "+2 outlets: Harbour Post, Example Wire",
        "New: 300 shells, 12 December",
    ]


def test_many_new_outlets_are_counted() -> None:
    assert "and 4 more" in said(update(*(told_by(f"O{number}") for number in range(10))))[2]


def test_the_story_line_counts_the_group_and_names_its_revision() -> None:
    first = render_slack(told(articles=1, outlets=1))
    (block,) = [block for block in first.blocks if "block_id" in block]
    assert block["block_id"] == f"{STORY_BLOCK}.1"
    assert block["elements"][0]["text"] == "So far: 1 outlet, 1 article"
    later = story_block(update(time_zone="Asia/Seoul", articles=1_200, group_labels={"story": content_id("story")}))
    assert later["elements"][0]["text"] == (
        "Story so far: 3 outlets, 1,200 articles · last update 27 Nov 2024 18:00 KST"
    )
    assert told_revision(later) == 2
    for other in ("x", STORY_BLOCK, f"{STORY_BLOCK}.x", f"{STORY_BLOCK}.²"):
        assert told_revision({"block_id": other}) is None
    assert told_revision({"type": "divider"}) is None


def test_what_no_article_tells_has_no_story_line() -> None:
    broken = an_alert(kind=AlertKind.FEED_HEALTH, article=None, summary="no answer", excerpts=(), story=None)
    assert not [block for block in render_slack(told(broken)).blocks if "block_id" in block]


def test_a_reminder_says_that_it_is_one() -> None:
    lines = said(told(kind=NotificationKind.REMINDER, revision=3))
    assert lines[0] == "🟠 Reminder: Seoul to review arms for Ukraine"
    assert lines[2] == "You were told of this before; it goes on, and nothing was added since."


@pytest.mark.parametrize("alerts", [(), (an_alert(),)])
def test_a_test_says_that_nothing_has_happened(alerts: tuple[Alert, ...]) -> None:
    message = render_slack(told().model_copy(update={"kind": NotificationKind.TEST, "alerts": alerts}))
    lines = [text for _, text in texts(list(message.blocks))]
    assert "Test: " in lines[0]
    assert "Nothing has happened: this is a test of receiver desk, whose alerts will come here." in lines
    assert "this is a test of receiver desk" in message.text
    assert not [one for one in objects(list(message.blocks)) if one.get("value")]


def test_a_shift_shows_from_where_to_where_on_whose_word() -> None:
    shift = an_alert(kind=AlertKind.SHIFT, position=moved())
    lines = said(told(shift, time_zone="Asia/Seoul"))
    at = lines.index("South Korea, declared position: from “Rules arms out” to “Considers arms”")
    assert lines[at + 1] == (
        "“Rules arms out” since 7 Nov 2024\n3 independent origins · confidence 80% · said by a spokesman of the office"
    )
    assert lines[at + 2].split("\n") == [
        "│ Supplies arms",
        "● Considers arms  ← now",
        "│ Non-lethal aid only",
        "○ Rules arms out  ← before, since 7 Nov 2024",
    ]
    assert "South Korea, declared position: from" in render_slack(told(shift)).text


def test_a_long_ladder_is_shown_around_both_positions() -> None:
    rungs = tuple(f"rung {number}" for number in range(40))
    lines = ladder_lines(moved(rungs=rungs, from_rung=2, to_rung=30), UTC)
    assert "● rung 30  ← now" in lines
    assert "○ rung 2  ← before, since 7 Nov 2024" in lines
    assert len(lines) == MAX_RUNGS + 1
    assert lines.count("⋮") == 1
    assert lines[0] == "│ rung 31"


@pytest.mark.parametrize("to_rung", [4, 99])
def test_a_rung_that_the_ladder_does_not_have_is_named_by_its_number(to_rung: int) -> None:
    shift = moved(to_rung=to_rung)
    assert ladder_lines(shift, UTC) == ()
    assert f"to “rung {to_rung + 1}”" in "".join(said(told(an_alert(position=shift))))


def test_the_first_known_position_comes_from_nowhere() -> None:
    lines = ladder_lines(moved(from_rung=None), UTC)
    assert [line for line in lines if "←" in line] == ["● Considers arms  ← now"]
