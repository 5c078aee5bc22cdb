"""Client frames held to the limits of the contract, send by send: one bad send must not cost its neighbours."""

from typing import Final

from protovalidate import Validator

from mesh import errors, validation
from mesh.errors import FieldViolation, MeshError, Reason
from parley.gateway.v1.frame_pb2 import ClientFrame
from parley.message.v1.message_service_pb2 import Send
from svc_gateway import domain
from svc_gateway.application.session import Session
from svc_gateway.servicer import frames
from svc_gateway.servicer.plain import MAX_SENDS

MAX_ANSWERED: Final = 1_000
"""Of too many sends in a frame so many are answered one by one."""

UNLIMITED: Final = frozenset(("heartbeat", "taken", "retry_number", "unanswered"))
"""Fields for which the contract sets no limits; a test holds them to it. A frame of an idle device has nothing else."""


class Check:
    """Checks frames before they are dispatched."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator
        # The rules are compiled now, and not while the first device waits.
        validator.collect_violations(ClientFrame())

    def sift(self, session: Session, frame: ClientFrame) -> ClientFrame:
        """The frame, or the good sends of it when something in it is refused; the session is told what and why."""
        if all(field.name in UNLIMITED for field, _ in frame.ListFields()):
            return frame
        if len(frame.sends) > MAX_SENDS:
            return self._refuse_all(session, frame)
        if len(frame.watch_presence.user_ids) > domain.MAX_WATCHED:
            return self._without_watch(session, frame)
        try:
            validation.check(self._validator, frame, first=True)
        except MeshError as error:
            return self._salvage(session, frame, error)
        return frame

    def _refuse_all(self, session: Session, frame: ClientFrame) -> ClientFrame:
        """Nothing of a frame with too many sends: 1 MiB holds half a million, and each would be looked at."""
        text = f"a frame has at most {MAX_SENDS} sends"
        error = errors.invalid(Reason.INVALID_REQUEST, text, FieldViolation("sends", text))
        session.push(frames.refused("sends", error))
        session.push(frames.sends_refused(frame.sends[:MAX_ANSWERED], error))
        return ClientFrame()

    def _without_watch(self, session: Session, frame: ClientFrame) -> ClientFrame:
        """The rest of a frame that wants to watch too many: it is too much, and not wrong."""
        error = domain.watches_too_many(len(frame.watch_presence.user_ids))
        session.push(frames.refused("watch_presence", error))
        rest = ClientFrame()
        rest.CopyFrom(frame)
        rest.ClearField("watch_presence")
        return self.sift(session, rest)

    def _salvage(self, session: Session, frame: ClientFrame, error: MeshError) -> ClientFrame:
        good = [send for send in frame.sends if self._passes(session, send)]
        if len(good) == len(frame.sends):
            session.push(frames.refused(error.fields[0].field, error))
            session.push(frames.sends_refused(good, error))
            return ClientFrame()
        rest = ClientFrame()
        rest.CopyFrom(frame)
        del rest.sends[:]
        rest.sends.extend(good)
        return self.sift(session, rest)

    def _passes(self, session: Session, send: Send) -> bool:
        try:
            validation.check(self._validator, send, first=True)
        except MeshError as error:
            session.push(frames.sends_refused((send,), error))
            return False
        return True
