"""The contracts: what is committed is what the code says, and what is decoded is what was encoded."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schemas.article import Article
from schemas.base import content_id
from schemas.codec import DecodeError, decode, encode
from schemas.dead_letter import DeadLetter, RejectReason
from schemas.json_schema import CONTRACTS, FOLDER, file_name, render
from schemas.streams import STREAMS, Stream

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
# Naive bounds, as hypothesis wants them.
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001


def article(**changes: object) -> Article:
    facts: dict[str, object] = {
        "id": content_id("a"),
        "revision": 1,
        "revision_id": content_id("r"),
        "feed_id": "f",
        "outlet": "O",
        "title": "T",
        "first_seen_at": datetime(2024, 11, 27, tzinfo=UTC),
    }
    return Article.model_validate({**facts, **changes})


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_the_committed_json_schema_is_that_of_the_contract(contract: type[BaseModel]) -> None:
    committed = (FOLDER / file_name(contract)).read_text(encoding="utf-8")
    assert committed == render(contract), "run: python -m schemas.json_schema"


def test_no_json_schema_is_left_of_a_contract_that_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file_name(contract) for contract in CONTRACTS}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_streams_are_versioned_like_their_contracts(stream: Stream[Article]) -> None:
    _, _, version = stream.name.rpartition(".v")
    assert stream.contract.model_fields["schema_version"].default == int(version)
    assert stream.partitions > 0


@given(title=WORDS, text=WORDS, author=st.none() | WORDS, published_at=st.none() | MOMENTS)
def test_what_is_decoded_is_what_was_encoded(
    title: str, text: str, author: str | None, published_at: datetime | None
) -> None:
    one = article(title=title, text=text, author=author, published_at=published_at)
    assert decode(Article, encode(one)) == one


@given(st.binary(max_size=50))
def test_raw_bytes_survive_in_a_dead_letter(raw: bytes) -> None:
    letter = DeadLetter(
        id=content_id("d"),
        origin_stream="redline.articles.v1",
        origin_partition=0,
        origin_offset=0,
        service="matcher",
        reason=RejectReason.UNDECODABLE,
        error="e",
        value=raw,
        rejected_at=datetime(2024, 11, 27, tzinfo=UTC),
    )
    assert decode(DeadLetter, encode(letter)).value == raw


@given(st.binary(max_size=100))
def test_any_bytes_are_the_contract_or_a_decode_error(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="Article: "):
        decode(Article, raw)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"schema_version": 2}, "schema_version: Input should be less than or equal to 1"),
        ({"outlet": ""}, "outlet: String should have at least 1 character"),
        ({"revision": "1"}, "revision: Input should be a valid integer"),
        ({"first_seen_at": "2024-11-27T00:00:00"}, "first_seen_at: Input should have timezone info"),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
    ],
)
def test_a_value_that_breaks_the_contract_names_the_field(change: dict[str, object], fault: str) -> None:
    raw = json.dumps({**json.loads(encode(article())), **change}).encode()
    with pytest.raises(DecodeError) as error:
        decode(Article, raw)
    assert str(error.value) == f"Article: {fault}"


def test_a_message_without_a_value_is_told() -> None:
    with pytest.raises(DecodeError, match="has no value"):
        decode(Article, None)


def test_contracts_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        article().title = "other"  # type: ignore[misc]


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_ids_tell_different_contents_apart(one: list[str], other: list[str]) -> None:
    assert (content_id(*one) == content_id(*other)) is (one == other)
