import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from slack_sdk.models.blocks import ActionsBlock, Block, ContextBlock, HeaderBlock, RichTextBlock, SectionBlock

from alerts.blocks import escape, mrkdwn, render_slack
from schemas.alert import Alert
from tests.unit.alerts.examples import an_alert, article, excerpt, hostile_alerts, told

KNOWN: dict[str, type[Block]] = {
    "actions": ActionsBlock,
    "context": ContextBlock,
    "header": HeaderBlock,
    "rich_text": RichTextBlock,
    "section": SectionBlock,
}


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a payload, with the type of the object that holds it."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield str(value.get("type")), value["text"]
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def bold(alert: Alert) -> list[str]:
    blocks = render_slack(told(alert)).payload()["blocks"]
    (rich,) = [block for block in blocks if block["type"] == "rich_text"]
    runs = [run for quote in rich["elements"] for run in quote["elements"]]
    return [run["text"] for run in runs if run.get("style", {}).get("bold")]


def test_message_has_title_outlet_evidence_link_and_rules() -> None:
    payload = render_slack(told()).payload()
    kinds = [block["type"] for block in payload["blocks"]]
    assert kinds == ["header", "context", "context", "rich_text", "actions", "context"]
    said = [text for _, text in texts(payload["blocks"])]
    assert said[0] == "🟠 Seoul to review arms for Ukraine"
    assert said[1] == "WARNING · Mention · South Korea: arms to Ukraine"
    assert said[2] == "Example Wire · 27 Nov 2024 09:00 UTC"
    assert said[-1].startswith("matched by arms-review · desk: east-asia · alert ")
    assert payload["blocks"][4]["elements"][0]["url"] == "https://example.org/news/1?a=1&b=2"


def test_evidence_is_bold_also_before_a_korean_particle() -> None:
    assert bold(an_alert()) == ["flexibly review", "Ukraine"]
    assert bold(an_alert(excerpts=(excerpt("무기 지원을 검토", "무기 지원"),))) == ["무기 지원"]


def test_notification_text_carries_the_evidence() -> None:
    lines = render_slack(told()).text.splitlines()
    assert lines[0] == "🟠 *Seoul to review arms for Ukraine*"
    assert lines[2] == "The office said it would *flexibly review* sending arms to *Ukraine*."
    assert lines[3] == "<https://example.org/news/1?a=1&amp;b=2>"


def test_escape_leaves_slack_nothing_to_parse() -> None:
    assert escape("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
    assert not set(mrkdwn("*a* _b_ ~c~ `d`")) & set("*_~`")


def test_excerpts_that_do_not_fit_are_counted() -> None:
    many = tuple(excerpt(f"{number} " + "word " * 400) for number in range(20))
    payload = render_slack(told(an_alert(excerpts=many))).payload()
    said = [text for _, text in texts(payload["blocks"])]
    assert any(text.endswith("more excerpts in the article") for text in said)


def test_largest_message_stays_below_slacks_total() -> None:
    long = "<word> & " * 2_000
    largest = an_alert(
        title=long,
        watch_topic_title=long,
        labels={long: long},
        rule_ids=(long,),
        excerpts=tuple(excerpt(long, "word") for _ in range(20)),
        article=article(title=f"other {long}", outlet=long, author=long, url="https://example.org/" + "a" * 1_900),
    )
    blocks = render_slack(told(largest)).payload()["blocks"]
    urls = [element.get("url", "") for block in blocks for element in block.get("elements", ())]
    assert sum(len(text) for _, text in texts(blocks)) + sum(map(len, urls)) <= 13_200
    assert len(blocks) == 8


@given(hostile_alerts())
@settings(max_examples=25, deadline=None)
def test_hostile_alert_keeps_to_slacks_limits(alert: Alert) -> None:
    payload = render_slack(told(alert)).payload()
    json.dumps(payload).encode()
    blocks = payload["blocks"]
    assert len(blocks) <= 50
    assert sum(len(text) for _, text in texts(blocks)) <= 13_200
    assert len(payload["text"]) <= 4_000
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        assert type(parsed) is KNOWN[block["type"]]
        parsed.validate_json()
        if block["type"] == "header":
            assert 1 <= len(block["text"]["text"]) <= 150
    for kind, text in texts(payload):
        assert text
        assert kind in {"plain_text", "text", "None"}
        if kind != "text":  # rich text elements are not parsed
            assert "<!" not in text
            assert "<@" not in text
        assert len(text) <= 3_000
        assert "<!channel>" not in text
    buttons = [element for block in blocks if block["type"] == "actions" for element in block["elements"]]
    assert all(button["url"].startswith("http") and len(button["url"]) <= 3_000 for button in buttons)
