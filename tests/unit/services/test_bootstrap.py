"""What the composition root makes of the settings."""

import pytest

from services import bootstrap
from services.outgoing import fetch_policy
from services.runtime.embedded_valkey import Durability
from services.settings import FetchSettings, Settings


@pytest.mark.parametrize(("durability", "valkey"), [("full", Durability.ALWAYS), ("normal", Durability.EVERY_SECOND)])
def test_durability_holds_for_the_log_and_the_state_alike(durability: str, valkey: Durability) -> None:
    settings = Settings.model_validate({"durability": durability})
    assert bootstrap.valkey_durability(settings) is valkey
    assert bootstrap.broker_config(settings).synchronous == durability


def test_the_embedded_alerter_knows_its_own_deliveries_after_a_restart() -> None:
    assert bootstrap.owner_name(Settings()) == bootstrap.EMBEDDED_OWNER


def test_two_alerters_of_a_cluster_have_different_names_unless_they_are_given_one() -> None:
    cluster = Settings(broker_url="kafka://localhost:9092")
    assert bootstrap.owner_name(cluster) != bootstrap.EMBEDDED_OWNER
    assert bootstrap.owner_name(cluster.model_copy(update={"instance": "alerter-3"})) == "alerter-3"


def test_private_addresses_are_polled_only_when_that_is_asked_for() -> None:
    assert fetch_policy(FetchSettings()).allow_private is False
    assert fetch_policy(FetchSettings(allow_private=True)).allow_private is True


def test_the_proxy_and_its_kind_reach_the_fetcher_but_no_repr() -> None:
    policy = fetch_policy(FetchSettings(proxy="http://desk:hush@proxy.example.org:3128", http2=False))
    assert (policy.proxy, policy.http2) == ("http://desk:hush@proxy.example.org:3128", False)
    assert "hush" not in repr(policy)


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        ("proxy.example.org:3128", "begins with http://"),
        ("ftp://proxy.example.org", "begins with http://"),
        ("http://", "the host of the proxy"),
        ("http://[::1", "the host of the proxy"),
        ("socks5://127.0.0.1:1080", "httpx\\[socks\\]"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_fault_of_the_settings(
    proxy: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.settings.find_spec", lambda _: None)  # whatever is installed here
    with pytest.raises(ValueError, match=why):
        FetchSettings(proxy=proxy)
