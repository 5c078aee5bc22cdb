"""Answer one question: write, show and append, so that whoever asked always sees an end."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from mesh.errors import Code, MeshError
from svc_ai.application.budget import PAUSE_SECONDS, Budget, Verdict
from svc_ai.application.cancel import Running
from svc_ai.application.show import Pace, Presenter
from svc_ai.application.write import Draft, Writer
from svc_ai.domain.assistant import Assistant
from svc_ai.domain.entry import Entry, EntryKind
from svc_ai.domain.ports import Journal, Log
from svc_ai.domain.prompt import compose
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Answer, Ending, Failed, Failure, Finish, Finished, Reply

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

TOO_MANY: Final = f"That was a lot at once. Please ask again in {PAUSE_SECONDS:.0f} seconds."


@dataclass(frozen=True, slots=True)
class Question:
    """A post that is owed an answer, and what was said before. `attempt` is 1 unless a process crashed over it."""

    assistant: Assistant
    entry: Entry
    history: tuple[Entry, ...]
    attempt: int = 1


class Answering:
    """Answers questions. Each gets one entry, whatever happens to the model or to this process."""

    def __init__(
        self,
        log: Log,
        writer: Writer,
        running: Running,
        *,
        budget: Budget,
        journal: Journal,
        clock: Clock,
        pace: Pace,
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._log = log
        self._writer = writer
        self._running = running
        self._budget = budget
        self._journal = journal
        self._clock = clock
        self._pace = pace
        self._spawn = spawn

    async def answer(self, question: Question) -> None:
        """Return when the answer is in the log, or when there will be none."""
        verdict = self._budget.ask(question.entry.sender_id)
        if verdict is Verdict.IGNORE:
            return
        reply = self._reply(question)
        presenter = Presenter(reply, self._log.show, self._clock, self._pace, again=question.attempt > 1)
        self._spawn(presenter.run())
        try:
            presenter.end(await self._answer(question, reply, presenter, verdict))
        except Exception:
            presenter.end(Failed(Failure.INTERNAL))
            raise

    async def _answer(
        self, question: Question, reply: Reply, presenter: Presenter, verdict: Verdict
    ) -> Finished | Failed:
        began = self._clock.monotonic()
        draft = Draft(self._writer.bounds.characters, presenter.changed)
        if verdict is Verdict.REFUSE:
            ending = _refused(draft)
        else:
            presenter.follow(draft)
            ending = await self._write(question, reply, draft)
        self._journal.ended(reply, ending.finish.value, self._clock.monotonic() - began)
        return await self._close(reply, draft, ending)

    def _reply(self, question: Question) -> Reply:
        entry = question.entry
        asked_by = entry.sender_id
        return Reply(question.assistant.user_id, entry.conversation_id, entry.seq, asked_by, self._clock.now_ms())

    async def _write(self, question: Question, reply: Reply, draft: Draft) -> Ending:
        if question.attempt > MAX_ATTEMPTS:
            return Ending(Finish.FAILED, Failure.INTERNAL)
        prompt = compose(question.assistant.profile, reply.assistant_id, question.entry, question.history)
        live = self._running.begin(reply)
        try:
            return await self._writer.write(prompt, draft, live.stop)
        finally:
            self._running.end(reply)

    async def _close(self, reply: Reply, draft: Draft, ending: Ending) -> Finished | Failed:
        """Append what there is, and say so. Cancelled before its first word, there is nothing to append."""
        if ending.failure is Failure.CANCELLED:
            return Failed(Failure.CANCELLED)
        answer = Answer(reply, draft.text, ending.finish, self._writer.model.name, draft.usage)
        seq = await self._append(answer)
        if not seq:
            return Failed(Failure.INTERNAL)
        if ending.failure and (not draft.text or ending.failure is Failure.BUDGET_EXHAUSTED):
            return Failed(ending.failure, seq, ending.retry_after)
        return Finished(seq, ending.finish)

    async def _append(self, answer: Answer) -> int:
        """The seq of the answer; 0 when the log will not take it, such as from one who was removed meanwhile."""
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
        return next((entry.seq for entry in mine), 0)


def answers(entry: Entry, assistant_id: str, seq: int) -> bool:
    """Whether this entry is the assistant's answer to the entry at `seq`."""
    return entry.kind is EntryKind.REPLY and entry.sender_id == assistant_id and entry.target_seq == seq


def _refused(draft: Draft) -> Ending:
    draft.take(TOO_MANY)
    draft.close()
    return Ending(Finish.FAILED, Failure.BUDGET_EXHAUSTED, PAUSE_SECONDS)
