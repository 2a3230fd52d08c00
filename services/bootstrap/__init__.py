"""The composition root: the only place where real adapters are built and handed to the services."""

from services.bootstrap.alerter import PATIENCE_SECONDS, IsolatedDelivery, UnsentError, isolated_delivery
from services.bootstrap.rebuilding import rebuild_positions
from services.bootstrap.running import BUILDERS, run_services
from services.bootstrap.state import (
    EMBEDDED_OWNER,
    broker_config,
    has_state,
    open_state,
    open_valkey,
    owner_name,
    valkey_durability,
)
from services.bootstrap.world import Provisioned, Unit, World, provisioned_by_files, provisioned_for_demo

__all__ = [
    "BUILDERS",
    "EMBEDDED_OWNER",
    "PATIENCE_SECONDS",
    "IsolatedDelivery",
    "Provisioned",
    "Unit",
    "UnsentError",
    "World",
    "broker_config",
    "has_state",
    "isolated_delivery",
    "open_state",
    "open_valkey",
    "owner_name",
    "provisioned_by_files",
    "provisioned_for_demo",
    "rebuild_positions",
    "run_services",
    "valkey_durability",
]  # fmt: skip
