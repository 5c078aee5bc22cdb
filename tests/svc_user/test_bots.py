"""Bots and their tokens, through the service's own face."""

import asyncio
from collections.abc import Awaitable

import pytest

from mesh.errors import Code
from parley.access.v1.access_pb2 import SCOPE_MANAGE_GROUPS, SCOPE_READ, SCOPE_WRITE, Scope
from parley.bot.v1.bot_pb2 import Bot
from parley.bot.v1.bot_service_pb2 import (
    CreateBotRequest,
    CreateBotTokenRequest,
    CreateBotTokenResponse,
    DeleteBotRequest,
    ExchangeBotTokenRequest,
    ExchangeBotTokenResponse,
    ListBotsRequest,
    ListBotTokensRequest,
    RevokeBotTokenRequest,
    UpdateBotRequest,
)
from parley.directory.v1 import directory_service_pb2 as directory
from parley.friend.v1.friend_service_pb2 import ListFriendRequestsRequest, ListFriendsRequest, RequestFriendRequest
from parley.user.v1.user_pb2 import USER_KIND_BOT
from parley.user.v1.user_service_pb2 import GetUserRequest, LogInRequest, RefreshRequest
from svc_user.domain.account import UserId
from svc_user.domain.reasons import Reason
from svc_user.servicer import BotServicer
from tests.svc_user.world import PASSWORD, PHONE, Person, World, bearer, refused


async def make(world: World, owner: Person, username: str = "dice_bot", **fields: str) -> Bot:
    """Make a bot."""
    values = {"request_id": world.request_id(), "username": username, **fields}
    return (await world.bots.CreateBot(CreateBotRequest(**values), metadata=owner.auth)).bot


async def token(
    world: World, owner: Person, bot: Bot, *scopes: Scope.ValueType, name: str = ""
) -> CreateBotTokenResponse:
    """Make a token."""
    request = CreateBotTokenRequest(bot_id=bot.user.user_id, name=name, scopes=scopes or [SCOPE_READ, SCOPE_WRITE])
    return await world.bots.CreateBotToken(request, metadata=owner.auth)


async def exchange(world: World, secret: str) -> ExchangeBotTokenResponse:
    """Trade a token."""
    return await world.bots.ExchangeBotToken(ExchangeBotTokenRequest(token=secret))


async def test_a_bot_is_a_user_that_says_so(world: World) -> None:
    """Everyone sees it as a user of kind bot with name and description; repeating the request makes one bot."""
    ada, ben = await world.people("ada", "ben")
    request = CreateBotRequest(request_id="1", username="Dice_Bot", name="Dice", description="Rolls dice")
    made = [(await world.bots.CreateBot(request, metadata=ada.auth)).bot for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].owner_id == ada.id
    seen = (await world.users.GetUser(GetUserRequest(user_id=made[0].user.user_id), metadata=ben.auth)).user
    assert (seen.kind, seen.username, seen.profile.display_name) == (USER_KIND_BOT, "dice_bot", "Dice")
    assert seen.profile.bio == "Rolls dice"
    request.description = "Rolls other dice"
    assert (await refused(world.bots.CreateBot(request, metadata=ada.auth))).reason == "REQUEST_ID_REUSED"
    assert (await refused(make(world, ben))).reason == "USERNAME_TAKEN"
    error = await refused(make(world, ben, "dice"))
    assert (error.code, error.fields[0].field) == (Code.INVALID_ARGUMENT, "username")


async def test_a_user_has_so_many_bots(world: World) -> None:
    """The twenty-first is RESOURCE_EXHAUSTED; one that was deleted makes room, and its name stays taken."""
    ada = await world.person("ada")
    bots = [await make(world, ada, f"number{number}.bot") for number in range(20)]
    error = await refused(make(world, ada, "one_more.bot"))
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "BOT_LIMIT_REACHED")
    await world.bots.DeleteBot(DeleteBotRequest(bot_id=bots[0].user.user_id), metadata=ada.auth)
    await make(world, ada, "one_more.bot")
    listed = (await world.bots.ListBots(ListBotsRequest(), metadata=ada.auth)).bots
    assert {bot.user.user_id for bot in bots[1:]} < {bot.user.user_id for bot in listed}
    assert len(listed) == 20
    assert (await refused(make(world, ada, "number0.bot"))).reason in {"BOT_LIMIT_REACHED", "USERNAME_TAKEN"}


