"""Metrics as Prometheus reads them: over HTTP, from the port that was set."""

import socket

import httpx
import pytest

from services.runtime.metrics import SETTLED, MetricsPortError, metrics_shown


async def test_a_process_shows_what_it_counted() -> None:
    SETTLED.labels("tester", "redline.test.v1").inc()
    async with metrics_shown("127.0.0.1", 0) as port, httpx.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'redline_messages_total{service="tester",stream="redline.test.v1"} 1.0' in page
    assert "process_resident_memory_bytes" in page or "python_info" in page


async def test_without_a_port_nothing_listens() -> None:
    async with metrics_shown("127.0.0.1", None) as port:
        assert port is None


async def test_the_port_is_free_again_afterwards() -> None:
    async with metrics_shown("127.0.0.1", 0) as port:
        pass
    async with metrics_shown("127.0.0.1", port) as again:
        assert again == port


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MetricsPortError, match=f"127.0.0.1:{port}"):
            async with metrics_shown("127.0.0.1", port):
                pass
