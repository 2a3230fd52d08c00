"""Silences are kept with who made them and why, end when they say or when somebody ends them, and stay on record."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from alerts.routing import Matchers
from alerts.silences import Silence
from schemas.base import content_id
from services.alerter.silence_store import KEEP_FINISHED, SilenceStoreUnavailableError, ValkeySilences
from tests.fakes import EPOCH

HOUR = timedelta(hours=1)


@pytest.fixture
def silences(client: Redis, namespace: str) -> ValkeySilences:
    return ValkeySilences(client, namespace=namespace)


def at(hours: float) -> datetime:
    return EPOCH + hours * HOUR


def a_silence(name: str = "one", **changes: Any) -> Silence:
    values: dict[str, Any] = {
        "id": content_id(name),
        "match": Matchers(watch_topic=("rok-arms",)),
        "author": "ann",
        "comment": "known since Tuesday",
        "starts_at": at(0),
        "ends_at": at(24),
        "created_at": at(0),
        **changes,
    }
    return Silence(**values)


async def test_a_silence_is_kept_whole(silences: ValkeySilences) -> None:
    await silences.add(a_silence())
    assert await silences.get(a_silence().id) == a_silence()
    assert await silences.all() == (a_silence(),)
    assert await silences.get(content_id("another")) is None


async def test_a_silence_holds_from_its_start_to_its_end(silences: ValkeySilences) -> None:
    await silences.add(a_silence())
    later = a_silence("later", starts_at=at(12), created_at=at(1))
    await silences.add(later)
    assert await silences.active(at(0)) == (a_silence(),)
    assert await silences.active(at(12)) == (a_silence(), later)
    assert await silences.active(at(24)) == ()
    assert await silences.all() == (a_silence(), later), "finished ones stay for the record"


async def test_a_silence_can_be_ended_once(silences: ValkeySilences) -> None:
    await silences.add(a_silence())
    assert await silences.expire(a_silence().id, at(1))
    assert await silences.active(at(1)) == ()
    assert await silences.get(a_silence().id) == a_silence(ends_at=at(1))
    assert not await silences.expire(a_silence().id, at(2))
    assert not await silences.expire(content_id("another"), at(2))


async def test_a_silence_that_has_not_begun_never_does(silences: ValkeySilences) -> None:
    await silences.add(a_silence(starts_at=at(12)))
    assert await silences.expire(a_silence().id, at(1))
    for hour in (1, 12, 23):
        assert await silences.active(at(hour)) == ()
    assert len(await silences.all()) == 1


async def test_an_ended_silence_can_be_made_again(silences: ValkeySilences) -> None:
    await silences.add(a_silence())
    await silences.expire(a_silence().id, at(1))
    again = a_silence(starts_at=at(2), created_at=at(2))
    await silences.add(again)
    assert await silences.active(at(3)) == (again,)


async def test_a_change_that_comes_between_is_not_overwritten(
    silences: ValkeySilences, client: Redis, namespace: str
) -> None:
    longer = a_silence(ends_at=at(48), comment="longer")

    class Overtaken(ValkeySilences):
        async def _raw(self, silence_id: str) -> bytes | None:
            raw = await super()._raw(silence_id)
            if await silences.get(silence_id) == a_silence():
                await silences.add(longer)
            return raw

    await silences.add(a_silence())
    assert await Overtaken(client, namespace=namespace).expire(longer.id, at(12))
    assert await silences.get(longer.id) == longer.model_copy(update={"ends_at": at(12), "comment": "longer"})


async def test_two_who_end_a_silence_at_once_end_it_once(
    silences: ValkeySilences, client: Redis, namespace: str
) -> None:
    class Overtaken(ValkeySilences):
        async def _raw(self, silence_id: str) -> bytes | None:
            raw = await super()._raw(silence_id)
            await silences.expire(silence_id, at(1))
            return raw

    await silences.add(a_silence())
    assert not await Overtaken(client, namespace=namespace).expire(a_silence().id, at(1))


async def test_the_version_tells_of_every_change_and_of_nothing_else(silences: ValkeySilences) -> None:
    seen = [await silences.version()]
    await silences.add(a_silence())
    seen.append(await silences.version())
    await silences.expire(a_silence().id, at(1))
    seen.append(await silences.version())
    assert len(set(seen)) == 3
    await silences.expire(a_silence().id, at(2))
    await silences.active(at(2))
    assert await silences.version() == seen[-1]


async def test_finished_silences_are_forgotten_after_35_days(silences: ValkeySilences) -> None:
    await silences.add(a_silence())
    kept_until = KEEP_FINISHED / HOUR + 24
    just, after = (a_silence(name, created_at=at(hours)) for name, hours in (("b", kept_until), ("c", kept_until + 1)))
    await silences.add(just)
    assert a_silence() in await silences.all()
    await silences.add(after)
    assert a_silence() not in await silences.all()


async def test_a_silence_that_cannot_be_read_silences_nothing(
    silences: ValkeySilences, client: Redis, namespace: str
) -> None:
    await silences.add(a_silence())
    await client.hset(f"{namespace}:{{outbox}}:silences", content_id("x"), '{"id": 1}')
    assert await silences.active(at(1)) == (a_silence(),)
    assert await silences.get(content_id("x")) is None
    assert not await silences.expire(content_id("x"), at(1))


async def test_a_store_that_does_not_answer_is_said(namespace: str) -> None:
    silences = ValkeySilences(
        Redis(unix_socket_path="/nonexistent/s", retry=Retry(NoBackoff(), 0)), namespace=namespace
    )
    for asked in (
        silences.add(a_silence()), silences.expire("x", at(0)), silences.active(at(0)), silences.version(),
    ):  # fmt: skip
        with pytest.raises(SilenceStoreUnavailableError):
            await asked
