"""An SMTP relay that fails at every step of the conversation, and remembers what it took."""

import asyncio
import contextlib
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.policy import default

from tests.chaos.audit import Fate, Kind
from tests.chaos.plan import Fault, Stage, item_in
from tests.chaos.register import Register, closed, now, until_gone

CONTENT_LINES = 5  # what it reads of a message that it will not finish
STAGES = {stage.value: stage for stage in Stage}
REPLIES = {
    "MAIL": "250 2.1.0 sender ok",
    "RCPT": "250 2.1.5 recipient ok",
    "RSET": "250 2.0.0 reset",
    "NOOP": "250 2.0.0 ok",
}


class _HangUpError(Exception):
    """The relay closes the connection."""


@dataclass
class _Conversation:
    """One SMTP connection."""

    register: Register
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    recipients: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._fault = self.register.plan.stage_fault(self.register.connection())

    async def hold(self) -> None:
        """Talk until either side ends it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, _HangUpError):
            try:
                if not await self._fails(Stage.GREETING):
                    await self._say("220 relay.chaos.example ready")
                while line := await self.reader.readline():
                    await self._obey(line.decode("utf-8", "replace").strip())
            finally:
                await closed(self.writer)

    async def _obey(self, line: str) -> None:
        verb = line[:4].upper()
        if verb in STAGES and await self._fails(STAGES[verb]):
            return
        if verb in {"EHLO", "HELO"}:
            await self._say("250-relay.chaos.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 10000000")
        elif verb == "DATA":
            await self._say("354 go ahead")
            await self._take(await self._content())
        elif verb == "QUIT":
            await self._say("221 2.0.0 bye")
            raise _HangUpError
        elif verb in REPLIES:
            if verb == "RCPT":
                self.recipients.append(line[line.index("<") + 1 : line.index(">")])
            elif verb in {"MAIL", "RSET"}:
                self.recipients.clear()
            await self._say(REPLIES[verb])
        else:
            await self._say("502 5.5.1 what?")

    async def _fails(self, stage: Stage) -> bool:
        """Fail here if that is planned; True if the command has been answered so."""
        if self._fault is None or self._fault[0] is not stage:
            return False
        code = self._fault[1]
        self._fault = self._fault if stage is Stage.RCPT else None  # every recipient alike
        self.register.serve_stage(f"{stage.value}: {code or 'closes'}")
        if code == 0:
            raise _HangUpError
        if code >= 500:
            self.register.note(Kind.EMAIL, None, None, "", Fate.REFUSED, now())
        await self._say(f"{code} {code // 100}.3.0 not now")
        if code == 421 or stage is Stage.GREETING:
            raise _HangUpError
        return True

    async def _content(self) -> bytes:
        lines: list[bytes] = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                raise _HangUpError
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            if len(lines) == CONTENT_LINES:
                await self._fails(Stage.CONTENT)
        return b"".join(lines)

    async def _take(self, content: bytes) -> None:
        at = now()
        message = email.message_from_bytes(content, policy=default)
        item = item_in(str(message["Subject"]))
        assert item is not None, content[:500]
        fault = self.register.read(Kind.EMAIL, item, self.recipients[0])
        key = str(message["Message-ID"]).strip("<>").partition("@")[0]
        left = {Fault.BUSY, Fault.ERROR, Fault.CLOSE}
        fate = Fate.LEFT if fault in left else Fate.REFUSED if fault is Fault.REFUSED else Fate.TAKEN
        for recipient in self.recipients:
            self.register.note(Kind.EMAIL, item, key, recipient, fate, at)
        await self._answer(fault, item)

    async def _answer(self, fault: Fault, item: int) -> None:
        match fault:
            case Fault.CLOSE | Fault.CLOSE_TAKEN:
                raise _HangUpError
            case Fault.HANG:
                await until_gone(self.reader)
                raise _HangUpError
            case Fault.SLOW:
                await asyncio.sleep(self.register.plan.slowness(Kind.EMAIL, item))
                await self._say("250 2.0.0 taken")
            case Fault.BUSY:
                await self._say("451 4.3.0 come again")
            case Fault.ERROR:
                await self._say("452 4.2.2 no room")
            case Fault.REFUSED:
                await self._say("554 5.7.1 never")
            case Fault.GARBLED:
                await self._say("what a fine message")
            case _:
                await self._say("250 2.0.0 taken")

    async def _say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()


@asynccontextmanager
async def serving_smtp(register: Register) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port on 127.0.0.1."""
    conversations: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_Conversation(register, reader, writer).hold())
        conversations.add(task)
        task.add_done_callback(conversations.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
