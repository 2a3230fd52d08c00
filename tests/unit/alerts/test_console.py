import asyncio
import io

from hypothesis import given, settings
from rich.cells import cell_len
from rich.console import Console

from alerts.card import render_card
from alerts.channels.base import Refused, Sent
from alerts.channels.console import ConsoleChannel, card_lines, print_card
from schemas.alert import Alert
from schemas.notification import Notification, NotificationKind
from schemas.watch import Severity
from tests.unit.alerts.examples import an_alert, article, hostile_alerts, told
from tests.unit.alerts.messages import a_digest, a_shift, an_item, hostile_notifications

KEY = "0" * 32


def printed(alert: Alert) -> str:
    page = io.StringIO()
    print_card(render_card(alert), page)
    return page.getvalue()


def test_card_without_a_terminal() -> None:
    lines = printed(an_alert()).splitlines()
    assert lines[0] == "━━ WARNING · Mention · South Korea: arms to Ukraine ".ljust(80, "━")
    assert lines[1:] == [
        "Seoul to review arms for Ukraine",
        "Example Wire · 27 Nov 2024 09:00 UTC",
        "",
        "  “The office said it would *flexibly review* sending arms to *Ukraine*.”",
        "",
        "  https://example.org/news/1?a=1&b=2",
        "  matched by arms-review · desk: east-asia",
        "",
    ]


def test_card_on_a_terminal_marks_by_style() -> None:
    page = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=80)
    with page.capture() as captured:
        page.print(card_lines(render_card(an_alert())))
    assert "\x1b[1;7mflexibly review\x1b[0m" in captured.get()
    assert "*" not in captured.get()


def test_long_link_stays_in_one_piece() -> None:
    url = "https://example.org/" + "a" * 200
    assert f"  {url}" in printed(an_alert(article=article(url=url))).splitlines()


def test_output_that_cannot_show_a_character_shows_another() -> None:
    page = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_card(render_card(an_alert()), page)
    page.seek(0)
    assert "Seoul to review arms" in page.read()


async def test_channel_prints_and_says_so() -> None:
    page = io.StringIO()
    assert await ConsoleChannel(file=page).send(told(), KEY) == Sent()
    assert "flexibly review" in page.getvalue()


async def sent(notification: Notification) -> list[str]:
    page = io.StringIO()
    assert await ConsoleChannel(file=page).send(notification, KEY) == Sent()
    return page.getvalue().splitlines()


async def test_a_shift_is_drawn_and_told_in_the_reader_s_time() -> None:
    lines = await sent(told(a_shift(), time_zone="Asia/Seoul"))
    assert "Example Wire · 27 Nov 2024 18:00 KST" in lines
    assert "  South Korea, declared position: from “considers” to “refuses”" in lines
    (refusing,) = (line for line in lines if line.startswith("  refuses         |"))
    assert refusing.rstrip("━").endswith(" ┗")


async def test_what_is_not_the_first_message_says_what_it_is() -> None:
    update = await sent(told(kind=NotificationKind.UPDATE, revision=2, articles=3, outlets=2))
    assert update[0] == "Update 1: 1 new alert, 3 articles from 2 outlets so far"
    assert (await sent(told(kind=NotificationKind.TEST)))[0].startswith("Test: nothing happened.")


async def test_a_digest_is_a_list() -> None:
    items = (an_item(1, severity=Severity.CRITICAL), an_item(2, watch_topic="t", watch_topic_title="Other", url=None))
    assert await sent(a_digest(*items)) == [
        "━━ Digest of 27 Nov 2024: 2 items ".ljust(80, "━"),
        "26 Nov 2024 09:00 to 27 Nov 2024 09:00 UTC",
        "",
        "South Korea: arms to Ukraine",
        "  CRITICAL 1. Headline 1",
        "    Mention · Example Wire · 09:00",
        "    https://example.org/news/1",
        "",
        "Other",
        "  WARNING 2. Headline 2",
        "    Mention · Example Wire · 09:00",
        "",
    ]


@given(hostile_notifications())
@settings(max_examples=6, deadline=None)
def test_a_hostile_message_of_any_kind_steers_no_terminal(notification: Notification) -> None:
    page = io.StringIO()
    asyncio.run(ConsoleChannel(file=page).send(notification, KEY))
    assert not {"\x1b", "\x00", "\r", "\u202e"} & set(page.getvalue())
    for line in page.getvalue().splitlines():
        assert cell_len(line) <= 80 or line.startswith("  http")


async def test_closed_output_is_a_refusal() -> None:
    page = io.StringIO()
    page.close()
    assert isinstance(await ConsoleChannel(file=page).send(told(), KEY), Refused)


@given(hostile_alerts())
@settings(max_examples=25, deadline=None)
def test_hostile_alert_steers_no_terminal_and_keeps_to_80_columns(alert: Alert) -> None:
    text = printed(alert)
    assert "\x1b" not in text
    assert "\x00" not in text
    for line in text.splitlines():
        assert cell_len(line) <= 80 or line.startswith("  http")
