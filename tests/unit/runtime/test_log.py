import io
import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.runtime.log import configure_logging, get_logger
from services.runtime.masking import MASK, mask, mask_text

SECRET = "T0PS3CRETvalue"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_time_level_logger_and_service(stream: io.StringIO) -> None:
    configure_logging("info", "json", service="matcher", stream=stream)
    get_logger("services.matcher").info("article_matched", article_id="a1", rules=["r1"])
    (event,) = events(stream)
    at = datetime.fromisoformat(event.pop("timestamp"))
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert event == {
        "event": "article_matched",
        "level": "info",
        "logger": "services.matcher",
        "service": "matcher",
        "article_id": "a1",
        "rules": ["r1"],
    }


def test_what_a_logger_or_the_context_binds_is_kept(stream: io.StringIO) -> None:
    configure_logging("info", "json", service="redline", stream=stream)
    structlog.contextvars.bind_contextvars(article_id="a1")
    get_logger("x", service="tracker").info("shift_confirmed")
    logging.getLogger("library").warning("hello")
    own, foreign = events(stream)
    assert (own["service"], own["article_id"]) == ("tracker", "a1")
    assert (foreign["service"], foreign["article_id"]) == ("redline", "a1")


def test_the_standard_library_goes_through_the_same_renderer(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream=stream)
    logging.getLogger("faust.app").warning("[%s] lost %d", "^-App", 2)
    (event,) = events(stream)
    assert (event["event"], event["level"], event["logger"]) == ("[^-App] lost 2", "warning", "faust.app")
    assert event["timestamp"].endswith("Z")


@pytest.mark.parametrize("name", ["httpx", "aiokafka.consumer.fetcher", "faust.worker", "mode.signals"])
def test_noisy_libraries_speak_from_warnings_on(stream: io.StringIO, name: str) -> None:
    configure_logging("debug", "json", stream=stream)
    logging.getLogger(name).info("HTTP Request: GET ...")
    logging.getLogger(name).warning("trouble")
    assert [event["event"] for event in events(stream)] == ["trouble"]


def test_events_below_the_level_are_left_out(stream: io.StringIO) -> None:
    configure_logging("warning", "json", stream=stream)
    get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    get_logger("x").error("loud")
    assert [event["event"] for event in events(stream)] == ["loud"]


def test_calling_it_again_prints_every_event_once_and_applies_the_last_settings() -> None:
    streams = [io.StringIO() for _ in range(5)]
    log = get_logger("x")
    for number, stream in enumerate(streams):
        configure_logging("info", "json", service=f"s{number}", stream=stream)
        log.info("hello")
    assert [[event["service"] for event in events(stream)] for stream in streams] == [
        ["s0"],
        ["s1"],
        ["s2"],
        ["s3"],
        ["s4"],
    ]


@pytest.mark.parametrize(
    ("fmt", "stream", "as_json", "coloured"),
    [
        ("auto", io.StringIO(), True, False),
        ("auto", Terminal(), False, True),
        ("console", io.StringIO(), False, False),
        ("console", Terminal(), False, True),
        ("json", Terminal(), True, False),
    ],
)
def test_format(fmt: Any, stream: io.StringIO, as_json: bool, coloured: bool) -> None:
    configure_logging("info", fmt, stream=stream)
    get_logger("x").info("hello", reason="why")
    text = stream.getvalue()
    assert text.startswith("{") is as_json
    assert ("\x1b[" in text) is coloured
    assert "hello" in text
    assert "why" in text


def test_an_unknown_level_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="log level 'loud': must be one of debug, info, warning"):
        configure_logging("loud")


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_a_traceback_is_part_of_the_event_and_masked(stream: io.StringIO, fmt: Any) -> None:
    configure_logging("info", fmt, stream=stream)
    try:
        raise OSError(f"cannot connect to redis://u:{SECRET}@h")
    except OSError:
        get_logger("x").exception("fetch_failed")
        logging.getLogger("y").exception("failed too")
    text = stream.getvalue()
    assert text.count("Traceback (most recent call last)") == 2
    assert text.count(f"cannot connect to redis://u:{MASK}@h") >= 2
    assert SECRET not in text


