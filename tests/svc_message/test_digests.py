"""Digests of many devices at once."""

from pathlib import Path

from svc_message.application.sync.catch_up import weight
from svc_message.domain.conversation import UserId
from tests.svc_message.remembering import ANN, BOB, CHAT, row, two_nodes


async def test_digests_of_many_are_those_of_each(tmp_path: Path) -> None:
    """Users who were seen, users who were not and users whom nobody knows are told apart, with what others wrote."""
    async with two_nodes(tmp_path) as (ours, theirs):
        await ours.log.append([row(CHAT, 1)])
        await ours.sync.resume(ANN, ())
        await theirs.log.append([row(CHAT, 2)])
        stranger = UserId("u000000000000zzz")
        assert await ours.sync.digests([ANN, BOB, stranger]) == [weight(CHAT) * 2 % 2**64] * 2 + [0]
