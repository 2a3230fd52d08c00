"""Where an alert can stand with a receiver, in the words of `redline alerts list --status`."""

from enum import StrEnum

from schemas.trace import Stage


class Status(StrEnum):
    """Where an alert stands with one of its receivers."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    DEAD = "dead"
    SUPPRESSED = "suppressed"  # silenced, inhibited, or nothing new
    DIGEST = "digest"  # waits for the digest
    WAITING = "waiting"  # in its group, or for the end of a mute time
    NOBODY = "nobody"  # no channel of its receivers is open


# What a receiver that was told nothing stands at after a step; other steps decide nothing.
STATUS_AFTER = {
    Stage.ROUTED: Status.WAITING,
    Stage.GROUPED: Status.WAITING,
    Stage.MUTED: Status.WAITING,
    Stage.SILENCED: Status.SUPPRESSED,
    Stage.INHIBITED: Status.SUPPRESSED,
    Stage.REPEATED: Status.SUPPRESSED,
    Stage.OVER_BUDGET: Status.DIGEST,
    Stage.IN_DIGEST: Status.DIGEST,
    Stage.REACHES_NOBODY: Status.NOBODY,
}
