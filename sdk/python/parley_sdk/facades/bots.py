from __future__ import annotations

from collections.abc import Iterable

from parley.access.v1 import access_pb2
from parley.bot.v1 import bot_pb2, bot_service_pb2, bot_service_pb2_grpc
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure.calls import Calls


class Bots:
    """The caller's own bots, and the tokens with which programs act as them. For people: a bot has no bots."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def create(self, username: str, name: str = "", description: str = "") -> bot_pb2.Bot:
        """Make a bot; the username ends in `bot`. Reasons: USERNAME_TAKEN, BOT_LIMIT_REACHED (20)."""
        request = bot_service_pb2.CreateBotRequest(
            request_id=new_request_id(), username=username, name=name, description=description
        )
        return (await self._calls.unary(self._stub().CreateBot, request)).bot

    async def mine(self) -> list[bot_pb2.Bot]:
        """Return one's bots, the oldest first."""
        return list((await self._calls.unary(self._stub().ListBots, bot_service_pb2.ListBotsRequest())).bots)

    async def update(self, bot_id: str, name: str, description: str) -> bot_pb2.Bot:
        """Change name and description. Reasons: BOT_NOT_FOUND."""
        request = bot_service_pb2.UpdateBotRequest(bot_id=bot_id, name=name, description=description)
        return (await self._calls.unary(self._stub().UpdateBot, request)).bot

    async def delete(self, bot_id: str) -> None:
        """End a bot and all its tokens. Reasons: BOT_NOT_FOUND."""
        await self._calls.unary(self._stub().DeleteBot, bot_service_pb2.DeleteBotRequest(bot_id=bot_id))

    async def create_token(
        self, bot_id: str, scopes: Iterable[access_pb2.Scope.ValueType], name: str = ""
    ) -> bot_service_pb2.CreateBotTokenResponse:
        """Make a token: `token` of the answer is the secret, shown this once. Reasons: BOT_TOKEN_LIMIT_REACHED (10)."""
        request = bot_service_pb2.CreateBotTokenRequest(bot_id=bot_id, name=name, scopes=scopes)
        return await self._calls.unary(self._stub().CreateBotToken, request, again=False)

    async def tokens(self, bot_id: str) -> list[bot_pb2.BotToken]:
        """Return the tokens of a bot that work, the oldest first. Reasons: BOT_NOT_FOUND."""
        request = bot_service_pb2.ListBotTokensRequest(bot_id=bot_id)
        return list((await self._calls.unary(self._stub().ListBotTokens, request)).bot_tokens)

    async def revoke_token(self, bot_id: str, token_id: str) -> None:
        """Revoke a token; its streams close. Reasons: BOT_NOT_FOUND."""
        request = bot_service_pb2.RevokeBotTokenRequest(bot_id=bot_id, token_id=token_id)
        await self._calls.unary(self._stub().RevokeBotToken, request)

    def _stub(self) -> bot_service_pb2_grpc.BotServiceStub:
        return self._calls.stub(bot_service_pb2_grpc.BotServiceStub)