@pytest.mark.parametrize("fmt", ["json", "console"])
@pytest.mark.parametrize(
    "bound",
    [
        {"webhook": SecretStr(SECRET)},
        {"settings": {"slack": [SecretStr(SECRET)]}},
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"headers": {"authorization": SECRET, "Cookie": SECRET, "X-Api-Key": SECRET}},
        {"smtp_password": SECRET},
        {"api_token": SECRET},
        {"headers": [("Authorization", f"Basic {SECRET}")]},
        {"url": f"https://user:{SECRET}@example.org/feed"},
        {"urls": [f"https://example.org/feed?a=1&access_token={SECRET}&b=2"]},
        {"url": f"https://hooks.slack.com/services/T1/B2/{SECRET}"},
        {"text": f"xoxb-123-{SECRET} is the token"},
        {"raw": f"Authorization: {SECRET}".encode()},
    ],
    ids=str,
)
def test_secrets_are_not_logged(stream: io.StringIO, fmt: Any, bound: dict[str, Any]) -> None:
    configure_logging("info", fmt, stream=stream)
    get_logger("x").info("event", **bound)
    assert SECRET not in stream.getvalue()
    assert MASK in stream.getvalue()


def test_secrets_in_other_libraries_messages_are_not_logged(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream=stream)
    logging.getLogger("smtp").error("cannot reach %s", f"smtp://me:{SECRET}@mail.example.org")
    assert events(stream)[0]["event"] == f"cannot reach smtp://me:{MASK}@mail.example.org"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://:pa55@h:1/0 refused", "redis://:***@h:1/0 refused"),
        ("rediss://u:p%40:x@h", "rediss://u:***@h"),
        ("redis://u:p@ss@h", "redis://u:***@h"),
        ("https://e.org/?key=abc#top", "https://e.org/?key=***#top"),
        ("see https://hooks.slack.com/services/T/B/x.", "see https://hooks.slack.com/services/***"),
        ("https://discord.com/api/webhooks/12/ab-C_", "https://discord.com/api/webhooks/12/***"),
        ("Authorization: Bearer abcdefgh.ij", "Authorization: Bearer ***"),
        ("unix:///a/b.sock?db=1&password=abc", "unix:///a/b.sock?db=1&password=***"),
    ],
)
def test_mask_text(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert mask_text(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org:8443/a?page=2&monkey=1&sort=key",
        "Prices rose: see https://example.org/@user and mail me@example.org",
        "The bearer of bad news",
        "basic income",
        "unix:///a/b.sock",
        "2024-11-27T09:00:00Z ratio 3:1@noon",
    ],
)
def test_what_holds_no_secret_stays(text: str) -> None:
    assert mask_text(text) == text
    assert mask({"text": text, "tokens": 3, "token_count": 7, "has_password": True, "password": None}) == {
        "text": text,
        "tokens": 3,
        "token_count": 7,
        "has_password": True,
        "password": None,
    }


def test_masking_a_long_hostile_text_is_quick() -> None:
    began = time.perf_counter()
    for part in ("a.", "://", "a://:", "?a.", "?token", "bearer ", "xoxb-", "@:", "a-b+"):
        mask_text(part * 20_000)
    assert time.perf_counter() - began < 2


@given(
    user=st.text("abcdefghij", max_size=5),
    password=st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#"), min_size=8, max_size=20
    ),
)
def test_no_password_in_a_url_survives(user: str, password: str) -> None:
    assert f":{password}@" not in mask_text(f"redis://{user}:{password}@host:1/0")


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert mask_text(mask_text(text)) == mask_text(text)
