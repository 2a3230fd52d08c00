"""Slack messages of every kind keep to Slack's limits and stay harmless, whatever articles and rules say."""

import json
from typing import Any

import blockkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import ActionsBlock, Block, ContextBlock, HeaderBlock, RichTextBlock, SectionBlock

from alerts.block_text import escape, mrkdwn, within
from alerts.blocks import render_slack
from alerts.channels.slack_history import metadata
from alerts.slack_buttons import read_target
from schemas.alert import Alert
from schemas.notification import Notification
from tests.unit.alerts import slack_limits
from tests.unit.alerts.examples import (
    MONSTROUS,
    NASTY,
    an_alert,
    article,
    excerpt,
    hostile_alerts,
    hostile_notifications,
    told,
)
from tests.unit.alerts.slack_limits import objects, texts

KNOWN: dict[str, type[Block]] = {
    "actions": ActionsBlock,
    "context": ContextBlock,
    "header": HeaderBlock,
    "rich_text": RichTextBlock,
    "section": SectionBlock,
}
# What of ours may stand in a payload; nothing that mentions, broadcasts, loads or sends.
ELEMENTS = {
    *KNOWN, "plain_text", "text", "link", "button", "rich_text_section", "rich_text_list", "rich_text_quote",
    "rich_text_preformatted",
}  # fmt: skip


class Page:
    """A link to a page, as the api service has one."""

    def silence(self, notification: Notification) -> str | None:
        return "https://redline.example.org/silence/" + "x" * 900

    def positions(self, notification: Notification) -> str | None:
        return "https://redline.example.org/topics/" + "x" * 900


def kinds(message: Any) -> list[str]:
    return [block["type"] for block in message.payload()["blocks"]]


def said(notification: Notification) -> list[str]:
    return [text for _, text in texts(render_slack(notification).payload()["blocks"])]


def bold(alert: Alert) -> list[str]:
    runs = objects(render_slack(told(alert)).payload()["blocks"])
    return [run["text"] for run in runs if run.get("style", {}).get("bold")]


def test_message_has_title_outlet_evidence_reason_and_link() -> None:
    payload = render_slack(told()).payload()
    assert kinds(render_slack(told())) == ["header", "context", "context", "rich_text", "context", "context", "actions"]
    lines = [text for _, text in texts(payload["blocks"])]
    assert lines[0] == "🟠 Seoul to review arms for Ukraine"
    assert lines[1] == "WARNING · Mention · South Korea: arms to Ukraine"
    assert lines[2] == "Example Wire · 27 Nov 2024 09:00 UTC"
    assert lines[-4] == "So far: 1 outlet, 1 article"
    assert lines[-3] == "Matched by arms-review on “flexibly review”, “Ukraine” · desk: east-asia"
    assert lines[-2] == f"alert {an_alert().id[:12]}"
    assert payload["blocks"][-1]["elements"][0]["url"] == "https://example.org/news/1?a=1&b=2"


def test_times_are_the_readers() -> None:
    assert said(told(time_zone="Asia/Seoul"))[2] == "Example Wire · 27 Nov 2024 18:00 KST"
    assert "27 Nov 2024 18:00 KST" in render_slack(told(time_zone="Asia/Seoul")).text
    assert said(told(time_zone="No/Where"))[2] == "Example Wire · 27 Nov 2024 09:00 UTC"


def test_evidence_is_bold_also_before_a_korean_particle() -> None:
    assert bold(an_alert()) == ["flexibly review", "Ukraine"]
    assert bold(an_alert(excerpts=(excerpt("무기 지원을 검토", "무기 지원"),))) == ["무기 지원"]


def test_a_word_found_a_thousand_times_makes_no_thousand_runs() -> None:
    text = "arms and " * 300
    marks = tuple((9 * number, 9 * number + 4) for number in range(300))
    many = an_alert(excerpts=(excerpt(text).model_copy(update={"marks": marks}),))
    quote = next(one for one in objects(list(render_slack(told(many)).blocks)) if one["type"] == "rich_text_quote")
    assert len(quote["elements"]) == 41
    assert "".join(run["text"] for run in quote["elements"]) == text


def test_notification_text_carries_the_evidence() -> None:
    lines = render_slack(told()).text.splitlines()
    assert lines[0] == "🟠 *Seoul to review arms for Ukraine*"
    assert lines[1] == "Example Wire · 27 Nov 2024 09:00 UTC"
    assert lines[2] == "The office said it would *flexibly review* sending arms to *Ukraine*."
    assert lines[3] == "<https://example.org/news/1?a=1&amp;b=2>"


