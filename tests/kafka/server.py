"""A real Apache Kafka: one JVM as broker and controller (KRaft), on loopback."""

import os
import signal
import socket
import struct
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from tests.kafka.prepare import HERE, LIB

START_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
LOG_LINES_SHOWN = 30

# Short-lived and small: no second compiler, no parallel collector.
JVM = ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
# Streams are declared with their partitions; one that is not must fail rather than appear with another number.
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# After a kill the controller waits for the old session to end before it lets the broker in again.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"""

# Metadata, version 1, correlation id 1, no client id, about no topic: the reply counts the live brokers first.
METADATA_REQUEST = struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0)


class KafkaServerError(Exception):
    """The broker did not do what it was told; the message ends with its log."""


class KafkaServer:
    """A broker whose data and ports stay the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self._port, controller_port = free_ports(2)
        self._properties = folder / "server.properties"
        self._data = folder / "data"
        self._log = folder / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._properties.write_text(
            PROPERTIES.format(port=self._port, controller_port=controller_port, data=self._data)
        )

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return once the broker answers requests."""
        if not self._data.exists():
            cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
            self._launch("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c").wait(START_WITHIN_S)
        self._process = self._launch("kafka.Kafka")
        deadline = time.monotonic() + START_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None:
                raise KafkaServerError(f"Kafka ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise KafkaServerError(f"Kafka did not start in {START_WITHIN_S:g} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut down in good order; kill what does not end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise KafkaServerError(f"Kafka did not stop in {STOP_WITHIN_S:g} s:\n{self.log_tail()}") from None
        self._process = None

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start again; address and data stay."""
        self.stop()
        self.start()

    def log_tail(self) -> str:
        """Return the last lines of the broker's log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])

    def _launch(self, main_class: str, *arguments: str) -> subprocess.Popen[bytes]:
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [*JVM, logging, "-cp", f"{LIB}/*", main_class, *arguments, str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which stops the broker after the clients
            )

    def _answers(self) -> bool:
        """Say whether the broker is up and part of its cluster."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.settimeout(5)
                connection.sendall(METADATA_REQUEST)
                reply = connection.recv(12, socket.MSG_WAITALL)
        except OSError:
            return False
        if len(reply) < 12:
            return False
        _, _, brokers = struct.unpack(">iii", reply)
        return bool(brokers > 0)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