async def test_a_token_is_shown_once_and_trades_for_its_scopes(world: World) -> None:
    """The secret is in no list and no log; the access token does what its scopes allow, and nothing else."""
    ada = await world.person("ada")
    bot = await make(world, ada)
    made = await token(world, ada, bot, SCOPE_READ, SCOPE_READ, name="at home")
    assert len(made.token) == 83
    traded = await exchange(world, made.token)
    assert (traded.user.user_id, list(traded.scopes)) == (bot.user.user_id, [SCOPE_READ])
    auth = bearer(traded.access_token)
    assert (await world.users.GetUser(GetUserRequest(), metadata=auth)).user.user_id == bot.user.user_id
    for call in (
        world.friends.ListFriends(ListFriendsRequest(), metadata=auth),
        world.bots.ListBots(ListBotsRequest(), metadata=auth),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SCOPE_REQUIRED")
    request = ListBotTokensRequest(bot_id=bot.user.user_id)
    listed = await world.bots.ListBotTokens(request, metadata=ada.auth)
    [known] = listed.bot_tokens
    assert (known.token_id, known.name, known.last_used_at_ms) == (traded.session_id, "at home", world.clock.now_ms())
    assert made.token[19:] not in str(listed) + world.output.getvalue()


async def test_an_access_token_ends_and_the_token_goes_on(world: World) -> None:
    """After a year without use the token still trades; the access token is over after 15 minutes."""
    ada = await world.person("ada")
    made = await token(world, ada, await make(world, ada))
    first = await exchange(world, made.token)
    world.clock.advance(366 * 86_400)
    ended = await refused(world.users.GetUser(GetUserRequest(), metadata=bearer(first.access_token)))
    assert ended.reason == "TOKEN_EXPIRED"
    second = await exchange(world, made.token)
    assert (second.device_id, second.session_id) == (first.device_id, first.session_id)
    await world.users.GetUser(GetUserRequest(), metadata=bearer(second.access_token))


async def test_a_revoked_token_is_over_at_once(world: World) -> None:
    """Its access tokens are refused, it trades no more, and the others work on; revoking twice is no error."""
    ada = await world.person("ada")
    bot = await make(world, ada)
    one, other = await token(world, ada, bot), await token(world, ada, bot)
    traded = await exchange(world, one.token)
    request = RevokeBotTokenRequest(bot_id=bot.user.user_id, token_id=one.bot_token.token_id)
    for _ in range(2):
        await world.bots.RevokeBotToken(request, metadata=ada.auth)
    error = await refused(world.users.GetUser(GetUserRequest(), metadata=bearer(traded.access_token)))
    assert error.reason == "SESSION_REVOKED"
    error = await refused(exchange(world, one.token))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "BOT_TOKEN_INVALID")
    await exchange(world, other.token)
    listed = await world.bots.ListBotTokens(ListBotTokensRequest(bot_id=bot.user.user_id), metadata=ada.auth)
    assert [known.token_id for known in listed.bot_tokens] == [other.bot_token.token_id]


async def test_a_deleted_bot_is_nobody_any_more(world: World) -> None:
    """Deleting ends all tokens; a second time there is no such bot."""
    ada = await world.person("ada")
    bot = await make(world, ada)
    made = await token(world, ada, bot)
    traded = await exchange(world, made.token)
    request = DeleteBotRequest(bot_id=bot.user.user_id)
    await world.bots.DeleteBot(request, metadata=ada.auth)
    assert (await refused(exchange(world, made.token))).reason == "BOT_TOKEN_INVALID"
    error = await refused(world.users.GetUser(GetUserRequest(), metadata=bearer(traded.access_token)))
    assert error.reason == "SESSION_REVOKED"
    assert (await refused(world.bots.DeleteBot(request, metadata=ada.auth))).reason == "BOT_NOT_FOUND"


async def test_bots_end_with_their_owner(world: World) -> None:
    """What an account's deletion calls ends all bots of its owner and nobody else's; again it does nothing."""
    ada, ben = await world.people("ada", "ben")
    mine = [await token(world, ada, await make(world, ada, f"number{number}.bot")) for number in range(2)]
    other = await token(world, ben, await make(world, ben))
    [servicer] = [one for one, _ in world.service.servicers if isinstance(one, BotServicer)]
    for _ in range(2):
        await servicer._keeping.delete_all(UserId(ada.id))
    for made in mine:
        assert (await refused(exchange(world, made.token))).reason == "BOT_TOKEN_INVALID"
    await exchange(world, other.token)
    assert not (await world.bots.ListBots(ListBotsRequest(), metadata=ada.auth)).bots


