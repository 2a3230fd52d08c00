"""Traces in Valkey/Redis: every decision about an article or an alert, once, under the article's or the alert's id.

Keys: `<namespace>:{outbox}:trace:<article|alert>:<id>`, a hash from step id to the step as JSON. They share the slot of
the outbox, so that the alerter writes them in the same transaction as what they tell of.
"""

from collections.abc import Sequence
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.trace import Stage, TraceStep
from services.runtime.faults import UnavailableError
from services.runtime.id_index import IdKind, index_id

KEEP_TRACES = timedelta(days=35)
_ORDER = list(Stage)


def trace_key(step: TraceStep, namespace: str = "redline") -> str:
    """Return the key of the hash that this step is a field of."""
    return f"{namespace}:{{outbox}}:trace:{step.subject_kind}:{step.subject}"


class ValkeyTraces:
    """Takes and returns the steps of articles and alerts; the first telling of a step stays. Kept for 35 days."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._namespace = namespace

    async def note(self, steps: Sequence[TraceStep]) -> None:
        """Keep these steps; those that are kept already stay as they are. Raises UnavailableError."""
        if not steps:
            return
        pipeline = self._client.pipeline(transaction=False)
        for step in steps:
            key = trace_key(step, self._namespace)
            pipeline.hsetnx(key, step.id, step.model_dump_json(exclude_none=True))
            pipeline.expire(key, KEEP_TRACES)
            index_id(pipeline, IdKind(step.subject_kind), step.subject, self._namespace)
        try:
            await pipeline.execute()
        except (RedisError, OSError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error

    async def of_article(self, article_id: str) -> tuple[TraceStep, ...]:
        """Return what was decided about an article, in the order of its way. Raises UnavailableError."""
        return await self._steps("article", article_id)

    async def of_alert(self, alert_id: str) -> tuple[TraceStep, ...]:
        """Return what was decided about an alert, in the order of its way. Raises UnavailableError."""
        return await self._steps("alert", alert_id)

    async def _steps(self, kind: str, subject: str) -> tuple[TraceStep, ...]:
        try:
            rows = await self._client.hvals(f"{self._namespace}:{{outbox}}:trace:{kind}:{subject}")
        except (RedisError, OSError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error
        steps = (TraceStep.model_validate_json(row) for row in rows)
        return tuple(sorted(steps, key=lambda step: (step.at, _ORDER.index(step.stage))))
