"""The mail around a letter: headers of its own only, whole ids and links, and threads for each reader."""

import subprocess
import sys
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from hypothesis import given, settings

from alerts.card import one_line
from alerts.channels.email import compose
from alerts.links import MessageLinks
from alerts.render import render_html, render_subject, render_text
from schemas.notification import Notification, NotificationKind
from tests.unit.alerts.examples import told
from tests.unit.alerts.letters import LINKS
from tests.unit.alerts.messages import a_digest, a_shift, hostile_notifications, text_that_has_no_end

KEY = "0123456789abcdef0123456789abcdef"


def mail(notification: Notification, **changes: str) -> EmailMessage:
    facts = {"sender": "Redline <redline@example.org>", "recipient": "Desk <desk@example.org>", **changes}
    return compose(notification, facts["sender"], facts["recipient"], KEY, LINKS)


@given(hostile_notifications())
@settings(max_examples=25, deadline=None)
def test_hostile_mail_parses_back_with_only_its_own_headers(notification: Notification) -> None:
    raw = mail(notification).as_bytes()
    assert raw == mail(notification).as_bytes()
    raw.decode("ascii")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    parsed = message_from_bytes(raw, policy=default)
    assert not parsed.defects
    optional = {"references", "in-reply-to", "importance", "x-redline-severity"}
    assert sorted({name.lower() for name in parsed} - optional) == sorted(
        [
            *("from", "to", "subject", "date", "message-id", "auto-submitted", "precedence"),
            *("x-auto-response-suppress", "list-id", "list-unsubscribe", "list-unsubscribe-post"),
            *("x-redline-kind", "x-redline-alert-id", "mime-version", "content-type"),
        ]
    )
    assert len(parsed) == len({name.lower() for name in parsed})
    assert one_line(parsed["subject"]) == render_subject(notification)
    assert parsed["to"] == "Desk <desk@example.org>"
    plain, html = parsed.iter_parts()
    assert plain.get_content().replace("\r\n", "\n") == render_text(notification, LINKS)
    assert html.get_content().replace("\r\n", "\n") == render_html(notification, LINKS)


def test_texts_that_have_no_end_make_a_mail_without_defects() -> None:
    parsed = message_from_bytes(mail(text_that_has_no_end()).as_bytes(), policy=default)
    assert not parsed.defects


def test_what_follows_answers_to_the_root_that_its_thread_shares_and_no_other_reader_s() -> None:
    first, update = mail(told()), mail(told(kind=NotificationKind.UPDATE, revision=2))
    assert first["in-reply-to"] is None
    assert first["references"] == update["references"] == update["in-reply-to"]
    assert first["references"] != mail(told(), recipient="night@example.org")["references"]
    assert first["references"] != first["message-id"]
    assert mail(told(), recipient="DESK@example.org")["references"] == first["references"]
    for alone in (a_digest(), told(kind=NotificationKind.TEST)):
        assert mail(alone)["references"] is None


def test_ids_and_links_stay_whole_however_long() -> None:
    link = f"https://redline.example/unsubscribe/1.{'a' * 700}.b"
    raw = compose(told(), "a@example.org", "b@example.org", KEY, MessageLinks(link)).as_bytes()
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in raw
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_one_click_is_offered_over_https_only_and_no_link_at_all_without_the_api() -> None:
    plain = compose(told(), "a@example.org", "b@example.org", KEY, MessageLinks("http://redline.example/unsubscribe/x"))
    assert plain["list-unsubscribe"] == "<http://redline.example/unsubscribe/x>"
    assert plain["list-unsubscribe-post"] is None
    assert compose(told(), "a@example.org", "b@example.org", KEY)["list-unsubscribe"] is None


def test_headers_tell_a_mail_program_what_it_is() -> None:
    shift, digest = mail(told(a_shift())), mail(a_digest())
    assert (shift["importance"], digest["importance"]) == ("high", None)
    assert shift["list-id"] == "<rok-arms.redline.example.org>"
    assert digest["list-id"] == "<digest.redline.example.org>"
    assert (shift["x-redline-kind"], digest["x-redline-kind"]) == ("new", "digest")
    assert shift["date"].datetime == a_shift().decided_at.replace(microsecond=0)


def test_a_mail_is_the_same_in_every_process() -> None:
    program = (
        "import sys; from tests.unit.alerts.messages import *; from tests.unit.alerts.test_mail import mail; "
        "sys.stdout.buffer.write(mail(told(a_shift())).as_bytes())"
    )
    raw = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
    assert raw == mail(told(a_shift())).as_bytes()
