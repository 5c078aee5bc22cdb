"""Accounts and profiles, through the service's own face."""

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from unittest import mock

import pytest

from mesh import errors
from mesh.errors import Code
from parley.error.v1 import reason_pb2
from parley.user.v1.user_service_pb2 import (
    BatchGetUsersRequest,
    FindUsersRequest,
    GetUserRequest,
    RegisterRequest,
    RegisterResponse,
)
from svc_user.domain.ports import Accounts, Registration
from svc_user.domain.reasons import Reason
from svc_user.infrastructure.mongo.accounts import MongoAccounts
from svc_user.infrastructure.sqlite.accounts import SqliteAccounts
from tests.svc_user.world import PASSWORD, Person, World, refused


def test_every_reason_is_one_of_the_contract() -> None:
    """A client finds each reason that the service gives in parley.error.v1.Reason."""
    assert {f"REASON_{reason}" for reason in Reason} <= set(reason_pb2.Reason.keys())


def application(username: str = "ada", **fields: str) -> RegisterRequest:
    """A good request, apart from `fields`."""
    return RegisterRequest(**{"request_id": "one", "username": username, "password": PASSWORD, **fields})


async def test_registering_answers_the_account_with_the_username_as_its_name(world: World) -> None:
    """A new account has an id of our form, and its username as the display name when none was given."""
    user = (await world.users.Register(application())).user
    assert user.user_id.startswith("u")
    assert (user.username, user.profile.display_name, user.version) == ("ada", "ada", 1)


async def test_a_request_that_is_overtaken_by_itself_answers_the_same_account(world: World) -> None:
    """Sent twice at once, it is not told that another user has the name, which is its own."""
    begun, made = asyncio.Event(), list[RegisterResponse]()

    def overtaken(look: Callable[..., Awaitable[Registration | None]]) -> Callable[..., Awaitable[Registration | None]]:
        async def slow(store: Accounts, request_id: str, since_ms: int) -> Registration | None:
            found = await look(store, request_id, since_ms)
            if not begun.is_set():
                begun.set()
                made.append(await world.users.Register(application()))
            return found

        return slow

    with ExitStack() as stack:
        for kind in (SqliteAccounts, MongoAccounts):
            stack.enter_context(mock.patch.object(kind, "registration", overtaken(kind.registration)))
        again = await world.users.Register(application())
    assert [again.user] == [one.user for one in made]


async def test_the_same_request_again_answers_the_same_account(world: World) -> None:
    """A lost answer can be asked for again; other content under the same request id is refused."""
    first, *again = await asyncio.gather(*(world.users.Register(application()) for _ in range(2)))
    assert again == [first]
    for number in range(10):
        world.clock.advance(60)
        twin = application(f"twin{number}", request_id=f"twin {number}")
        first, *again = await asyncio.gather(*(world.users.Register(twin) for _ in range(4)))
        assert again == [first] * 3, "however the four meet"
    other = [application(display_name="Eve"), application(password="another good password"), application("eve")]
    for request in other:
        assert (await refused(world.users.Register(request))).reason == Reason.REQUEST_ID_REUSED


async def test_repeating_a_registration_is_no_way_around_the_throttle(world: World) -> None:
    """Who knows a request id may try as many passwords with it as at log-in."""
    await world.users.Register(application())
    for number in range(5):
        bad = application(password=f"guess number {number}")
        assert (await refused(world.users.Register(bad))).reason == Reason.REQUEST_ID_REUSED
    assert (await refused(world.users.Register(application()))).reason == "RATE_LIMITED"


async def test_a_taken_name_is_refused(world: World) -> None:
    """A username belongs to whoever registered it first."""
    await world.register("ada")
    error = await refused(world.register("ada"))
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, Reason.USERNAME_TAKEN)


