"""`svc_message.domain.push.notification.Targets`, answered by the user service and remembered for a while."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from typing import Final, Generic, TypeVar

from mesh.clock import Clock
from mesh.errors import Code, MeshError
from parley.directory.v1.directory_service_pb2 import (
    ForgetPushTargetRequest,
    GetProfilesRequest,
    ListPushTargetsRequest,
)
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.user.v1 import session_pb2
from svc_message.domain.conversation import DeviceId, UserId
from svc_message.domain.push.notification import PushTarget

V = TypeVar("V")

VALID_S: Final = 30.0
"""How long an answer is believed: a device that says where its notifications go is told of messages within this time.
"""

REMEMBERED: Final = 100_000
"""Users, about 0.5 kB each; those that were asked for longest ago are forgotten."""

ASKED: Final = 500
"""Users of one question, by the contract."""


class DirectoryTargets:
    """Asks UserDirectoryService."""

    def __init__(self, directory: UserDirectoryServiceStub, clock: Clock) -> None:
        self._directory = directory
        self._targets = _Memory[tuple[PushTarget, ...]](clock)
        self._names = _Memory[str](clock)

    async def of(self, user_ids: Collection[UserId]) -> dict[UserId, tuple[PushTarget, ...]]:
        """See the port."""
        for some in _pieces(self._targets.unknown(user_ids)):
            answer = await self._ask(some)
            self._targets.remember({user_id: answer.get(user_id, ()) for user_id in some})
        known = {user_id: self._targets.get(user_id) for user_id in user_ids}
        return {user_id: targets for user_id, targets in known.items() if targets}

    async def forget(self, user_id: UserId, target: PushTarget) -> None:
        """See the port."""
        dead = session_pb2.PushTarget(
            device_id=target.device_id,
            provider=session_pb2.PushProvider.ValueType(target.provider),
            token=target.token,
        )
        try:
            await self._directory.ForgetPushTarget(ForgetPushTargetRequest(user_id=user_id, target=dead))
        except MeshError as error:
            if error.code is not Code.UNIMPLEMENTED:  # an older user service, during a deployment
                raise
        self._targets.forget(user_id)

    async def names(self, user_ids: Collection[UserId]) -> dict[UserId, str]:
        """See the port."""
        try:
            for some in _pieces(self._names.unknown(user_ids)):
                answer = await self._directory.GetProfiles(GetProfilesRequest(user_ids=some))
                found = {UserId(one.user_id): one.display_name for one in answer.profiles}
                self._names.remember({user_id: found.get(user_id, "") for user_id in some})
        except MeshError:
            pass  # a notification without a name is better than none
        known = {user_id: self._names.get(user_id) for user_id in user_ids}
        return {user_id: name for user_id, name in known.items() if name}

    async def _ask(self, user_ids: Sequence[UserId]) -> dict[UserId, tuple[PushTarget, ...]]:
        try:
            answer = await self._directory.ListPushTargets(ListPushTargetsRequest(user_ids=user_ids))
        except MeshError as error:
            if error.code is Code.UNIMPLEMENTED:  # an older user service, during a deployment
                return {}
            raise
        return {UserId(one.user_id): tuple(map(_target, one.targets)) for one in answer.users}


class _Memory(Generic[V]):
    """Answers by user, each for VALID_S."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[UserId, tuple[float, V]] = OrderedDict()

    def unknown(self, user_ids: Collection[UserId]) -> list[UserId]:
        now = self._clock.monotonic()
        return [user_id for user_id in user_ids if user_id not in self._known or self._known[user_id][0] <= now]

    def remember(self, answers: dict[UserId, V]) -> None:
        ends = self._clock.monotonic() + VALID_S
        for user_id, value in answers.items():
            self._known.pop(user_id, None)
            self._known[user_id] = ends, value
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, user_id: UserId) -> None:
        self._known.pop(user_id, None)

    def get(self, user_id: UserId) -> V | None:
        found = self._known.get(user_id)
        return found[1] if found else None


def _target(one: session_pb2.PushTarget) -> PushTarget:
    return PushTarget(DeviceId(one.device_id), one.provider, one.token, one.app_id, one.hide_content)


def _pieces(user_ids: Sequence[UserId]) -> Iterator[Sequence[UserId]]:
    return (user_ids[start : start + ASKED] for start in range(0, len(user_ids), ASKED))
