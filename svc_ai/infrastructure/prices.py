"""The prices of models, as the settings write them."""

from decimal import Decimal, InvalidOperation
from typing import Final

from mesh.settings import SettingError
from svc_ai.domain.prices import Price, Prices

MOST: Final = Decimal(1_000_000)
"""No token costs more than one of the currency."""


def prices_of(setting: str) -> Prices:
    """`model=read/cached/written`, several with commas: what a million tokens cost. Raises SettingError."""
    given = [one.strip() for one in setting.split(",") if one.strip()]
    return Prices(dict(_priced(one) for one in given))


def _priced(given: str) -> tuple[str, Price]:
    model, _, prices = given.rpartition("=")
    numbers = [_number(one) for one in prices.split("/")]
    if not model or len(numbers) != len(Price.__slots__):
        raise _wrong()
    return model, Price(*numbers)


def _number(given: str) -> Decimal:
    try:
        number = Decimal(given)
    except InvalidOperation:
        raise _wrong() from None
    if not (number.is_finite() and 0 <= number <= MOST):
        raise _wrong()
    return number


def _wrong() -> SettingError:
    return SettingError(
        "AI_PRICES: must be model=read/cached/written, such as gpt-4o-mini=0.15/0.075/0.60, with commas"
    )
