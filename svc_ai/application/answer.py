"""Answer one question: write, show and append, so that whoever asked always sees an end."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from mesh.errors import Code, MeshError
from svc_ai.application.budget import PAUSE_SECONDS, Budget, Verdict
from svc_ai.application.cancel import Live, Running
from svc_ai.application.show import Pace, Presenter
from svc_ai.application.stand import Standing
from svc_ai.application.usage import Metering
from svc_ai.application.write import Draft, Writer
from svc_ai.domain.assistant import Assistant
from svc_ai.domain.entry import Entry, EntryKind
from svc_ai.domain.ports import Journal, Log
from svc_ai.domain.prompt import Frame, compose
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Answer, Ending, Failed, Failure, Finish, Finished, Reply, Step, Usage

MAX_ATTEMPTS: Final = 3
"""Beginnings of one answer. A question that ended the process so often is answered with a failure."""

RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)
"""Waits between attempts to append while the message service is away; the last one repeats."""

TRANSIENT: Final = frozenset(
    {
        Code.CANCELLED,
        Code.UNKNOWN,
        Code.DEADLINE_EXCEEDED,
        Code.RESOURCE_EXHAUSTED,
        Code.ABORTED,
        Code.INTERNAL,
        Code.UNAVAILABLE,
        Code.UNAUTHENTICATED,
    }
)
"""What may pass by itself; other codes say that this answer will never be taken."""

WITHDRAWN: Final = Ending(Finish.CANCELLED, Failure.CANCELLED)
"""Nothing is left of it."""

TOO_MANY: Final = f"That was a lot at once. Please ask again in {PAUSE_SECONDS:.0f} seconds."
SPENT: Final = "Your budget of today for assistants is used up. It begins again at midnight UTC."


@dataclass(frozen=True, slots=True)
class Question:
    """A post that is owed an answer, and what was said before. `attempt` is 1 unless a process crashed over it.

    `asked_by` is who wants the answer, and `again` how often the post was answered anew before.
    """

    assistant: Assistant
    entry: Entry
    history: tuple[Entry, ...]
    asked_by: str
    attempt: int = 1
    again: int = 0
    frame: Frame = Frame()


class Answering:
    """Answers questions. Each gets one entry, whatever happens to the model or to this process."""

    def __init__(
        self,
        log: Log,
        writer: Writer,
        running: Running,
        standing: Standing,
        *,
        budget: Budget,
        metering: Metering,
        journal: Journal,
        clock: Clock,
        pace: Pace,
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._log = log
        self._writer = writer
        self._running = running
        self._standing = standing
        self._budget = budget
        self._metering = metering
        self._journal = journal
        self._clock = clock
        self._pace = pace
        self._spawn = spawn

    async def answer(self, question: Question) -> None:
        """Return when the answer is in the log, or when there will be none."""
        reply = self._reply(question)
        if not await self._standing.stands(reply):
            if question.attempt > 1:
                await self._tell_withdrawn(reply)
            return
        # Who has it answered anew was counted when they asked for that.
        verdict = Verdict.ANSWER if question.again else self._budget.ask(question.asked_by)
        if verdict is Verdict.IGNORE:
            return
        live = self._running.begin(reply)  # devices know of it from the first step on, and may stop it then
        presenter = Presenter(reply, self._log.show, self._clock, self._pace, again=question.attempt > 1)
        self._spawn(presenter.run())
        try:
            presenter.end(await self._answer(question, live, presenter, verdict))
        except Exception:
            presenter.end(Failed(Failure.INTERNAL))
            raise
        finally:
            self._running.end(reply)

    async def withdraw(self, assistant_id: str, entry: Entry) -> None:
        """Tell devices that no more comes of an answer that was begun, unless it is in the log."""
        reply = Reply(assistant_id, entry.conversation_id, entry.seq, entry.sender_id, self._clock.now_ms())
        if not await self._find(reply):
            await self._tell_withdrawn(reply)

    async def _tell_withdrawn(self, reply: Reply) -> None:
        with contextlib.suppress(MeshError):  # what is shown may be lost
            await self._log.show(Step(reply, self._clock.now_ms(), Failed(Failure.CANCELLED)))

    async def _answer(
        self, question: Question, live: Live, presenter: Presenter, verdict: Verdict
    ) -> Finished | Failed:
        reply = live.reply
        began = self._clock.monotonic()
        draft = Draft(self._writer.bounds.characters, presenter.changed)
        ending = await self._refusal(reply.asked_by, verdict, draft)
        if ending is None:
            presenter.follow(draft)
            ending = await self._write(question, live, draft)
            self._running.end(reply)  # what is written to its end cannot be stopped any more
            await self._count(reply, draft)
        self._journal.ended(reply, ending.finish.value, self._clock.monotonic() - began)
        return await self._close(reply, draft, ending, question.frame.wishes.model)

    async def _refusal(self, user_id: str, verdict: Verdict, draft: Draft) -> Ending | None:
        """Write why it is too much, if it is. Either is said once in a while, and not to each question."""
        if verdict is Verdict.REFUSE:
            return _refused(draft, TOO_MANY, PAUSE_SECONDS)
        try:
            await self._metering.check(user_id)
        except MeshError as error:
            if error.reason != Reason.BUDGET_EXHAUSTED:
                raise
            self._budget.pause(user_id)
            return _refused(draft, SPENT, error.retry_after or PAUSE_SECONDS)
        return None

    async def _count(self, reply: Reply, draft: Draft) -> None:
        """Nobody pays for a model that was away."""
        if draft.text or draft.usage != Usage():
            await self._metering.count(reply.asked_by, draft.usage)

    def _reply(self, question: Question) -> Reply:
        entry, now_ms = question.entry, self._clock.now_ms()
        assistant_id, asked_by = question.assistant.user_id, question.asked_by
        return Reply(assistant_id, entry.conversation_id, entry.seq, asked_by, now_ms, question.again)

    async def _write(self, question: Question, live: Live, draft: Draft) -> Ending:
        reply = live.reply
        if live.stop.is_set():
            return WITHDRAWN
        if question.attempt > MAX_ATTEMPTS:
            return Ending(Finish.FAILED, Failure.INTERNAL)
        prompt = compose(
            question.assistant.profile, reply.assistant_id, question.entry, question.history, question.frame
        )
        withdrawing = asyncio.create_task(self._withdraw(live))
        try:
            ending = await self._writer.write(prompt, draft, live.stop)
        finally:
            withdrawing.cancel()
        return WITHDRAWN if live.withdrawn.is_set() else ending

    async def _withdraw(self, live: Live) -> None:
        await self._standing.until_withdrawn(live.reply)
        live.withdrawn.set()
        live.stop.set()

    async def _close(self, reply: Reply, draft: Draft, ending: Ending, model: str) -> Finished | Failed:
        """Append what there is, and say so: nothing if it was withdrawn, or cancelled before its first word."""
        if ending.failure is Failure.CANCELLED:
            return Failed(Failure.CANCELLED)
        wrote = draft.usage.model or model or self._writer.model.name
        answer = Answer(reply, draft.text, ending.finish, wrote, draft.usage)
        seq = await self._append(answer)
        if not seq:
            return Failed(Failure.CANCELLED)
        if ending.failure and (not draft.text or ending.failure is Failure.BUDGET_EXHAUSTED):
            return Failed(ending.failure, seq, ending.retry_after)
        return Finished(seq, ending.finish)

    async def _append(self, answer: Answer) -> int:
        """The seq of the answer; 0 when the log will not take it, as from one who was removed or muted meanwhile."""
        attempt = 0
        while True:
            try:
                return await self._log.append(answer)
            except MeshError as error:
                if error.reason == Reason.MESSAGE_ID_CONFLICT:
                    return await self._find(answer.reply)
                self._journal.failed("append", error)
                if error.code not in TRANSIENT:
                    return 0
            await self._clock.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1

    async def _find(self, reply: Reply) -> int:
        """The seq of the answer that an earlier process appended, with other words; 0 when it is not near."""
        try:
            page = await self._log.read(reply.assistant_id, reply.conversation_id, reply.in_reply_to_seq, 500)
        except MeshError:
            return 0
        mine = (entry for entry in page.entries if answers(entry, reply.assistant_id, reply.in_reply_to_seq))
        return next((entry.seq for entry in mine if entry.reply_id == reply.id), 0)


def answers(entry: Entry, assistant_id: str, seq: int) -> bool:
    """Whether this entry is the assistant's answer to the entry at `seq`."""
    return entry.kind is EntryKind.REPLY and entry.sender_id == assistant_id and entry.target_seq == seq


def _refused(draft: Draft, why: str, retry_after: float) -> Ending:
    draft.take(why)
    draft.close()
    return Ending(Finish.FAILED, Failure.BUDGET_EXHAUSTED, retry_after)
