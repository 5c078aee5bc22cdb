"""What the tokens of models cost, as the installation says."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from svc_ai.domain.reply import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost in the installation's currency, and so what one costs in millionths of it."""

    read: Decimal
    cached: Decimal
    """Of those read: tokens that the provider still had."""
    written: Decimal

    def cost_micros(self, usage: Usage) -> int:
        """What a call cost, in millionths of the currency; what is less than one counts as one."""
        read = usage.input_tokens - usage.cached_input_tokens
        cost = read * self.read + usage.cached_input_tokens * self.cached + usage.output_tokens * self.written
        return int(max(cost, Decimal(0)).to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of models by their names. A model without one costs nothing."""

    of_models: Mapping[str, Price]

    def charged(self, usage: Usage, model: str) -> Usage:
        """The use of a call with what it cost; `model` was asked, and another one may have answered."""
        price = self.of_models.get(usage.model or model)
        return replace(usage, cost_micros=price.cost_micros(usage)) if price else usage
