"""TraceStep: one decision about an article or an alert, so that every one can be traced to its end."""

from enum import StrEnum
from typing import Literal

from schemas.base import ContentId, Contract, NonEmpty, UtcDatetime, content_id


class Stage(StrEnum):
    """Where on its way a decision was taken, in the order of the way."""

    MATCHED = "matched"
    CODED = "coded"  # what the article says on the ladder of the watch topic
    NOT_ALERTED = "not_alerted"  # a match that raises no alert; ends here
    RAISED = "raised"  # a match became an alert
    PROVES = "proves"  # the article is evidence of a shift that is told; `ref` is its alert
    ROUTED = "routed"
    REACHES_NOBODY = "reaches_nobody"  # no channel of its receivers is open; ends here
    GROUPED = "grouped"  # waits in its group until the group is told
    SILENCED = "silenced"  # ends here; `ref` is the silence
    INHIBITED = "inhibited"  # ends here
    REPEATED = "repeated"  # adds nothing to what its group was told; ends here
    MUTED = "muted"  # waits until the mute time ends
    OVER_BUDGET = "over_budget"  # waits for the digest
    IN_DIGEST = "in_digest"  # waits for the digest
    QUEUED = "queued"  # in the outbox of a channel, under `ref`, the delivery's idempotency key


# Of an article: what leads on to an alert, its own or that of a shift which it proves.
TO_ALERTS = frozenset({Stage.RAISED, Stage.PROVES})


class TraceStep(Contract):
    """One decision. `subject` is the article or alert it is about; `ref` leads on, as from a match to its alert."""

    subject_kind: Literal["article", "alert"]
    subject: ContentId
    stage: Stage
    at: UtcDatetime
    reason: str = ""
    watch_topic: str | None = None
    receiver: str | None = None
    channel: str | None = None
    route: str | None = None
    ref: NonEmpty | None = None

    @property
    def id(self) -> str:
        """The same for the same decision whenever it is taken, so that a redelivery leaves no second step."""
        place = (self.watch_topic, self.receiver, self.channel, self.route, self.ref)
        return content_id(
            "trace", self.subject_kind, self.subject, self.stage, self.reason, *(part or "" for part in place)
        )
