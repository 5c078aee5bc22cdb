"""What the name of a host in a setting says. Pure Python."""

import ipaddress


def on_this_machine(host: str) -> bool:
    """Whether it is this very machine, by the name alone: what goes there need not be encrypted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
