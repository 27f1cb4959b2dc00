"""`sizer tune`: what tuning a model takes and costs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit
from sizer.cli.sizing import On, read_targets
from sizer.units import parse_count

app = command_app()


def _count(name: str, metavar: str, help_: str) -> Any:
    return typer.Option(name, metavar=metavar, help=help_)


@app.command(epilog="Example: sizer tune Qwen/Qwen3-8B --examples 10k --tokens 1k --on h100")
def tune(
    reference: Annotated[str, typer.Argument(metavar="REF", help="org/name[@revision], a folder, a file or a bundle.")],
    examples: Annotated[str, _count("--examples", "N", "Examples to tune on.")] = "10k",
    tokens: Annotated[str, _count("--tokens", "N", "Tokens of one example, prompt and answer.")] = "1000",
    epochs: Annotated[str, _count("--epochs", "N", "Passes over the examples.")] = "3",
    rank: Annotated[str, _count("--rank", "R", "Rank of LoRA adapters.")] = "16",
    batch: Annotated[str, _count("--batch", "N", "Examples at once on each device.")] = "1",
    on: On = None,
    as_json: Json = False,
    offline: Offline = False,
) -> None:
    """What tuning takes: memory of full, LoRA and QLoRA tuning, time and cost for so many examples."""
    from sizer.api import ReadingSettings, tuning
    from sizer.cli.progress import progress
    from sizer.render.views.tune import show
    from sizer.sizing.training import TuningSettings

    settings = TuningSettings(
        examples=parse_count(examples, name="--examples", minimum=1, maximum=10**12),
        tokens_per_example=parse_count(tokens, name="--tokens", minimum=1, maximum=10**8),
        epochs=parse_count(epochs, name="--epochs", minimum=1, maximum=10**4),
        rank=parse_count(rank, name="--rank", minimum=1, maximum=10**5),
        batch=parse_count(batch, name="--batch", minimum=1, maximum=10**5),
        targets=read_targets(on),
    )
    with progress(f"reading headers of {reference}") as update:
        report = tuning(reference, settings, ReadingSettings(offline=offline, progress=update))
    emit("tune", report, show, as_json=as_json)
