"""What the composition root makes of the settings."""

import pytest

from services import bootstrap
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
    assert bootstrap.fetch_policy(FetchSettings()).allow_private is False
    assert bootstrap.fetch_policy(FetchSettings(allow_private=True)).allow_private is True