async def test_bots_are_for_their_owners(world: World) -> None:
    """Somebody else's bot is like none, for every verb; its profile changes by its owner alone."""
    ada, ben = await world.people("ada", "ben")
    bot = await make(world, ada)
    made = await token(world, ada, bot)
    bot_id = bot.user.user_id
    calls: list[Awaitable[object]] = [
        world.bots.UpdateBot(UpdateBotRequest(bot_id=bot_id, name="x"), metadata=ben.auth),
        world.bots.DeleteBot(DeleteBotRequest(bot_id=bot_id), metadata=ben.auth),
        world.bots.CreateBotToken(CreateBotTokenRequest(bot_id=bot_id, scopes=[SCOPE_READ]), metadata=ben.auth),
        world.bots.ListBotTokens(ListBotTokensRequest(bot_id=bot_id), metadata=ben.auth),
        world.bots.RevokeBotToken(
            RevokeBotTokenRequest(bot_id=bot_id, token_id=made.bot_token.token_id), metadata=ben.auth
        ),
        world.bots.DeleteBot(DeleteBotRequest(bot_id=ada.id), metadata=ada.auth),
    ]
    assert {(await refused(call)).reason for call in calls} == {"BOT_NOT_FOUND"}
    await exchange(world, made.token)
    update = UpdateBotRequest(bot_id=bot_id, name="Roller", description="new")
    changed = (await world.bots.UpdateBot(update, metadata=ada.auth)).bot.user
    assert (changed.profile.display_name, changed.profile.bio) == ("Roller", "new")


@pytest.mark.parametrize("secret", ["x", "pb_", "pb_s" + "0" * 79, "pb_" + "é" * 80, "\0" * 83])
async def test_what_is_no_token_is_refused(world: World, secret: str) -> None:
    """Anything else gets the one answer, and so does a token with one letter changed."""
    assert (await refused(exchange(world, secret))).reason == "BOT_TOKEN_INVALID"
    ada = await world.person("ada")
    made = await token(world, ada, await make(world, ada))
    last = "0" if made.token[-1] != "0" else "1"
    assert (await refused(exchange(world, made.token[:-1] + last))).reason == "BOT_TOKEN_INVALID"


async def test_nobody_logs_in_as_a_bot_in_another_way(world: World) -> None:
    """A bot has no password, and its token is no refresh token."""
    ada = await world.person("ada")
    bot = await make(world, ada)
    made = await token(world, ada, bot)
    traded = await exchange(world, made.token)
    for password in ("", PASSWORD):
        log_in = LogInRequest(request_id="1", username="dice_bot", password=password, device=PHONE)
        assert (await refused(world.users.LogIn(log_in))).reason in {"BAD_CREDENTIALS", "INVALID_REQUEST"}
    for secret in (made.token, made.token[3:]):
        refresh = RefreshRequest(refresh_token=secret, device_id=traded.device_id)
        assert (await refused(world.users.Refresh(refresh))).reason in {"REFRESH_TOKEN_INVALID", "INVALID_REQUEST"}
    await exchange(world, made.token)


async def test_a_bot_has_so_many_tokens(world: World) -> None:
    """The eleventh is RESOURCE_EXHAUSTED, also when all are made at once, and one without scopes is no token."""
    ada = await world.person("ada")
    bot = await make(world, ada)
    outcomes = await asyncio.gather(
        *(token(world, ada, bot, SCOPE_MANAGE_GROUPS) for _ in range(11)), return_exceptions=True
    )
    assert len([one for one in outcomes if isinstance(one, CreateBotTokenResponse)]) == 10
    assert (await refused(token(world, ada, bot))).reason == "BOT_TOKEN_LIMIT_REACHED"
    nothing = CreateBotTokenRequest(bot_id=bot.user.user_id)
    assert (await refused(world.bots.CreateBotToken(nothing, metadata=ada.auth))).code is Code.INVALID_ARGUMENT


async def test_services_list_all_bots(world: World) -> None:
    """Page by page another service of the mesh is told the ids of bots, whoever owns them, and of nobody else."""
    ann, bob = await world.person("ann"), await world.person("bob")
    made = [await make(world, owner, f"clerk{number}_bot") for number, owner in enumerate((ann, bob, ann))]
    found, after = list[str](), ""
    while True:
        request = directory.ListBotsRequest(after_user_id=after, limit=2)
        page = (await world.directory.ListBots(request, metadata=world.as_service)).user_ids
        found += page
        if len(page) < 2:
            break
        after = page[-1]
    assert found == sorted(bot.user.user_id for bot in made)


async def test_nobody_waits_for_a_bot_to_become_a_friend(world: World) -> None:
    """A bot cannot answer, so who asks it is told at once; the other way a token does not allow it."""
    ada, bob = await world.people("ada", "bob")
    bot = await make(world, ada)
    for who in (ada, bob):
        request = RequestFriendRequest(user_id=bot.user.user_id)
        error = await refused(world.friends.RequestFriend(request, metadata=who.auth))
        assert error.reason == Reason.FRIEND_REQUEST_REFUSED
    listing = ListFriendRequestsRequest(direction=ListFriendRequestsRequest.DIRECTION_OUTGOING)
    assert not (await world.friends.ListFriendRequests(listing, metadata=bob.auth)).requests
