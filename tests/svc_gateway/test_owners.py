"""Which message node a gateway hands a conversation to, while nodes come, go and do not answer."""

from functools import partial
from pathlib import Path

from mesh.registry import Node
from tests.svc_gateway.test_delivery import accepted
from tests.svc_message.device import direct, new_device, post
from tests.svc_message.world import eventually, process, world


async def test_a_message_node_that_cannot_be_reached_owns_nothing(tmp_path: Path) -> None:
    """A node that was killed is listed for some seconds more: its conversations go to another one at once."""
    async with world(tmp_path) as made, process(made, "message"), process(made, "gateway") as address:
        made.connect(address)
        users = [await new_device(made).connect() for _ in range(8)]
        first, *others = [(user, f"{user.user_id}-{user.user_id}") for user in users]
        await eventually(lambda: accepted(first[0], post(first[1])))
        async with made.backends.registry.register("message", Node("message-9", "killed", "127.0.0.1:1")):
            for user, chat in others:
                assert await accepted(user, post(chat))
        for user in users:
            await user.leave()


async def test_a_message_node_that_comes_lets_no_send_overtake_another(tmp_path: Path) -> None:
    """Who waits for an answer of the present owner says it all again, whoever the owner is now."""
    async with world(tmp_path) as made, process(made, "gateway") as address:
        made.connect(address)
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        mine, chat = f"{ann.user_id}-{ann.user_id}", direct(ann, bob)
        one, two = post(chat, "one"), post(chat, "two")
        async with process(made, "message", number=1):
            await eventually(partial(accepted, ann, post(mine)))
            made.directory.hold.clear()
            await ann.say_only(one)
            async with process(made, "message", number=2):
                await ann.until(lambda: ann.received.retry_unanswered.number)
                assert not bob.received.HasField("retry_unanswered")
                made.directory.hold.set()
                await ann.say_only(one)
                assert await ann.seqs(two) == [2]
        for user in (ann, bob):
            await user.leave()
