import pytest

from mesh.dial import targets


@pytest.mark.parametrize(
    "addresses,expected",
    [
        (["10.0.0.1:1", "10.0.0.2:2"], ["ipv4:10.0.0.1:1,10.0.0.2:2"]),
        (["[::1]:1", "[fe80::1]:2"], ["ipv6:[::1]:1,[fe80::1]:2"]),
        (["unix:/run/a", "unix:/run/b"], ["unix:/run/a", "unix:/run/b"]),
        (["user-0.mesh:7001", "user-1.mesh:7001"], ["dns:///user-0.mesh:7001", "dns:///user-1.mesh:7001"]),
        (["a:1", "10.0.0.1:1", "unix:/x"], ["ipv4:10.0.0.1:1", "unix:/x", "dns:///a:1"]),
        ([], []),
    ],
)
def test_addresses_become_the_fewest_targets(addresses: list[str], expected: list[str]) -> None:
    """What gRPC can list it balances itself; names and sockets it takes one at a time."""
    assert targets(addresses) == expected
