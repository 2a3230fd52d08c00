"""What the buttons of a Slack message carry, and that nothing else is taken for it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.slack_buttons import SilenceTarget, open_button, positions_button, read_target, silence_button
from schemas.base import content_id
from schemas.notification import Notification, NotificationKind
from schemas.story import Novelty, StoryRef
from tests.unit.alerts.examples import an_alert, told

STORY = StoryRef(id=content_id("s"), origin_id=content_id("o"), novelty=Novelty.FIRST, articles=1, outlets=1)


class Page:
    def __init__(self, url: str | None = "https://redline.example.org/silence/x") -> None:
        self.url = url

    def silence(self, notification: Notification) -> str | None:
        return self.url

    def positions(self, notification: Notification) -> str | None:
        return self.url


def test_a_button_names_the_story_and_its_watch_topic() -> None:
    button = silence_button(told(an_alert(story=STORY)), None, interactive=True)
    assert button is not None
    assert button["text"]["text"] == "Silence story 24 h"
    assert read_target(button["value"]) == SilenceTarget(watch_topic="rok-arms", story=STORY.id)


def test_without_a_story_it_names_the_group() -> None:
    button = silence_button(told(an_alert(group_key='a "group" <!channel>')), None, interactive=True)
    assert button is not None
    assert read_target(button["value"]) == SilenceTarget(watch_topic="rok-arms", group='a "group" <!channel>')


def test_a_group_too_long_for_a_button_gets_the_page_instead() -> None:
    long = told(an_alert(group_key="무" * 1_990))
    button = silence_button(long, Page(), interactive=True)
    assert button is None or "value" not in button or len(button["value"]) <= 2_000
    endless = told(an_alert(group_key="x" * 3_000))
    linked = silence_button(endless, Page(), interactive=True)
    assert linked is not None
    assert linked["url"] == "https://redline.example.org/silence/x"
    assert silence_button(endless, None, interactive=True) is None


def test_without_interaction_it_leads_to_the_page_or_there_is_none() -> None:
    linked = silence_button(told(), Page(), interactive=False)
    assert linked is not None
    assert linked["url"] == "https://redline.example.org/silence/x"
    assert "value" not in linked
    assert silence_button(told(), Page(None), interactive=False) is None
    assert silence_button(told(), Page("https://redline.example.org/" + "x" * 3_000), interactive=False) is None
    assert silence_button(told(), None, interactive=False) is None


@pytest.mark.parametrize("kind", [NotificationKind.DIGEST, NotificationKind.TEST])
def test_a_digest_and_a_test_silence_nothing(kind: NotificationKind) -> None:
    assert silence_button(told(kind=kind), Page(), interactive=True) is None


def test_an_address_too_long_for_slack_gets_no_button() -> None:
    assert open_button("https://example.org/" + "a" * 2_000) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"watch_topic": "a"}',
        '{"watch_topic": "a", "story": "x"}',
        '{"watch_topic": "a", "story": "' + "0" * 32 + '", "group": "g"}',
        '{"watch_topic": "a", "group": ""}',
        '{"watch_topic": "A B", "group": "g"}',
        '{"watch_topic": "a", "group": "g", "hours": 9000}',
        '{"watch_topic": ["a"], "group": "g"}',
        '{"watch_topic": "a", "group": "' + "g" * 2_001 + '"}',
        "[" * 100_000,
    ],
)
def test_a_value_that_is_not_ours_names_nothing(value: str) -> None:
    assert read_target(value) is None


@given(st.text(max_size=60))
@settings(max_examples=25)
def test_no_value_breaks_the_reader(value: str) -> None:
    assert read_target(value) is None
    assert read_target(json.dumps({"watch_topic": value, "story": value})) is None


def test_the_positions_page_is_opened_where_there_is_one() -> None:
    button = positions_button(told(), Page("https://redline.example.org/topics/x"))
    assert button is not None
    assert (button["text"]["text"], button["url"]) == ("Positions over time", "https://redline.example.org/topics/x")
    assert positions_button(told(), Page(None)) is None
    assert positions_button(told(), Page("https://redline.example.org/" + "x" * 3_000)) is None
    assert positions_button(told(), None) is None