def test_escape_leaves_slack_nothing_to_parse() -> None:
    assert escape("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
    assert not set(mrkdwn("*a* _b_ ~c~ `d`")) & set("*_~`")


def test_no_entity_is_cut_in_two() -> None:
    assert within("a&b", 7) == "a&amp;b"
    assert within("a&b", 6) == "a…"
    assert within("&" * 9, 12) == "&amp;&amp;…"


def test_excerpts_that_do_not_fit_are_counted() -> None:
    many = tuple(excerpt(f"{number} " + "word " * 400) for number in range(20))
    assert any(text.endswith("more excerpts in the article") for text in said(told(an_alert(excerpts=many))))


def test_largest_message_stays_below_slacks_total() -> None:
    long = "<word> & " * 2_000
    largest = an_alert(
        title=long,
        watch_topic_title=long,
        summary=long,
        labels={long: long},
        rule_ids=(long,),
        excerpts=tuple(excerpt(long, "word") for _ in range(20)),
        article=article(title=f"other {long}", outlet=long, author=long, url="https://example.org/" + "a" * 1_900),
    )
    payload = render_slack(told(*[largest] * 30), links=Page()).payload()
    assert slack_limits.faults(payload) == []
    assert slack_limits.total(payload["blocks"]) > 12_000
    assert "rich_text" in kinds(render_slack(told(largest)))


@given(hostile_notifications(), st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_notification_keeps_to_slacks_limits_and_says_nothing_slack_would_parse(
    hostile: Notification, interactive: bool
) -> None:
    message = render_slack(hostile, links=Page(), interactive=interactive)
    check({**message.payload(), "metadata": metadata(hostile, "0" * 32)})


@given(hostile_alerts())
@settings(max_examples=25, deadline=None)
def test_hostile_alert_keeps_to_slacks_limits(alert: Alert) -> None:
    check(render_slack(told(alert)).payload())


def check(payload: dict[str, Any]) -> None:
    json.dumps(payload, ensure_ascii=False).encode()
    assert slack_limits.faults(payload) == []
    for block in payload["blocks"]:
        parsed = Block.parse(block)
        assert type(parsed) is KNOWN[block["type"]]
        parsed.validate_json()
        assert component(block).build()["type"] == block["type"]
    for one in objects(payload["blocks"]):
        assert one.get("type", "text") in ELEMENTS
        if one.get("type") in {"button", "link"} and "url" in one:
            assert one["url"].startswith(("https://", "http://"))
        if one.get("type") == "button" and "value" in one:
            assert read_target(one["value"]) is not None
    for kind, text in texts(payload):
        for forbidden in ("<!", "<@", "<#", "\x00", "\r", "\u202e"):
            assert forbidden not in text
        if kind == "plain_text":
            assert "<" not in text
    # In the text alone, what is in angles is ours: the article's address.
    for part in payload["text"].split("<")[1:]:
        assert part.startswith(("http://", "https://"))
        assert "|" not in part.split(">")[0]


def component(block: dict[str, Any]) -> Any:
    """The same block as blockkit makes it, which checks it on the way."""
    match block["type"]:
        case "header":
            return blockkit.Header(text(block["text"]))
        case "section":
            return blockkit.Section(text(block["text"]))
        case "context":
            return blockkit.Context([text(one) for one in block["elements"]], block_id=block.get("block_id"))
        case "actions":
            return blockkit.Actions([button(one) for one in block["elements"]])
        case _:
            return blockkit.RichText([rich(one) for one in block["elements"]])


def text(value: dict[str, Any]) -> Any:
    return blockkit.Text(value["text"], type=value["type"], emoji=value["emoji"])


def button(value: dict[str, Any]) -> Any:
    return blockkit.Button(
        text(value["text"]), action_id=value["action_id"], url=value.get("url"), value=value.get("value")
    )


def rich(value: dict[str, Any]) -> Any:
    match value["type"]:
        case "rich_text_section":
            return blockkit.RichTextSection([rich(one) for one in value["elements"]])
        case "rich_text_quote":
            return blockkit.RichTextQuote([rich(one) for one in value["elements"]])
        case "rich_text_preformatted":
            return blockkit.RichTextPreformatted([rich(one) for one in value["elements"]])
        case "rich_text_list":
            return blockkit.RichTextList(style=value["style"], elements=[rich(one) for one in value["elements"]])
        case "link":
            return blockkit.RichLinkEl(value["url"], text=value["text"])
        case _:
            style = blockkit.RichStyle(bold=True) if value.get("style") else None
            return blockkit.RichTextEl(value["text"], style=style)


def test_every_nasty_text_is_shown_harmlessly() -> None:
    for nasty in (*NASTY, *MONSTROUS):
        check(render_slack(told(an_alert(title=nasty, watch_topic_title=nasty, summary=nasty))).payload())
