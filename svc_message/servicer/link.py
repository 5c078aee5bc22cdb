"""The link from a gateway: what its devices send, and what they are answered, in batches both ways."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import Final

from mesh import status, wire
from mesh.caller import Caller
from mesh.errors import MeshError
from mesh.holds import Holds, behind
from mesh.link import Link, Receive, serve
from mesh.stream import Stream
from parley.gateway.v1.frame_pb2 import FrameError, Resumed, ServerFrame
from parley.link.v1.link_service_pb2 import (
    DeviceDigest,
    DeviceFrame,
    DeviceMark,
    DeviceResume,
    DeviceSends,
    DeviceTyping,
    LinkRequest,
    LinkResponse,
)
from parley.message.v1.message_service_pb2 import Send
from svc_message.application.send import Sender
from svc_message.application.send_rate import SendRates, too_fast
from svc_message.application.settle import Settle, overloaded
from svc_message.application.signals import Signals
from svc_message.application.sync.catch_up import Resumed as Answer
from svc_message.application.sync.catch_up import Sync
from svc_message.application.sync.receipts import Receipts
from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId
from svc_message.domain.entry import Appended, Draft
from svc_message.domain.ports import Mark, TypingSignal
from svc_message.servicer import contents, views

MAX_TYPING: Final = 1_000
"""Signals of one link that wait for being told; more are dropped."""

MAX_MARKS: Final = 32
"""Marks of one link that are looked at at the same time: some read the store. Others bound their reads themselves."""


class LinkServicer:
    """The RPC of LinkService: a link that comes over a socket."""

    def __init__(self, links: "GatewayLinks") -> None:
        self._links = links

    async def link(self, stream: Stream, caller: Caller) -> None:
        """Serve a gateway until it goes."""
        await serve(stream, self._links.accept)


class GatewayLinks:
    """All links from gateways, over sockets and in this process."""

    def __init__(
        self, sender: Sender, receipts: Receipts, signals: Signals, sync: Sync, holds: Holds, rates: SendRates
    ) -> None:
        self._sender = sender
        self._rates = rates
        self._receipts = receipts
        self._signals = signals
        self._sync = sync
        self._holds = holds

    def accept(self, link: Link) -> Receive:
        """Take a new link; return what takes its batches."""
        made = GatewayLink(link, self._sender, self._receipts, self._signals, self._sync, self._holds, self._rates)
        return made.receive


class GatewayLink:
    """One link."""

    def __init__(
        self,
        link: Link,
        sender: Sender,
        receipts: Receipts,
        signals: Signals,
        sync: Sync,
        holds: Holds,
        rates: SendRates,
    ) -> None:
        self._answers = Answers(link, holds)
        self._holds = holds
        self._rates = rates
        self._sender = sender
        self._receipts = receipts
        self._signals = signals
        self._sync = sync
        self._slots = asyncio.Semaphore(MAX_MARKS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._typing: list[DeviceTyping] = []

    def receive(self, batch: bytes) -> None:
        """Take what devices say. Sends are judged at once; what reads the store goes its own way."""
        request = LinkRequest.FromString(batch)
        for one in request.sends:
            self._receive_sends(one)
        self._receive_others(request)

    def _receive_sends(self, given: DeviceSends) -> None:
        ref, user_id, device_id = given.ref, UserId(given.user_id), DeviceId(given.device_id)
        if self._sender.full:
            self._sender.turn_away(len(given.frame.sends))
            self._answers.refuse_all(ref, given.frame.sends, device_id, overloaded())
            return
        settle = partial(self._answers.settle, ref)
        draft_of = contents.text if given.plain else contents.from_device
        for send in self._in_time(ref, user_id, device_id, given.frame.sends):
            try:
                draft = draft_of(send, user_id, device_id)
            except MeshError as error:
                self._answers.refuse(ref, send.conversation_id, send.client_message_id, error)
            else:
                self._submit(draft, settle)

    def _in_time(self, ref: int, user_id: str, device_id: str, sends: Sequence[Send]) -> Sequence[Send]:
        """The sends that come in time; the others are told to come again."""
        taken, wait = self._rates.take(user_id, len(sends))
        if taken < len(sends):
            self._answers.refuse_all(ref, sends[taken:], device_id, too_fast(wait))
        return sends[:taken] if taken < len(sends) else sends

    def _submit(self, draft: Draft, settle: Settle) -> None:
        """Hand a draft on, unless it would overtake one that was told to come again."""
        if self._holds.held and self._behind(draft):
            settle(draft, behind())
        else:
            self._sender.submit(draft, settle)

    def _behind(self, draft: Draft) -> bool:
        return self._holds.blocks(_pipeline(draft.conversation_id, draft.device_id), draft.client_message_id)

    def _receive_others(self, request: LinkRequest) -> None:
        for mark in request.reads:
            self._start(self._in_slot(self._mark(mark, "reads")))
        for mark in request.received:
            self._start(self._in_slot(self._mark(mark, "received")))
        if request.typing:
            shown = bool(self._typing)
            self._typing += request.typing[: MAX_TYPING - len(self._typing)]
            if not shown:
                self._start(self._show_typing())
        for resume in request.resumes:
            self._start(self._resume(resume))
        if request.digests:
            self._start(_quietly(self._compare(request.digests)))

    async def _show_typing(self) -> None:
        """One after the other: who stopped must not begin again because of an older word."""
        while self._typing:
            one = self._typing[0]
            signal = TypingSignal(one.typing.conversation_id, one.user_id, one.typing.stopped)
            await _quietly(self._signals.typing(signal))
            self._typing.pop(0)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_slot(self, work: Awaitable[None]) -> None:
        async with self._slots:
            await work

    async def _mark(self, given: DeviceMark, field: str) -> None:
        read, received = (given.seq, 0) if field == "reads" else (0, given.seq)
        mark = Mark(ConversationId(given.conversation_id), UserId(given.user_id), Seq(read), Seq(received))
        try:
            await self._receipts.note(mark, given.device_id)
        except MeshError as error:
            refusal = FrameError(field=field, conversation_id=given.conversation_id, error=status.in_frame(error))
            self._answers.frame(given.ref, ServerFrame(errors=[refusal]).SerializeToString())

    async def _resume(self, given: DeviceResume) -> None:
        try:
            answer = await self._sync.resume(UserId(given.user_id), views.positions(given.resume.positions))
        except MeshError as error:
            refusal = FrameError(field="resume", error=status.in_frame(error))
            self._answers.frame(given.ref, ServerFrame(errors=[refusal]).SerializeToString())
            return
        entries = wire.repeated(ServerFrame.ENTRIES_FIELD_NUMBER, answer.entries)
        self._answers.frame(given.ref, entries + _resumed(answer).SerializeToString(), entries=len(answer.entries))

    async def _compare(self, given: Sequence[DeviceDigest]) -> None:
        """All that came together: they share one look at the store."""
        digests = await self._sync.digests([UserId(one.user_id) for one in given])
        for one, digest in zip(given, digests, strict=True):
            if digest not in (None, one.digest):
                self._answers.stale(one.ref)


class Answers:
    """Collects the answers of one turn of the loop, and sends one frame a session for all of them."""

    def __init__(self, link: Link, holds: Holds) -> None:
        self._link = link
        self._holds = holds
        self._results: dict[int, ServerFrame] = {}

    def settle(self, ref: int, draft: Draft, outcome: Appended | MeshError) -> None:
        """Answer a send."""
        if isinstance(outcome, MeshError):
            if outcome.retry_after:
                self._holds.refused(_pipeline(draft.conversation_id, draft.device_id), draft.client_message_id)
            self.refuse(ref, draft.conversation_id, draft.client_message_id, outcome)
            return
        result = self._of(ref).results.add(
            conversation_id=draft.conversation_id,
            client_message_id=draft.client_message_id,
            seq=outcome.seq,
            sent_at_ms=outcome.sent_at_ms,
        )
        if outcome.duplicate:
            result.duplicate = True
        if outcome.replaced:
            result.replaced = True

    def refuse(self, ref: int, conversation_id: str, client_message_id: int, error: MeshError) -> None:
        """Answer a send with an error."""
        self._of(ref).results.add(
            conversation_id=conversation_id, client_message_id=client_message_id, error=status.in_frame(error)
        )

    def refuse_all(self, ref: int, sends: Iterable[Send], device_id: str, error: MeshError) -> None:
        """Tell sends of a device to come again, for as little as possible: the node has too much to do."""
        results, refusal = self._of(ref).results, status.in_frame(error)
        for send in sends:
            self._holds.refused(_pipeline(send.conversation_id, device_id), send.client_message_id)
            results.add(conversation_id=send.conversation_id, client_message_id=send.client_message_id, error=refusal)

    def frame(self, ref: int, frame: bytes, *, entries: int = 0) -> None:
        """Answer with an encoded server frame."""
        self._send(DeviceFrame(ref=ref, frame=frame, entries=entries))

    def stale(self, ref: int) -> None:
        """Say that a digest did not match."""
        self._send(DeviceFrame(ref=ref, stale=True))

    def _of(self, ref: int) -> ServerFrame:
        """The answer of a session that is being collected."""
        if not self._results:
            asyncio.get_running_loop().call_soon(self._flush)
        frame = self._results.get(ref)
        if frame is None:
            frame = self._results[ref] = ServerFrame()
        return frame

    def _flush(self) -> None:
        results, self._results = self._results, {}
        for ref, frame in results.items():
            self._send(DeviceFrame(ref=ref, frame=frame.SerializeToString(), settled=len(frame.results)))

    def _send(self, frame: DeviceFrame) -> None:
        """Hand one frame over: the link joins what waits, and cuts it where it grows too long for one message.

        A link that went down answers nobody: the gateway tells its devices to send again.
        """
        try:
            self._link.send(wire.field(LinkResponse.FRAMES_FIELD_NUMBER, frame.SerializeToString()))
        except MeshError:
            return


def _pipeline(conversation_id: str, device_id: str) -> tuple[str, str]:
    """What keeps its order: the messages of one device in one conversation."""
    return conversation_id, device_id


def _resumed(answer: Answer) -> ServerFrame:
    outcome = Resumed.Outcome.OUTCOME_RESUMED
    if answer.behind:
        outcome = Resumed.Outcome.OUTCOME_PARTIAL
    if answer.reset:
        outcome = Resumed.Outcome.OUTCOME_RESET
    resumed = Resumed(
        outcome=outcome,
        states=views.states(answer.states),
        reset_reason="the device knows more than the log" if answer.reset else "",
        reset_conversation_ids=answer.reset,
        incomplete=answer.incomplete,
    )
    return ServerFrame(resumed=resumed)


async def _quietly(work: Awaitable[None]) -> None:
    """For signals and comparisons: nobody waits for an answer, and the next one comes soon."""
    try:
        await work
    except MeshError:
        return
