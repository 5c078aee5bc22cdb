"""BotService: bots and their tokens."""

from mesh.caller import Caller
from parley.access.v1 import access_pb2
from parley.bot.v1 import bot_pb2
from parley.bot.v1 import bot_service_pb2 as pb
from svc_user.application.bot_tokens import BotTokens, UsedToken
from svc_user.application.bots import BotKeeping, BotWish, OwnBot
from svc_user.domain.account import UserId
from svc_user.domain.session import SessionId
from svc_user.servicer.messages import to_user


class BotServicer:
    """Makes bots, and lets programs act as them."""

    def __init__(self, keeping: BotKeeping, tokens: BotTokens) -> None:
        self._keeping = keeping
        self._tokens = tokens

    async def create_bot(self, request: pb.CreateBotRequest, caller: Caller) -> pb.CreateBotResponse:
        """Make a bot."""
        wish = BotWish(request.request_id, request.username, request.name, request.description)
        return pb.CreateBotResponse(bot=_bot(await self._keeping.create(UserId(caller.user_id), wish)))

    async def list_bots(self, request: pb.ListBotsRequest, caller: Caller) -> pb.ListBotsResponse:
        """List the caller's bots."""
        return pb.ListBotsResponse(bots=map(_bot, await self._keeping.list(UserId(caller.user_id))))

    async def update_bot(self, request: pb.UpdateBotRequest, caller: Caller) -> pb.UpdateBotResponse:
        """Change name and description."""
        bot = await self._keeping.update(
            UserId(caller.user_id), UserId(request.bot_id), request.name, request.description
        )
        return pb.UpdateBotResponse(bot=_bot(bot))

    async def delete_bot(self, request: pb.DeleteBotRequest, caller: Caller) -> pb.DeleteBotResponse:
        """End a bot."""
        await self._keeping.delete(UserId(caller.user_id), UserId(request.bot_id))
        return pb.DeleteBotResponse()

    async def create_bot_token(self, request: pb.CreateBotTokenRequest, caller: Caller) -> pb.CreateBotTokenResponse:
        """Make a token and show it."""
        made, secret = await self._tokens.create(
            UserId(caller.user_id), UserId(request.bot_id), request.name, request.scopes
        )
        return pb.CreateBotTokenResponse(bot_token=_token(made), token=secret)

    async def list_bot_tokens(self, request: pb.ListBotTokensRequest, caller: Caller) -> pb.ListBotTokensResponse:
        """List the tokens of a bot."""
        tokens = await self._tokens.list(UserId(caller.user_id), UserId(request.bot_id))
        return pb.ListBotTokensResponse(bot_tokens=map(_token, tokens))

    async def revoke_bot_token(self, request: pb.RevokeBotTokenRequest, caller: Caller) -> pb.RevokeBotTokenResponse:
        """Revoke a token."""
        await self._tokens.revoke(UserId(caller.user_id), UserId(request.bot_id), SessionId(request.token_id))
        return pb.RevokeBotTokenResponse()

    async def exchange_bot_token(
        self, request: pb.ExchangeBotTokenRequest, caller: Caller
    ) -> pb.ExchangeBotTokenResponse:
        """Trade a token for an access token."""
        traded = await self._tokens.exchange(request.token, caller.address)
        return pb.ExchangeBotTokenResponse(
            access_token=traded.access.token,
            access_expires_at_ms=traded.access.expires_at_ms,
            user=to_user(traded.account),
            device_id=traded.session.device_id,
            session_id=traded.session.session_id,
            scopes=map(access_pb2.Scope.ValueType, traded.scopes),
        )


def _bot(own: OwnBot) -> bot_pb2.Bot:
    return bot_pb2.Bot(user=to_user(own.account), owner_id=own.bot.owner_id, created_at_ms=own.bot.created_at_ms)


def _token(used: UsedToken) -> bot_pb2.BotToken:
    return bot_pb2.BotToken(
        token_id=used.token.token_id,
        bot_id=used.bot_id,
        name=used.token.name,
        scopes=map(access_pb2.Scope.ValueType, used.token.scopes),
        created_at_ms=used.token.created_at_ms,
        last_used_at_ms=used.last_used_at_ms,
    )
