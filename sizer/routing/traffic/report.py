"""What `sizer route --log` adds to the answer: types only."""

from __future__ import annotations

from typing import Literal

from sizer.routing.workload import Basis
from sizer.values import frozen

__all__ = [
    "Decision",
    "Evidence",
    "Filled",
    "LoggedModel",
    "ScoreReport",
    "SharePrice",
    "SqlReport",
    "SwitchReport",
    "TrafficReport",
]


@frozen
class LoggedModel:
    """One model of the log."""

    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    usd: float | None
    """What its requests cost at the price below, over the log's span; null where no price is known."""
    price: str
    """The host and list of the price, or why there is none."""


@frozen
class SharePrice:
    """All of the log's requests, a share of them on the large model."""

    large_share: float
    random_usd_per_month: float
    """The share chosen by a coin."""
    longest_usd_per_month: float
    """The longest prompts sent up: they cost more than the average."""


@frozen
class Evidence:
    """One way to tell the share of hard requests, strongest first; of `served` and `proxy` none is ever used."""

    kind: Literal["labels", "decisions", "served", "proxy"]
    name: str
    """What it is taken from."""
    share: float
    low: float | None
    """95 % interval (Wilson); null where the share is no sample of labels."""
    high: float | None
    basis: Basis
    is_used: bool


@frozen
class SwitchReport:
    """Sessions whose model changes, and the prompt that is then read from cold."""

    turns: int
    """Turns that follow another turn of their session."""
    switched: int
    """Those on another model than the turn before."""
    prefix_tokens: int
    """Tokens at the start of all these turns' prompts that the turn before had left in a cache."""
    switched_prefix_tokens: int
    rebilled_usd_per_month: float | None
    """What the switches seen cost against staying: prefix x (input price after - cached price before)."""
    routed_rebilled_usd_per_month: float | None
    """The same if every request were routed by itself at the scenario's share."""
    out_of_order: int
    """Turns older than the one before them in the file."""
    forgotten: int
    """Sessions dropped because too many were open at once."""


@frozen
class Filled:
    """Why rows do not count."""

    reason: str
    rows: int


@frozen
class TrafficReport:
    """The log behind the answer."""

    schema: str
    files: int
    rows: int
    requests: int
    """Rows that count."""
    left_out: tuple[Filled, ...]
    span_days: float | None
    """From the first request to the last; null where the log has no times."""
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    input_p50: float
    """Median prompt tokens, about: interpolated within a quarter octave."""
    input_p95: float
    output_p50: float
    output_p95: float
    models: tuple[LoggedModel, ...]
    usd_as_logged: float | None
    """The log's requests at today's prices on the models that served them; null where a price is unknown."""
    all_small_usd: float
    """The log's requests, all on the small model."""
    all_large_usd: float
    saving_if_longest: float | None
    """Saving against all-large where the share that is sent up are the longest prompts; the closed form takes what is
    sent up for as long as the rest. Null where all-large costs nothing."""
    what_if: tuple[SharePrice, ...]
    evidence: tuple[Evidence, ...]
    switches: SwitchReport | None
    """Null where the log names no sessions."""
    inexact: tuple[str, ...]
    """Why the cost is not exact: a price whose tiers do not begin at an edge of the histogram, cached tokens beyond the
    input."""


@frozen
class SqlReport:
    """The statements for another engine."""

    dialect: str
    table: str
    histogram: str
    """The statement whose result `--histogram` reads."""
    switches: str | None
    """The statement whose result `--switches` reads; null where session or time is not mapped."""


@frozen
class Decision:
    """Where one prompt goes."""

    score: float
    model: str


@frozen
class ScoreReport:
    """A saved router applied to prompts."""

    router: str
    small: str
    large: str
    threshold: float
    threshold_from: str
    """The saved router, `--threshold`, or the quantile of these scores for `--max-strong`."""
    prompts: int
    without_text: int
    """Rows that have no prompt text."""
    large_share: float
    scores_p5: float
    scores_p50: float
    scores_p95: float
    decisions: tuple[Decision, ...]
    """In the order of the rows."""
    verdict: str = ""
    """What calibration said of the router: `route` or `do not route`."""
