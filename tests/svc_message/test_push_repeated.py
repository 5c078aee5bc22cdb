"""What could not be carried at once is carried later, or written down for an operator."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from svc_message.application.push.latest import WAITED_MS
from tests.svc_message import push_scene
from tests.svc_message.device import direct, edit, post, recall
from tests.svc_message.operator import letters
from tests.svc_message.push_scene import counted, phone, pushing
from tests.svc_message.receiver import Hook
from tests.svc_message.world import World

mesh = push_scene.mesh


async def test_a_carrier_that_stumbles_is_tried_again(mesh: World, carrier: Hook) -> None:
    """After 503 the same notification comes again, with the same id, and a redirect is not followed."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    carrier.answers = [503, 302]
    await ann.post(direct(ann, bob))
    await carrier.until(lambda: carrier.bodies)
    assert len({told["notificationId"] for told in carrier.tried}) == 1
    assert (len(carrier.tried), carrier.followed) == (3, False)


async def test_what_cannot_be_carried_is_written_down_and_told_again(mesh: World, carrier: Hook) -> None:
    """A refused notification is a dead letter without text or token, which goes out when somebody wishes it."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    carrier.answers = [400]
    await ann.post(direct(ann, bob), "the words")
    await counted(mesh, "refused")
    listed = await letters(mesh, "list")
    assert f"push/{direct(ann, bob)}/1/{bob.user_id}  HTTP_400" in listed
    assert "words" not in listed + mesh.log.getvalue()
    assert "token of" not in listed + mesh.log.getvalue()
    assert "1 to be sent again" in await letters(mesh, "again", "push/all")
    await carrier.until(lambda: carrier.bodies)
    assert carrier.bodies[0]["text"] == "the words"
    assert await letters(mesh, "list") == ""


async def test_a_recalled_post_is_not_told_again(mesh: World, carrier: Hook) -> None:
    """A dead letter of a post that was taken back goes nowhere."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    chat = direct(ann, bob)
    carrier.answers = [400]
    seq = await ann.post(chat)
    await counted(mesh, "refused")
    await ann.seqs(recall(chat, seq))
    await letters(mesh, "again", "push/all")
    async with asyncio.timeout(10):
        while await letters(mesh, "list"):  # noqa: ASYNC110 - another process takes it
            await asyncio.sleep(0.1)
    await ann.post(chat, "another")
    await carrier.until(lambda: carrier.bodies)
    assert [told["text"] for told in carrier.bodies] == ["another"]


async def test_for_development_it_is_written_down_that_somebody_is_told(tmp_path: Path) -> None:
    """With `log://` nothing leaves: a line says who would be told and how, without the text, the name and the token."""
    with capture_logs() as logs:
        async with pushing(tmp_path, "log://") as mesh:
            ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
            await ann.post(direct(ann, bob), "the words")
            await counted(mesh, "carried")
    [line] = [one for one in logs if one["event"] == "push"]
    assert (line["user"], line["device"], line["badge"]) == (bob.user_id, bob.device_id, 1)
    assert not {"the words", "Ann", "token of Bob"} & set(map(str, line.values()))


async def test_what_changed_while_the_carrier_was_away_is_told_as_it_is(mesh: World, carrier: Hook) -> None:
    """Of what waited, a post that was recalled is not told, of an edited one the new words, and the badge is right."""
    ann, bob, eve = await phone(mesh, "Ann").connect(), phone(mesh, "Bob"), phone(mesh, "Eve")
    of_bob, of_eve = direct(ann, bob), direct(ann, eve)
    carrier.refuse = lambda _: 503
    await ann.seqs(post(of_bob, "helo"), post(of_bob, "my secret"), post(of_eve, "my secret"))
    await carrier.until(lambda: len({one["userId"] for one in carrier.tried}) == 2)
    await ann.seqs(edit(of_bob, 1, "hello"), recall(of_bob, 2), recall(of_eve, 1))
    mesh.clock.advance(WAITED_MS / 1_000 + 1)
    await carrier.until(lambda: any(one["text"] == "hello" for one in carrier.tried))
    await counted(mesh, "read")
    carrier.refuse = lambda _: 200
    await carrier.until(lambda: carrier.bodies)
    assert [(one["text"], one["seq"], one["badge"]) for one in carrier.bodies] == [("hello", "1", 1)]
