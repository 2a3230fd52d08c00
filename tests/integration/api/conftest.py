from tests.integration.fetcher.conftest import valkey, valkey_socket

__all__ = ["valkey", "valkey_socket"]
