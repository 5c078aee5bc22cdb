"""Environment -> a frozen dataclass, with one clear line for each thing that is wrong.

A field `store_url: str` of `Settings` read with prefix `MESSAGE` is the variable `MESSAGE_STORE_URL`.
A field whose type is another dataclass adds its own name to the prefix: `MESSAGE_SERVER_MAX_STREAMS`.
A `Secret` may come as `X` or, better, from the file named by `X_FILE`.
Numbers are finite and not negative. Where 0 would keep a process from its work the field says what is the least, and
some say what is the most: `field(default=4, metadata={"least": 1})`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_TRUTHS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class SettingError(Exception):
    """A setting is missing, unknown or wrong; one line for an operator, never a value."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A string that no log or error shows; `reveal()` where it is used, nowhere else."""

    _value: str = ""

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._value)

    def __repr__(self) -> str:
        """Say only whether there is one."""
        return "Secret(set)" if self._value else "Secret(empty)"


def load(settings: type[T], env: Mapping[str, str], prefix: str = "") -> T:
    """Return `settings` filled from `env`.

    Fields without a default are required. With a prefix, a variable that starts with it and matches
    no field is refused, so that a misspelt name cannot pass for a default.
    Raises SettingError.
    """
    names = set(_variables(settings, prefix))
    known = names | {f"{name}_FILE" for name in names}
    unknown = sorted(v for v in env if prefix and v.startswith(f"{prefix}_") and v not in known)
    if unknown:
        raise SettingError(f"{unknown[0]}: no such setting")
    return _fill(settings, env, prefix)


def _fill(settings: type[T], env: Mapping[str, str], prefix: str, base: T | None = None) -> T:
    hints = get_type_hints(settings)
    values = {
        field.name: _field(field, hints[field.name], env, _variable(prefix, field.name), base)
        for field in dataclasses.fields(settings)
    }
    return settings(**values)


def _field(
    field: dataclasses.Field[Any], kind: Any, env: Mapping[str, str], variable: str, base: DataclassInstance | None
) -> Any:
    default = _default(field) if base is None else getattr(base, field.name)
    if _is_group(kind):
        return _fill(kind, env, variable, None if default is dataclasses.MISSING else default)
    text = _text(variable, kind, env)
    if text is not None:
        return _bounded(variable, field.metadata, _parse(variable, kind, text))
    if default is dataclasses.MISSING:
        raise SettingError(f"{variable}: required ({kind.__name__})")
    return default


def _text(variable: str, kind: Any, env: Mapping[str, str]) -> str | None:
    path = env.get(f"{variable}_FILE")
    if kind is not Secret or path is None:
        return env.get(variable)
    if variable in env:
        raise SettingError(f"{variable}: set both here and in {variable}_FILE")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingError(f"{variable}_FILE: cannot be read") from None


def _parse(variable: str, kind: Any, text: str) -> Any:
    parser = _PARSERS.get(kind)
    if parser is None:
        raise SettingError(f"{variable}: a setting cannot be of type {kind}")
    try:
        return parser(text)
    except (ValueError, KeyError):
        raise SettingError(f"{variable}: not a valid {kind.__name__}") from None


def _bounded(variable: str, bounds: Mapping[str, Any], value: Any) -> Any:
    if not isinstance(value, int | float):
        return value
    least, most = bounds.get("least", 0), bounds.get("most")
    if not math.isfinite(value):
        raise SettingError(f"{variable}: must be a finite number")
    if value < least:
        raise SettingError(f"{variable}: must be at least {least}")
    if most is not None and value > most:
        raise SettingError(f"{variable}: must be at most {most}")
    return value


def _variables(settings: type[DataclassInstance], prefix: str) -> Iterator[str]:
    for name, kind in get_type_hints(settings).items():
        variable = _variable(prefix, name)
        if _is_group(kind):
            yield from _variables(kind, variable)
        else:
            yield variable


def _variable(prefix: str, name: str) -> str:
    return f"{prefix}_{name}".upper() if prefix else name.upper()


def _is_group(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) and kind is not Secret


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


_PARSERS: Final[Mapping[Any, Callable[[str], Any]]] = {
    str: str,
    int: int,
    float: float,
    bool: lambda text: _TRUTHS[text.strip().lower()],
    Path: Path,
    Secret: Secret,
}
