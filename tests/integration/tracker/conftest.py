"""The real Valkey that the alerter's tests use."""

from tests.integration.alerter.conftest import client, namespace, valkey_socket

__all__ = ["client", "namespace", "valkey_socket"]
