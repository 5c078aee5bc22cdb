"""Log-in, log-out and the tokens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from parley.bot.v1 import bot_service_pb2, bot_service_pb2_grpc
from parley.user.v1 import session_pb2, user_pb2, user_service_pb2, user_service_pb2_grpc
from parley_sdk.credentials import Credentials
from parley_sdk.errors import Code, ParleyError
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure.calls import Calls
from parley_sdk.infrastructure.sqlite import Store

_OF_BOTS: Final = "pb_"
"""What tokens of bots begin with; they are traded, and never change."""


class Session:
    """Who is logged in on this device. Gives tokens to all calls, and renews them one at a time."""

    def __init__(self, calls: Calls, store: Store, on_renewed: Callable[[Credentials], None]) -> None:
        self.credentials = store.credentials()
        self._calls = calls
        self._store = store
        self._on_renewed = on_renewed
        self._renewing = asyncio.Lock()

    async def register(self, username: str, password: str, display_name: str) -> user_pb2.User:
        """Make an account."""
        request = user_service_pb2.RegisterRequest(
            request_id=new_request_id(), username=username, password=password, display_name=display_name
        )
        return (await self._calls.public(self._stub().Register, request)).user

    async def log_in(self, username: str, password: str, device: session_pb2.Device) -> user_pb2.User:
        """Open a session for this device and keep what proves it."""
        request = user_service_pb2.LogInRequest(
            request_id=new_request_id(),
            username=username,
            password=password,
            device=device,
            device_id=self._store.device_id(username),
            device_key=self._store.device_key(username),
        )
        response = await self._calls.public(self._stub().LogIn, request)
        self._keep(_credentials(response))
        self._store.keep_device_key(username, response.device_key)
        return response.user

    async def log_in_as_bot(self, token: str) -> user_pb2.User:
        """Trade a bot's token for an access token and keep both."""
        response = await self._exchange(token)
        self._keep(
            Credentials(
                user_id=response.user.user_id,
                username=response.user.username,
                device_id=response.device_id,
                session_id=response.session_id,
                access_token=response.access_token,
                access_expires_at_ms=response.access_expires_at_ms,
                refresh_token=token,
            )
        )
        return response.user

    async def log_out(self) -> None:
        """End the session here even if the server cannot be told. A bot's is its token, which its owner revokes."""
        try:
            if not self._required().refresh_token.startswith(_OF_BOTS):
                await self._calls.unary(self._stub().LogOut, user_service_pb2.LogOutRequest())
        except ParleyError as error:
            if error.reason != "SESSION_REVOKED":  # ended already, by another device: that is what was wanted
                raise
        finally:
            self.forget()

    def forget(self) -> None:
        """Be nobody on this device."""
        self.credentials = None
        self._store.forget_credentials()

    def take(self, tokens: session_pb2.Tokens, device_key: str = "") -> None:
        """Go on with these tokens, and with this proof at the next log-in if there is another one."""
        self._keep(self._required().renewed(tokens))
        if device_key:
            self._store.keep_device_key(self._required().username, device_key)

    async def current(self) -> str:
        """Return the access token. Raises ParleyError when nobody is logged in."""
        return self._required().access_token

    async def renew(self, refused: str) -> str:
        """Return another access token than `refused`. UNAUTHENTICATED: the session has ended."""
        async with self._renewing:
            credentials = self._required()
            if credentials.access_token == refused:
                self._keep(credentials.renewed(await self._renewed(credentials)))
                self._on_renewed(self._required())
            return self._required().access_token

    async def _renewed(self, credentials: Credentials) -> session_pb2.Tokens:
        if credentials.refresh_token.startswith(_OF_BOTS):
            bot = await self._exchange(credentials.refresh_token)
            return session_pb2.Tokens(
                access_token=bot.access_token,
                access_expires_at_ms=bot.access_expires_at_ms,
                refresh_token=credentials.refresh_token,
            )
        request = user_service_pb2.RefreshRequest(
            refresh_token=credentials.refresh_token, device_id=credentials.device_id
        )
        return (await self._calls.public(self._stub().Refresh, request)).tokens

    async def _exchange(self, token: str) -> bot_service_pb2.ExchangeBotTokenResponse:
        stub = self._calls.stub(bot_service_pb2_grpc.BotServiceStub)
        request = bot_service_pb2.ExchangeBotTokenRequest(token=token)
        return await self._calls.public(stub.ExchangeBotToken, request)

    def _keep(self, credentials: Credentials) -> None:
        self._store.keep_credentials(credentials)
        self.credentials = credentials

    def _required(self) -> Credentials:
        if self.credentials is None:
            raise ParleyError(Code.UNAUTHENTICATED, "TOKEN_MISSING", "nobody is logged in")
        return self.credentials

    def _stub(self) -> user_service_pb2_grpc.UserServiceStub:
        return self._calls.stub(user_service_pb2_grpc.UserServiceStub)


def _credentials(response: user_service_pb2.LogInResponse) -> Credentials:
    return Credentials(
        user_id=response.user.user_id,
        username=response.user.username,
        device_id=response.device_id,
        session_id=response.session.session_id,
        access_token=response.tokens.access_token,
        access_expires_at_ms=response.tokens.access_expires_at_ms,
        refresh_token=response.tokens.refresh_token,
    )
