"""What the store of subscriptions promises to fetchers and apis that share it."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from services.domain.feeds.websub import Status, Subscription, denied, missed
from services.domain.feeds.websub_calls import Keeping, Verdict, Verification
from services.fetcher.store import StoreUnavailableError
from services.fetcher.websub_store import MAX_WAITING_BYTES, ValkeyWebSubStore
from services.runtime.faults import UnavailableError
from services.runtime.valkey import connect
from tests.fakes import EPOCH
from tests.unit.feeds.test_websub import TOPIC, asked, credentials, granted

MINUTE = timedelta(minutes=1)


async def kept(valkey: Redis, subscription: Subscription) -> ValkeyWebSubStore:
    store = ValkeyWebSubStore(valkey)
    await store.change("one", lambda _: subscription)
    return store


async def test_a_subscription_is_found_by_feed_and_by_the_token_of_its_callback(valkey: Redis) -> None:
    store = await kept(valkey, granted())
    assert await store.subscription("one") == await store.by_token("token-1") == granted()
    assert await store.by_token("token-2") is None
    other = granted().model_copy(update={"credentials": credentials(2)})
    await store.change("one", lambda _: other)
    assert (await store.by_token("token-1"), await store.by_token("token-2")) == (None, other)
    await store.change("one", lambda _: None)
    assert (await store.by_token("token-2"), await store.subscription("one")) == (None, None)


async def test_one_look_at_a_time_until_its_claim_is_over(valkey: Redis) -> None:
    store = ValkeyWebSubStore(valkey)
    await store.look_at("one", EPOCH)
    assert not await store.claim("one", EPOCH - MINUTE, EPOCH + MINUTE)
    granted_to = await asyncio.gather(*(store.claim("one", EPOCH, EPOCH + MINUTE) for _ in range(8)))
    assert granted_to.count(True) == 1
    assert await store.due(EPOCH) == ()
    # Whoever had it died.
    assert await store.due(EPOCH + MINUTE) == ("one",)


async def test_the_end_of_a_look_does_not_undo_what_came_up_during_it(valkey: Redis) -> None:
    store, until = ValkeyWebSubStore(valkey), EPOCH + MINUTE
    await store.look_at("one", EPOCH)
    await store.claim("one", EPOCH, until)
    await store.look_at("one", EPOCH)
    await store.settle("one", until, None)
    assert await store.due(EPOCH) == ("one",)
    await store.claim("one", EPOCH, until)
    await store.settle("one", until, None)
    assert await store.known() == set()


async def test_changes_at_the_same_time_all_count(valkey: Redis) -> None:
    store = await kept(valkey, granted())

    def count(current: Subscription | None) -> Subscription | None:
        assert current is not None
        return current.model_copy(update={"failures": current.failures + 1})

    await asyncio.gather(*(store.change("one", count) for _ in range(20)))
    found = await store.subscription("one")
    assert found is not None
    assert found.failures == 20


async def test_the_end_of_a_subscription_is_looked_at_at_once(valkey: Redis) -> None:
    store = await kept(valkey, granted())
    assert await store.due(EPOCH) == ()
    await store.change("one", lambda current: denied(current, "no", EPOCH) if current else None)
    assert await store.due(EPOCH) == ("one",)


async def test_a_call_at_a_callback_that_was_replaced_changes_nothing(valkey: Redis) -> None:
    store = await kept(valkey, asked().model_copy(update={"credentials": credentials(2)}))
    await valkey.hset("redline:websub:tokens", "token-1", "one")  # as a crash between two versions might leave it
    said = Verification("subscribe", TOPIC, "abc")
    assert await store.verify("token-1", said, EPOCH, 0.0) is Verdict.NOT_ASKED
    assert await store.verify("token-2", said, EPOCH, 0.0) is Verdict.SUBSCRIBED
    found = await store.subscription("one")
    assert found is not None
    assert found.status is Status.VERIFIED


async def test_documents_are_kept_within_bytes_but_always_one(valkey: Redis) -> None:
    store, subscription = await kept(valkey, granted()), granted()
    assert await store.keep(subscription, b"x" * (MAX_WAITING_BYTES + 1), None, EPOCH) is Keeping.KEPT
    assert await store.keep(subscription, b"y", None, EPOCH) is Keeping.FULL
    pushed = await store.take("one", EPOCH)
    assert pushed.document is not None
    await store.drop("one", pushed.document, EPOCH)
    await store.drop("one", pushed.document, EPOCH)  # a second time, as after a crash
    assert await store.keep(subscription, b"y", None, EPOCH) is Keeping.KEPT
    assert await store.take("one", EPOCH) != await store.take("two", EPOCH)
    await store.discard("one")
    assert [key async for key in valkey.scan_iter("redline:feed:*push*")] == []


async def test_a_push_restores_the_trust_that_silence_cost(valkey: Redis) -> None:
    silent = missed(granted(), EPOCH)
    store = await kept(valkey, silent)
    await store.keep(silent, b"x", None, EPOCH)
    assert await store.subscription("one") == granted()


async def test_a_record_that_cannot_be_read_is_made_anew(valkey: Redis) -> None:
    store = await kept(valkey, granted())
    await valkey.set("redline:feed:{one}:websub", b'{"status": 5}')
    assert await store.subscription("one") is None
    assert await store.by_token("token-1") is None
    assert (await store.take("one", EPOCH)).subscription is None


async def test_a_store_that_is_not_there_says_so_to_both_sides() -> None:
    client = connect("unix:///nonexistent/valkey.sock", pauses_s=())
    for kind in (StoreUnavailableError, UnavailableError):
        with pytest.raises(kind):
            await ValkeyWebSubStore(client).by_token("token-1")
    await client.aclose()
