"""Which addresses and secrets of programs outside are taken, and what is said of the others."""

import pytest

from mesh.settings import Secret, SettingError
from svc_message.infrastructure.outside.addresses import address_of, secret_of
from svc_message.infrastructure.outside.event_sinks import MAX_SINKS, sinks_of
from tests.svc_message.receiver import SECRET


@pytest.mark.parametrize(
    "url,target",
    [
        ("https://hooks.example.com/parley?tenant=1", "https://hooks.example.com/parley?tenant=1"),
        ("https://10.1.2.3/hook", "https://10.1.2.3/hook"),
        ("http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook"),
        ("http://localhost:8080/hook", "http://localhost:8080/hook"),
        ("http://[::1]:8080/hook", "http://[::1]:8080/hook"),
        ("grpcs://judge.example.com:443", "judge.example.com:443"),
        ("grpc://[::1]:50051", "[::1]:50051"),
    ],
)
def test_encrypted_or_on_this_machine(url: str, target: str) -> None:
    """Anything encrypted is taken, a private address too, and what is not only on this machine."""
    assert address_of("X", url, "https", "grpcs").target == target


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/private-path",
        "http://10.1.2.3/private-path",
        "http://localhost.example.com/private-path",
        "http://127.0.0.1.example.com/private-path",
        "http://0.0.0.0/private-path",
        "grpc://judge.example.com:443",
        "grpcs://judge.example.com",
        "grpcs://judge.example.com:443/private-path",
        "ftp://hooks.example.com/private-path",
        "https:///private-path",
        "https://user:private-path@hooks.example.com/",
        "https://hooks.example.com:port/private-path",
        "private-path",
    ],
)
def test_what_is_not_taken_is_not_quoted(url: str) -> None:
    """The error names the setting and what is wrong, never the address, whose path may be a secret."""
    with pytest.raises(SettingError) as raised:
        address_of("MESSAGE_PUSH_URL", url, "https", "grpcs")
    assert str(raised.value).startswith("MESSAGE_PUSH_URL: ")
    assert "private-path" not in str(raised.value)


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    """At least 16 characters; none is none."""
    for short in ("", "short", "x" * 15):
        with pytest.raises(SettingError, match="MESSAGE_PUSH_SECRET: at least 16"):
            secret_of("MESSAGE_PUSH_SECRET", Secret(short))
    assert secret_of("MESSAGE_PUSH_SECRET", Secret(SECRET)).reveal() == SECRET


def named(**fields: object) -> str:
    """A sink as TOML."""
    given = {"url": '"https://a.example.com"', "secret": f'"{SECRET}"'} | fields
    return "[audit]\n" + "\n".join(f"{name} = {value}" for name, value in given.items())


@pytest.mark.parametrize(
    "text,says",
    [
        ("[audit", "not TOML"),
        ("audit = 1", "has url, secret"),
        ('[audit]\nurl = "https://a.example.com"', "has url, secret"),
        (named(colour='"red"'), "has url, secret"),
        (named(url='"http://a.example.com"'), "must be encrypted"),
        (named(secret='"tiny"'), "at least 16"),
        (named(kinds="[]"), "kinds: some of post, edit"),
        (named(kinds='["posts"]'), "kinds: some of post, edit"),
        (named(kinds='"post"'), "kinds: some of post, edit"),
        (named().replace("audit", "push"), "is not push"),
        (named().replace("audit", '"a b"'), "small letters"),
        ("\n".join(named().replace("audit", f"s{number}") for number in range(MAX_SINKS + 1)), "at most 16"),
    ],
)
def test_a_wrong_sink_is_told(text: str, says: str) -> None:
    """Each mistake has a line of its own, without the secret."""
    with pytest.raises(SettingError) as raised:
        sinks_of(Secret(text))
    assert says in str(raised.value)
    assert SECRET not in str(raised.value)


def test_no_sinks_are_none() -> None:
    """An empty setting names nobody."""
    assert sinks_of(Secret("")) == []
