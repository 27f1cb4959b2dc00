"""What each labelled model costs per request: by hand, from a price list, or the illustration's ratio."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from sizer.errors import NotFoundError, UsageError
from sizer.routing import economics, prices
from sizer.routing.calibration.labels import Labels
from sizer.routing.calibration.report import Costs
from sizer.routing.request import DEFAULT_PRICES, DEFAULT_SOURCE
from sizer.routing.routers import find_router
from sizer.routing.workload import Assumption, Basis, Workload, parse_tokens

__all__ = ["price_columns"]

_CHARACTERS_PER_TOKEN = 4.0
_OUTPUT_TOKENS = 200.0


def price_columns(
    labels: Labels,
    low: str,
    high: str,
    *,
    tokens: str,
    small_price: str,
    large_price: str,
    price_file: str,
    at: datetime.date,
) -> tuple[Costs, tuple[Assumption, ...]]:
    """Dollars per request of each column, and what that rests on.

    A column is looked up by its name, without `small:` or `large:`. Where one of the two routed models has
    no price, both take the illustration's, and the basis says so: a ratio needs two prices of one kind.
    """
    given, made, token_basis = _tokens(labels, tokens)
    workload = Workload(requests_per_month=1, input_tokens=given, output_tokens=made, hard_share=0)
    lists: Sequence[prices.Price] = prices.price_file(Path(price_file), at) if price_file else prices.genai_prices(at)
    found: dict[str, tuple[float, str]] = {}
    for column in labels.models:
        by_hand = {low: small_price, high: large_price}.get(column, "")
        flag = {low: "--small", high: "--large"}.get(column, "--prices")
        try:
            if by_hand:
                price = prices.hand_price(by_hand, name=f"{flag}-price", as_of=at)
            else:
                name = column.removeprefix("small:").removeprefix("large:")
                price = prices.quote(name, lists, input_tokens=given, output_tokens=made, flag=flag).price
        except NotFoundError:
            continue
        except UsageError:
            if by_hand:
                raise
            continue
        where = f"{flag}-price" if by_hand else f"{price.source}, host {price.host}, id {price.model}"
        found[column] = (economics.request_usd(price.api(given), workload), where)
    assumptions = [
        Assumption(name="input tokens", value=given, basis="declared" if tokens else "estimated", source=token_basis),
        Assumption(name="output tokens", value=made, basis="declared" if tokens else "estimated", source=token_basis),
    ]
    if low not in found or high not in found:
        for column, side in ((low, "small"), (high, "large")):
            price = prices.hand_price(DEFAULT_PRICES[side], name=f"--{side}-price", as_of=at)
            found[column] = (economics.request_usd(price.api(given), workload), DEFAULT_SOURCE)
    for column, (usd, where) in found.items():
        side = {low: "small", high: "large"}.get(column, column)
        basis: Basis = "estimated" if where == DEFAULT_SOURCE else "declared"
        assumptions.append(
            Assumption(name=f"{side}, $/request", value=usd, basis=basis, source=where, as_of=at.isoformat())
        )
    router = find_router("text")
    assumptions.append(
        Assumption(
            name="router, $/request", value=router.usd_per_request, basis="estimated", source=router.source,
            as_of=router.as_of,
        )
    )  # fmt: skip
    usd_per_request = {column: usd for column, (usd, _) in found.items()}
    return Costs(usd_per_request=usd_per_request, router_usd=router.usd_per_request), tuple(assumptions)


def _tokens(labels: Labels, tokens: str) -> tuple[float, float, str]:
    if tokens:
        return *parse_tokens(tokens), "--tokens"
    characters = sum(map(len, labels.prompts)) / len(labels.prompts)
    return (
        round(characters / _CHARACTERS_PER_TOKEN),
        _OUTPUT_TOKENS,
        "4 characters a token, 200 tokens out: use --tokens",
    )
