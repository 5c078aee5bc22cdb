"""Device streams of bots."""

from collections.abc import Iterable

from mesh import keys
from mesh.errors import Code
from parley.access.v1.access_pb2 import SCOPE_MANAGE_GROUPS, SCOPE_READ, SCOPE_WRITE
from parley.gateway.v1.frame_pb2 import ClientFrame, Hello
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.world import World


def token(mesh: World, bot: Device, scopes: Iterable[int]) -> str:
    """An access token of a bot."""
    signer = keys.signer(mesh.folder, "access", mesh.clock)
    return signer.access(bot.user_id, bot.device_id, bot.session_id, scopes=scopes).token


async def test_a_bot_with_both_scopes_reads_and_writes(mesh: World) -> None:
    """Its stream is like anybody's: what is written to it comes, and what it writes is kept."""
    bot = new_device(mesh)
    await bot.connect(token=token(mesh, bot, [SCOPE_READ, SCOPE_WRITE]))
    ann = await new_device(mesh).connect()
    chat = direct(ann, bot)
    assert await ann.seqs(post(chat)) == [1]
    await bot.entry(chat, 1)
    assert await bot.seqs(post(chat)) == [2]


async def test_a_bot_that_lacks_a_scope_gets_no_stream(mesh: World) -> None:
    """Reading alone, writing alone, and neither: PERMISSION_DENIED, before anything is read for it."""
    for scopes in ([SCOPE_READ], [SCOPE_WRITE], [SCOPE_MANAGE_GROUPS], []):
        bot = new_device(mesh)
        hello = Hello(access_token=token(mesh, bot, scopes), protocol_version=1)
        await bot.open(ClientFrame(hello=hello))
        end = await bot.ended()
        assert (end.code, end.reason) == (Code.PERMISSION_DENIED, "SCOPE_REQUIRED")


async def test_a_stream_is_not_renewed_with_less(mesh: World) -> None:
    """A fresh token without the scopes is refused, and the stream goes on with the one that it has."""
    bot = new_device(mesh)
    await bot.connect(token=token(mesh, bot, [SCOPE_READ, SCOPE_WRITE]))
    await bot.say(ClientFrame(access_token=token(mesh, bot, [SCOPE_READ])))
    [refused] = await bot.until(lambda: bot.received.errors)
    assert (refused.field, refused.error.reason) == ("access_token", "SCOPE_REQUIRED")
    assert await bot.seqs(post(f"{bot.user_id}-{bot.user_id}")) == [1]
