"""The options of every command that sizes a model for a place, a context and a number of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.output import note
from sizer.units import parse_count

if TYPE_CHECKING:
    from sizer.sizing.hardware import Target
    from sizer.sizing.model import SizingSettings

__all__ = ["CacheDtype", "Context", "On", "Sequences", "read_targets", "sizing_settings"]

On = Annotated[
    list[str] | None,
    typer.Option(
        "--on", metavar="WHERE", help="Where it is to run: 2xh100, m4-max,memory=64GB, memory=24GB. Repeatable."
    ),
]
Context = Annotated[
    str,
    typer.Option(
        "--context", metavar="TOKENS", help="Context of a sequence: 128Ki is 131,072, 128k 128,000.", show_default=False
    ),
]
Sequences = Annotated[str, typer.Option("--sequences", metavar="N", help="Sequences in flight at once.")]
CacheDtype = Annotated[str, typer.Option("--cache-dtype", metavar="DTYPE", help="Of the KV cache: auto, fp8, q8_0 ...")]

MOST_TOKENS = 10**9
MOST_SEQUENCES = 10**6


def sizing_settings(on: list[str] | None, context: str, sequences: str, cache_dtype: str) -> SizingSettings:
    """The settings behind the options. Raises UsageError."""
    from sizer.sizing.kv_cache import parse_cache_dtype
    from sizer.sizing.model import SizingSettings

    return SizingSettings(
        context_tokens=parse_count(context, name="--context", minimum=1, maximum=MOST_TOKENS) if context else None,
        sequences=parse_count(sequences, name="--sequences", minimum=1, maximum=MOST_SEQUENCES),
        cache_dtype=parse_cache_dtype(cache_dtype),
        targets=read_targets(on),
    )


def read_targets(on: list[str] | None) -> tuple[Target, ...]:
    """The places named by `--on`; what is odd about one is said on stderr. Raises UsageError."""
    from sizer.sizing.hardware import parse_target

    targets = tuple(parse_target(text) for text in on or ())
    for target in targets:
        if target.doubt:
            note(f"warning: --on {target.doubt}")
    return targets