@pytest.mark.parametrize(
    "username",
    ["Ada", "ad", "_ada", "a" * 33, "аda", "ada\u202e", "a\u200bda", "ada ", "ａda", "ada\0", "ad\u0430", ""],
)
async def test_names_that_could_pass_for_others_are_refused(world: World, username: str) -> None:
    """Upper case, homoglyphs, direction overrides, zero width and spaces cannot be in a username."""
    error = await refused(world.users.Register(application(username)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_REQUEST)


@pytest.mark.parametrize("username", ["admin", "adm1n", "a.d_min", "par1ey", "5upport", "u0123456789abcde"])
async def test_names_of_the_system_are_kept(world: World, username: str) -> None:
    """Nobody can take a name that reads as the system's, or as a user id."""
    error = await refused(world.users.Register(application(username)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.USERNAME_RESERVED)


@pytest.mark.parametrize("password", ["password1", "PASSWORD1", "aaaaaaaaaaaa", "adalovelace"])
async def test_weak_passwords_are_refused(world: World, password: str) -> None:
    """What is guessed first is not accepted, and is not repeated in the error."""
    error = await refused(world.users.Register(application("adalovelace", password=password)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.PASSWORD_TOO_WEAK)
    assert password not in str(error)


@pytest.mark.parametrize("password", ["", "short", "x" * 129, "x" * 900_000])
async def test_a_password_out_of_bounds_is_refused_before_it_is_hashed(world: World, password: str) -> None:
    """Neither an empty password nor a megabyte of one reaches the hash."""
    error = await refused(world.users.Register(application(password=password)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_REQUEST)
    assert "xxxx" not in str(error)


async def test_a_password_is_the_same_in_every_normal_form(world: World) -> None:
    """What was typed composed logs in when it is typed decomposed, a NUL inside included."""
    password = "Zoë\0 läuft weit"
    await world.register("zoe", password=password)
    person = await world.log_in("zoe", password=unicodedata.normalize("NFD", password))
    assert person.opened.user.username == "zoe"


async def find(world: World, person: Person, query: str, **fields: object) -> list[str]:
    """The usernames found."""
    request = FindUsersRequest(query=query, **fields)  # type: ignore[arg-type]
    return [user.username for user in (await world.users.FindUsers(request, metadata=person.auth)).users]


async def test_users_are_found_by_id_name_and_beginning(world: World) -> None:
    """Exact matches without prefix; with it all names that begin so, by name."""
    ada, *_ = await world.people("ada", "adam", "adele", "bob")
    assert await find(world, ada, ada.id) == ["ada"]
    assert await find(world, ada, "ADA") == ["ada"]
    assert await find(world, ada, "ad") == []
    assert await find(world, ada, "ad", prefix=True) == ["ada", "adam", "adele"]


async def test_found_users_come_in_pages_bound_to_their_query(world: World) -> None:
    """A page token leads on, and fits neither another query nor another caller, nor once it was altered."""
    ada, adam, _ = await world.people("ada", "adam", "adele")
    request = FindUsersRequest(query="ad", prefix=True, page_size=2)
    first = await world.users.FindUsers(request, metadata=ada.auth)
    request.page_token = first.next_page_token
    second = await world.users.FindUsers(request, metadata=ada.auth)
    assert [[user.username for user in page.users] for page in (first, second)] == [["ada", "adam"], ["adele"]]
    assert not second.next_page_token
    tampered = ("A" if request.page_token[0] != "A" else "B") + request.page_token[1:]
    for query, token, who in [
        ("ade", request.page_token, ada),
        ("ad", request.page_token, adam),
        ("ad", "é", ada),
        ("ad", tampered, ada),
        ("ad", "x", ada),
    ]:
        bad = FindUsersRequest(query=query, prefix=True, page_token=token)
        assert (await refused(world.users.FindUsers(bad, metadata=who.auth))).reason == errors.Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize("query", ["$where", '{"$ne":1}', "' OR 1=1", "%%", "__", "(a+)+$", "a" * 64])
async def test_a_search_is_text_and_never_a_pattern(world: World, query: str) -> None:
    """Whatever a query language would read into it, it finds nobody."""
    ada = await world.person("ada")
    assert await find(world, ada, query, prefix=True) == []


async def test_search_bounds(world: World) -> None:
    """One character and a negative page size are refused; a huge page size is clamped."""
    ada = await world.person("ada")
    for request in (FindUsersRequest(query="a"), FindUsersRequest(query="ada", page_size=-1)):
        error = await refused(world.users.FindUsers(request, metadata=ada.auth))
        assert error.reason == Reason.INVALID_REQUEST
    assert await find(world, ada, "ada", prefix=True, page_size=1_000_000) == ["ada"]


async def test_users_are_read_by_id(world: World) -> None:
    """One by one or many at once, doubles once, unknown ones left out; without an id oneself."""
    ada, bob = await world.people("ada", "bob")
    assert (await world.users.GetUser(GetUserRequest(), metadata=ada.auth)).user.username == "ada"
    unknown = "u" + "0" * 15
    request = BatchGetUsersRequest(user_ids=[bob.id, unknown, ada.id, bob.id])
    batch = await world.users.BatchGetUsers(request, metadata=ada.auth)
    assert [user.username for user in batch.users] == ["bob", "ada"]
    error = await refused(world.users.GetUser(GetUserRequest(user_id=unknown), metadata=ada.auth))
    assert (error.code, error.reason) == (Code.NOT_FOUND, Reason.USER_NOT_FOUND)


async def test_nothing_secret_is_logged(world: World) -> None:
    """Neither a password nor a token is in any line that the service wrote."""
    ada = await world.person("ada")
    await refused(world.log_in("ada", password="wrong password canary"))
    output = world.output.getvalue()
    for secret in (PASSWORD, "canary", ada.opened.tokens.access_token, ada.opened.tokens.refresh_token):
        assert secret not in output
