"""What one user has: one object of each kind that an RPC can name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parley.access.v1 import access_pb2
from parley.group.v1 import group_pb2
from parley.media.v1 import media_pb2, media_service_pb2
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from parley_sdk import body_of, direct_id
from tests import files
from tests.journeys.people import Device, People, unique
from tests.journeys.raw import open_channel

LATER_MS: Final = 3_600_000
NOBODY: Final = "0" * 15
"""The rest of an id that nothing has."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """Ids of what Ann has. Bob is in her group and in a chat with her."""

    owner: Device
    friend: Device
    group_id: str
    chat_id: str
    post_seq: int
    """Of a post with the picture, in the group and in the chat."""
    media_id: str
    upload_id: str
    """Of an upload that is not complete."""
    session_id: str
    bot_id: str
    bot_token_id: str
    friend_request_id: str
    invitation_id: str
    report_id: str
    assistant_id: str
    """Whom she has asked something, in the group and in their chat."""

    @property
    def named(self) -> Sequence[str]:
        """What belongs to her and to nobody else."""
        return (
            self.group_id,
            self.chat_id,
            self.media_id,
            self.upload_id,
            self.session_id,
            self.bot_token_id,
            self.friend_request_id,
            self.invitation_id,
            self.report_id,
            self.assistant_chat_id,
        )

    @property
    def assistant_chat_id(self) -> str:
        """Her chat with the assistant, where an answer stands."""
        return direct_id(self.owner.user_id, self.assistant_id)


def twins(ids: Sequence[str]) -> Sequence[str]:
    """Ids of the same kinds that nothing has, in the same order."""
    return ["-".join(part[0] + NOBODY for part in one.split("-")) for one in ids]


async def belongings(people: People) -> Belongings:
    """Let Ann have one of each."""
    ann, bob = await people.users("ann", "bob")
    client = ann.client
    settings = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_INVITED)
    group = (await client.groups.create("Closed", [bob.user_id], settings)).group.group_id
    await bob.client.groups.join(group)
    picture = await client.media.upload(files.picture(32, 32, seed=len(group)), name="sea.jpg")
    chat = ann.chat_with(bob)
    await client.send(chat, body_of(picture, "look"))
    post = await client.send(group, body_of(picture, "look"))
    await client.schedule(group, "later", post.sent_at_ms + LATER_MS)
    bot = (await client.bots.create(f"{unique('b')}_bot"[-32:], "Bot")).user.user_id
    assistant = (await client.assistants.list())[0].user_id
    await client.groups.invite(group, [assistant])
    asked = await client.send(direct_id(ann.user_id, assistant), "hello")
    await ann.until_seq(direct_id(ann.user_id, assistant), asked.seq + 1)
    made = await client.bots.create_token(bot, [access_pb2.SCOPE_READ])
    return Belongings(
        owner=ann,
        friend=bob,
        group_id=group,
        chat_id=chat,
        post_seq=post.seq,
        media_id=picture.media_id,
        upload_id=await _begun(people.address, ann),
        session_id=next(one.session_id for one in await client.users.sessions() if one.current),
        bot_id=bot,
        bot_token_id=made.bot_token.token_id,
        friend_request_id=(await bob.client.friends.request(ann.user_id)).friend_request_id,
        invitation_id=(await client.groups.create_link(group)).invitation_id,
        report_id=await client.reports.user(bob.user_id, "rude"),
        assistant_id=assistant,
    )


async def _begun(address: str, device: Device) -> str:
    request = media_service_pb2.CreateUploadRequest(
        request_id=unique("u"),
        purpose=media_pb2.PURPOSE_MESSAGE,
        size_bytes=10,
        sha256=b"\x07" * 32,
        content_type="image/png",
    )
    async with open_channel(address) as channel:
        begun = await MediaServiceStub(channel).CreateUpload(request, metadata=bearer(device.access_token))
    return begun.upload.media_id


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """What goes along with a call of whoever has this token."""
    return (("authorization", f"Bearer {token}"),)
