"""Steps about groups: who waits to be let in, and what is said to them."""

import random

from parley.message.v1 import notice_pb2
from tests.walk import rules
from tests.walk.grouping import come, other_than, settle, some_of
from tests.walk.model import MEMBER
from tests.walk.walk import Act, Walk
from tests.walk.wire import joined


def answer(walk: Walk, rng: random.Random) -> Act | None:
    """Let someone in who asked, or refuse; now and then someone about whom it was decided, seldom anybody else."""
    asked = [chat for chat in walk.model.groups() if chat.group and (chat.group.knocked or chat.group.decided)]
    some = some_of(walk, rng, 0.9, asked if rng.random() < 0.8 else ())
    if some is None or some[2].group is None:
        return None
    user, device, chat = some
    group, accept = some[2].group, rng.random() < 0.6
    known = group.knocked if group.knocked and rng.random() < 0.7 else group.decided.keys() - {user}
    among = sorted(known, key=walk.model.users.index)
    other = walk.user(rng, among) if among and rng.random() < 0.9 else other_than(walk, rng, user)
    words = f"{walk.name(user)} {'lets' if accept else 'refuses'} {walk.name(other)} into {chat.id}"

    async def run() -> None:
        refusal, fresh = rules.answer(chat, user, other, accept=accept), other in group.knocked
        await walk.ask(device.client.groups.answer_join_request(chat.id, other, accept=accept), refusal, words)
        if refusal or not fresh:
            return
        if not accept:
            group.settle(other, accepted=False)
            return
        come(chat, other, chat.head + 1)
        cause = notice_pb2.MembershipChange.CAUSE_JOINED
        chat.append("membership", user, told=joined(cause, (other, MEMBER)))
        await settle(walk, chat)

    return Act(frozenset((chat.id,)), words, run)


def decline(walk: Walk, rng: random.Random) -> Act | None:
    """Refuse an invitation; seldom one that there is not."""
    user, groups = walk.user(rng), walk.model.groups()
    invited = [chat for chat in groups if chat.group is not None and user in chat.group.asked]
    if not groups:
        return None
    chat = rng.choice(invited if invited and rng.random() < 0.8 else groups)
    device, group = walk.any_device(user, rng), chat.group
    assert group is not None
    words = f"{walk.name(user)} declines {chat.id}"

    async def run() -> None:
        known = user in group.asked | group.knocked | group.decided.keys()
        await walk.ask(device.client.groups.decline(chat.id), "" if known else "GROUP_NOT_FOUND", words)
        if user in group.asked:
            group.settle(user, accepted=False)

    return Act(frozenset((chat.id,)), words, run)
