"""What can go wrong below the handlers, in words a user can act on.

RuntimeFaultError                 everything here
├── UnavailableError              a dependency cannot be reached; the message is not at fault: retry
│   └── BrokerUnreachableError    no broker answers at this address
├── RejectError                   the handler will not take this message: dead letter
├── LogError                      the embedded log
│   ├── LogLockedError            another process owns it
│   ├── LogWriteError             it cannot be written (disk full, read-only): the process must stop
│   ├── LogUnreadableError        the file is not a log of ours, or damaged
│   └── GroupTakenError           two apps in one process ask for the same consumer group
├── BrokerUrlError                the broker's URL cannot be used
├── StreamMismatchError           a stream exists with another number of partitions
├── MetricsPortError              the port for metrics is taken (metrics.py)
└── WorkerCrashedError            an app or background task died
    └── ConsumerStuckError        messages wait, and none gets handled
"""

from pathlib import Path


class RuntimeFaultError(Exception):
    """Anything that the runtime raises on purpose."""


class UnavailableError(RuntimeFaultError):
    """A dependency cannot be reached for now; the message is not at fault, so try it again."""


class BrokerUnreachableError(UnavailableError):
    """No broker answers at this address."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(
            f"no Kafka broker answers at {address}: {cause}. Check broker_url, and that the broker is running"
        )
        self.address = address


class RejectError(RuntimeFaultError):
    """The handler will not take this message, and says why; it becomes a dead letter."""


class LogError(RuntimeFaultError):
    """The embedded log at `path` cannot be used."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class LogLockedError(LogError):
    """Another process owns the log."""

    def __init__(self, path: Path, holder: int | None) -> None:
        owner = f"process {holder}" if holder else "another process"
        super().__init__(path, f"{path} is in use by {owner}; stop it, or choose another data_dir")
        self.holder = holder


class LogWriteError(LogError):
    """The log cannot be written; what was not acknowledged before is not in it."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(path, f"cannot write {path}: {cause}. Free disk space or make it writable, then start again")


class LogUnreadableError(LogError):
    """The file is not a log of this version, or it is damaged."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(path, f"cannot read {path} as a Redline log: {cause}")


class GroupTakenError(LogError):
    """A consumer group has one consumer in the embedded log."""

    def __init__(self, path: Path, group: str) -> None:
        super().__init__(path, f"consumer group {group} already reads {path}")


class BrokerUrlError(RuntimeFaultError):
    """The broker's URL cannot be used."""


class StreamMismatchError(RuntimeFaultError):
    """A stream exists with another number of partitions, so keys would land elsewhere."""

    def __init__(self, stream: str, found: int, wanted: int) -> None:
        super().__init__(
            f"stream {stream} has {found} partitions, this version needs {wanted}; "
            "start with an empty log, or give the stream a new version"
        )


class WorkerCrashedError(RuntimeFaultError):
    """An app or a background task died, so the whole worker stopped."""

    def __init__(self, name: str, cause: BaseException | None) -> None:
        super().__init__(f"{name} stopped: {cause or 'no reason was recorded'}")
        self.name = name


class ConsumerStuckError(WorkerCrashedError):
    """Messages wait in a partition, and none was committed for too long."""

    def __init__(self, name: str, partition: str, seconds: float) -> None:
        cause = TimeoutError(f"messages wait in {partition}, but none was committed for {seconds:.0f} s")
        super().__init__(name, cause)
