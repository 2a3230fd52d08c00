import hmac
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.links import MAX_TOKEN_CHARS, Links, Looking, Silencing, Unsubscribing, make_token, read_token
from schemas.alert import AlertKind
from schemas.notification import NotificationKind
from tests.unit.alerts.examples import NASTY, an_alert, told
from tests.unit.alerts.messages import a_digest, a_shift, text_that_has_no_end

KEY, OTHER = b"k" * 32, b"o" * 32
LINKS = Links("https://redline.example/base/", KEY)


def token_of(link: str | None) -> str:
    assert link is not None
    return link.rpartition("/")[2]


def test_unsubscribing_comes_back_as_it_was_asked() -> None:
    link = LINKS.unsubscribe("desk", "email", "night@example.org")
    assert link is not None
    assert link.startswith("https://redline.example/base/unsubscribe/1.")
    assert read_token(token_of(link), KEY) == Unsubscribing("desk", "email", "night@example.org")


def test_silencing_names_the_story_or_else_the_group() -> None:
    shift = a_shift()
    assert shift.story
    asked = read_token(token_of(LINKS.silence(told(shift, time_zone="Asia/Seoul"))), KEY)
    facts = (shift.watch_topic, shift.watch_topic_title, shift.story.id, None, shift.title, "desk", "Asia/Seoul")
    assert asked == Silencing(*facts)
    alone = read_token(token_of(LINKS.silence(told())), KEY)
    assert isinstance(alone, Silencing)
    assert (alone.story, alone.group_key) == (None, an_alert().group_key)


def test_shifts_and_corrections_lead_to_the_positions_of_their_topic() -> None:
    for kind in (AlertKind.SHIFT, AlertKind.CORRECTION):
        link = LINKS.positions(told(a_shift(kind=kind, position=None), time_zone="Asia/Seoul"))
        assert link is not None
        assert link.startswith("https://redline.example/base/topics/1.")
        assert read_token(token_of(link), KEY) == Looking("rok-arms", "Asia/Seoul")


def test_what_tells_of_no_position_leads_to_none() -> None:
    assert LINKS.positions(told()) is None
    assert LINKS.positions(told(a_shift(), kind=NotificationKind.TEST)) is None
    assert LINKS.positions(a_digest()) is None
    assert Links(None, KEY).positions(told(a_shift())) is None


def test_without_a_public_address_or_a_story_there_is_no_link() -> None:
    assert Links(None, KEY).unsubscribe("desk", "email", "a@example.org") is None
    assert Links(None, KEY).silence(told()) is None
    assert LINKS.silence(a_digest()) is None
    assert LINKS.silence(told(kind=NotificationKind.TEST)) is None


def test_a_group_too_long_for_a_link_gets_none_and_a_long_title_is_cut() -> None:
    assert LINKS.silence(told(an_alert(group_key="g" * MAX_TOKEN_CHARS))) is None
    assert len(token_of(LINKS.silence(text_that_has_no_end()))) < 1_500


def test_the_same_message_has_the_same_link() -> None:
    assert LINKS.silence(told(a_shift())) == Links("https://redline.example/base", KEY).silence(told(a_shift()))


@pytest.mark.parametrize("where", range(0, 120, 7))
def test_a_token_with_any_character_changed_is_not_ours(where: int) -> None:
    token = token_of(LINKS.unsubscribe("desk", "email", "night@example.org"))
    at = where % len(token)
    for char in "AB.=":
        if token[at] != char:
            assert read_token(token[:at] + char + token[at + 1 :], KEY) is None


def test_a_token_of_another_key_version_or_kind_is_not_ours() -> None:
    token = token_of(LINKS.unsubscribe("desk", "email", "night@example.org"))
    assert read_token(token, OTHER) is None
    assert read_token("2" + token[1:], KEY) is None
    assert read_token(make_token(["x", "desk"], KEY), KEY) is None
    assert read_token(make_token(["u", "desk"], KEY), KEY) is None
    assert read_token(make_token(["u", "desk", "email", "a", "b"], KEY), KEY) is None


def test_a_payload_signed_for_another_purpose_is_no_link() -> None:
    packed = token_of(LINKS.unsubscribe("desk", "email", "a@example.org")).split(".")[1]
    plain = urlsafe_b64encode(hmac.digest(KEY, packed.encode(), "sha256")).rstrip(b"=").decode()
    assert read_token(f"1.{packed}.{plain}", KEY) is None


def test_a_token_holds_nothing_but_what_its_reader_knows() -> None:
    payload = token_of(LINKS.unsubscribe("desk", "email", "night@example.org")).split(".")[1]
    assert urlsafe_b64decode(payload + "==") == b'["u","desk","email","night@example.org"]'


@given(st.text(max_size=60) | st.text(string.ascii_letters + string.digits + "-_.", max_size=200))
def test_whatever_somebody_makes_up_is_not_ours(token: str) -> None:
    assert read_token(token, KEY) is None
    assert read_token(f"1.{token}", KEY) is None
    assert read_token("." * 3 + token, KEY) is None


@pytest.mark.parametrize("text", NASTY)
def test_titles_come_back_as_one_harmless_line(text: str) -> None:
    asked = read_token(token_of(LINKS.silence(told(an_alert(title=text, watch_topic_title=text)))), KEY)
    assert isinstance(asked, Silencing)
    assert len(asked.title.splitlines()) <= 1
    assert len(asked.title) <= 80
