"""Runs Lua scripts in Valkey; those asked for while others are on their way travel together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

# So many scripts go to the server at once: a poll must not wait long for the polls of others.
MAX_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name the server knows it by."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> "Script":
        """Return the script of this text."""
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class _Asked:
    script: Script
    arguments: Sequence[Any]
    answer: asyncio.Future[Any]


class ScriptRunner:
    """One round trip at a time, each with all that was asked for during the one before."""

    def __init__(self, valkey: Redis) -> None:
        self._valkey: Any = valkey
        self._asked: list[_Asked] = []
        self._sending: asyncio.Task[None] | None = None

    async def run(self, script: Script, *arguments: Any) -> Any:
        """Return what the script answers. Raises RedisError, OSError."""
        asked = _Asked(script, arguments, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await asked.answer

    async def _send(self) -> None:
        while self._asked:
            batch, self._asked = self._asked[:MAX_TOGETHER], self._asked[MAX_TOGETHER:]
            try:
                await self._exchange(batch)
            except (RedisError, OSError) as error:
                _fail(batch, error)
            except BaseException:
                _fail(batch, OSError("the connection to the store was given up"))
                raise

    async def _exchange(self, batch: Sequence[_Asked]) -> None:
        answers = await self._answers(batch)
        unknown = [asked for asked, answer in zip(batch, answers, strict=True) if isinstance(answer, NoScriptError)]
        if unknown:  # a server that was restarted; what it does not know it has not run
            for text in {asked.script.text for asked in unknown}:
                await self._valkey.script_load(text)
            again = iter(await self._answers(unknown))
            answers = [next(again) if isinstance(answer, NoScriptError) else answer for answer in answers]
        for asked, answer in zip(batch, answers, strict=True):
            if asked.answer.done():  # whoever asked was cancelled
                continue
            if isinstance(answer, Exception):
                asked.answer.set_exception(answer)
            else:
                asked.answer.set_result(answer)

    async def _answers(self, batch: Sequence[_Asked]) -> list[Any]:
        if len(batch) == 1:
            try:
                return [await self._valkey.evalsha(batch[0].script.sha, 0, *batch[0].arguments)]
            except NoScriptError as error:
                return [error]
        async with self._valkey.pipeline(transaction=False) as together:
            for asked in batch:
                together.evalsha(asked.script.sha, 0, *asked.arguments)
            answers: list[Any] = await together.execute(raise_on_error=False)
        return answers


def _fail(batch: Sequence[_Asked], error: Exception) -> None:
    for asked in batch:
        if not asked.answer.done():
            asked.answer.set_exception(error)
