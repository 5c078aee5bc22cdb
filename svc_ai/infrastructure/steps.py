"""Steps of a reply as the contract has them."""

from typing import Final

from parley.ai.v1 import reply_pb2
from svc_ai.domain.reply import (
    Delta,
    Failed,
    Failure,
    Finish,
    Finished,
    Happening,
    Opened,
    Reply,
    Snapshot,
    Step,
)

REASONS: Final = {
    Finish.COMPLETE: reply_pb2.FINISH_REASON_STOP,
    Finish.CANCELLED: reply_pb2.FINISH_REASON_CANCELLED,
    Finish.TRUNCATED: reply_pb2.FINISH_REASON_LENGTH,
    Finish.FAILED: reply_pb2.FINISH_REASON_INTERRUPTED,
}

FAILURES: Final = {
    Failure.MODEL_UNAVAILABLE: reply_pb2.REPLY_FAILURE_MODEL_UNAVAILABLE,
    Failure.TIMEOUT: reply_pb2.REPLY_FAILURE_TIMEOUT,
    Failure.BUDGET_EXHAUSTED: reply_pb2.REPLY_FAILURE_BUDGET_EXHAUSTED,
    Failure.REFUSED: reply_pb2.REPLY_FAILURE_REFUSED,
    Failure.CANCELLED: reply_pb2.REPLY_FAILURE_CANCELLED,
    Failure.INTERNAL: reply_pb2.REPLY_FAILURE_INTERNAL,
}


def event_of(step: Step) -> reply_pb2.ReplyEvent:
    """The event that shows this step."""
    event = reply_pb2.ReplyEvent(reply_id=step.reply.id, conversation_id=step.reply.conversation_id, step=step.number)
    _fill(event, step.reply, step.happening)
    return event


def _fill(event: reply_pb2.ReplyEvent, reply: Reply, happening: Happening) -> None:
    match happening:
        case Opened():
            event.open.CopyFrom(_open(reply))
        case Delta(offset, text):
            event.delta.CopyFrom(reply_pb2.ReplyDelta(offset=offset, text=text))
        case Snapshot(text):
            event.snapshot.CopyFrom(reply_pb2.ReplySnapshot(open=_open(reply), text=text))
        case Finished():
            event.finish.CopyFrom(_finish(happening))
        case Failed():
            event.failed.CopyFrom(_failed(happening))


def _open(reply: Reply) -> reply_pb2.ReplyOpen:
    return reply_pb2.ReplyOpen(
        assistant_id=reply.assistant_id,
        in_reply_to_seq=reply.in_reply_to_seq,
        asked_by=reply.asked_by,
        started_at_ms=reply.started_at_ms,
        attempt=reply.again,
    )


def _finish(finished: Finished) -> reply_pb2.ReplyFinish:
    # What it cost is for who asked alone, and this goes to everyone.
    return reply_pb2.ReplyFinish(entry_seq=finished.entry_seq, finish_reason=REASONS[finished.finish])


def _failed(failed: Failed) -> reply_pb2.ReplyFailed:
    return reply_pb2.ReplyFailed(
        failure=FAILURES[failed.failure],
        retryable=failed.failure.retryable,
        retry_after_ms=round(failed.retry_after * 1_000),
        entry_seq=failed.entry_seq,
    )
