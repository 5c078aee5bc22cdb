"""The page of the settings says what the code says."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import svc_ai.app
import svc_gateway.app
import svc_group.app
import svc_message.app
import svc_user.app
from mesh.member import MemberSettings
from mesh.settings import Secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PAGE = Path(__file__).parents[2] / "docs/settings.md"
ALL: "dict[str, type[DataclassInstance]]" = {
    "PARLEY": MemberSettings,
    "PARLEY_USER": svc_user.app.Settings,
    "PARLEY_GROUP": svc_group.app.Settings,
    "PARLEY_MESSAGE": svc_message.app.Settings,
    "PARLEY_GATEWAY": svc_gateway.app.Settings,
    "PARLEY_AI": svc_ai.app.Settings,
}


def declared() -> dict[str, str]:
    """Each variable that a service reads, with its default as the page writes it."""
    return {name: shown(value) for prefix, kind in ALL.items() for name, value in walk(kind(), prefix)}


def walk(settings: "DataclassInstance", prefix: str) -> Iterator[tuple[str, Any]]:
    """The variables of a dataclass, and of those in it."""
    for name in get_type_hints(type(settings)):
        value, variable = getattr(settings, name), f"{prefix}_{name}".upper()
        if dataclasses.is_dataclass(value) and not isinstance(value, Secret):
            yield from walk(value, variable)  # type: ignore[arg-type]
        else:
            yield variable, value


def shown(value: object) -> str:
    """A default in a table."""
    if isinstance(value, Secret):
        return f"`{value.reveal()}`" if value else ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else ""


def test_the_page_has_every_setting_with_its_default() -> None:
    """Each setting has one row with the default that the code has, a row that explains it, and there are no others."""
    rows = re.findall(r"^\| `(PARLEY_\w+)` \| (.*?) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert {name: default for name, default, _ in rows} == declared()
    assert len(rows) == len(declared())
