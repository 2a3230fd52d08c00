"""What a hub's calls come to."""

import hmac
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.websub import Status, Subscription, denied, leaving
from services.domain.feeds.websub_calls import (
    ALGORITHMS,
    Signature,
    Verdict,
    Verification,
    check_signature,
    judge,
    parse_verification,
)
from tests.fakes import EPOCH
from tests.unit.feeds.test_websub import TOPIC, asked, granted

LEASE = timedelta(days=3)
LEAVING = leaving(granted(), EPOCH)


def said(mode: str = "subscribe", topic: str = TOPIC, challenge: str = "abc") -> Verification:
    return Verification(mode, topic, challenge, LEASE, "no")


def test_a_verification_is_read_from_the_query() -> None:
    query = {
        "hub.mode": "Subscribe",
        "hub.topic": TOPIC,
        "hub.challenge": " a b ",
        "hub.lease_seconds": "60",
        "hub.reason": "no\r\n  thanks",
        "hub.other": "x",
    }
    minute = timedelta(minutes=1)
    assert parse_verification(query) == Verification("subscribe", TOPIC, " a b ", minute, "no thanks")


@pytest.mark.parametrize("lease", ["", "0", "-5", "ten", "1.5", "٣", "1e9"])
def test_a_lease_that_is_none_counts_as_unsaid(lease: str) -> None:
    assert parse_verification({"hub.lease_seconds": lease}).lease is None


def test_an_endless_lease_is_a_number() -> None:
    assert parse_verification({"hub.lease_seconds": "9" * 5000}).lease == timedelta(seconds=999_999_999)


@pytest.mark.parametrize(
    ("subscription", "call", "verdict", "status"),
    [
        (asked(), said(), Verdict.SUBSCRIBED, Status.VERIFIED),
        (granted(), said(), Verdict.SUBSCRIBED, Status.VERIFIED),
        (LEAVING, said("unsubscribe"), Verdict.UNSUBSCRIBED, None),
        (asked(), said("denied", challenge=""), Verdict.DENIED, Status.DENIED),
        (granted(), said("denied"), Verdict.DENIED, Status.DENIED),
        (LEAVING, said("denied"), Verdict.DENIED, None),
        # What we did not ask for.
        (None, said(), Verdict.NOT_ASKED, None),
        (None, said("denied"), Verdict.NOT_ASKED, None),
        (granted(), said("unsubscribe"), Verdict.NOT_ASKED, Status.VERIFIED),
        (LEAVING, said(), Verdict.NOT_ASKED, Status.UNSUBSCRIBING),
        (denied(granted(), "", EPOCH), said(), Verdict.NOT_ASKED, Status.DENIED),
        # Another feed than ours, by any letter.
        (asked(), said(topic=TOPIC + "/"), Verdict.OTHER_TOPIC, Status.REQUESTED),
        (asked(), said(topic=""), Verdict.OTHER_TOPIC, Status.REQUESTED),
        (granted(), said("denied", topic=TOPIC.upper()), Verdict.OTHER_TOPIC, Status.VERIFIED),
        (LEAVING, said("unsubscribe", topic="https://x.example/"), Verdict.OTHER_TOPIC, Status.UNSUBSCRIBING),
        # Not the words of the Recommendation.
        (asked(), said(challenge=""), Verdict.MALFORMED, Status.REQUESTED),
        (asked(), said("publish"), Verdict.MALFORMED, Status.REQUESTED),
        (asked(), said(""), Verdict.MALFORMED, Status.REQUESTED),
    ],
)
def test_a_call_of_a_hub(
    subscription: Subscription | None, call: Verification, verdict: Verdict, status: Status | None
) -> None:
    found, after = judge(subscription, call, EPOCH)
    assert found is verdict
    assert (after.status if after else None) is status
    if verdict in {Verdict.NOT_ASKED, Verdict.OTHER_TOPIC, Verdict.MALFORMED}:
        assert after == subscription, "a call that is not right changes nothing"


def signed(body: bytes, secret: str, algorithm: str) -> str:
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


@given(st.binary(max_size=200), st.text(min_size=1, max_size=60), st.sampled_from(ALGORITHMS))
@settings(max_examples=60)
def test_what_the_hub_signed_is_valid_and_no_other_byte_key_or_algorithm(
    body: bytes, secret: str, algorithm: str
) -> None:
    header = signed(body, secret, algorithm)
    assert check_signature(header, secret, body) is Signature.VALID
    assert check_signature(header.upper(), secret, body) is Signature.VALID
    assert check_signature(header, secret, body + b"x") is Signature.WRONG
    assert check_signature(header, secret + "x", body) is Signature.WRONG
    assert check_signature(header[:-1], secret, body) is Signature.WRONG
    for other in ALGORITHMS:
        if other != algorithm:
            swapped = f"{other}={header.partition('=')[2]}"
            assert check_signature(swapped, secret, body) is Signature.WRONG


def test_a_known_signature() -> None:
    # RFC 4231, test case 2.
    header = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert check_signature(header, "Jefe", b"what do ya want for nothing?") is Signature.VALID


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, Signature.MISSING),
        ("", Signature.MISSING),
        ("sha256", Signature.MALFORMED),
        ("sha256=", Signature.MALFORMED),
        ("sha256=xyz", Signature.MALFORMED),
        ("sha256=\u0661\u0661", Signature.MALFORMED),
        ("=abc", Signature.MALFORMED),
        ("md5=900150983cd24fb0d6963f7d28e17f72", Signature.UNKNOWN_ALGORITHM),
        ("sha224=00", Signature.UNKNOWN_ALGORITHM),
        ("sha3=00", Signature.UNKNOWN_ALGORITHM),
    ],
)
def test_what_is_no_signature(header: str | None, found: Signature) -> None:
    assert check_signature(header, "secret", b"body") is found
