"""Published speeds of many sequences at once against the ranges of `sizer.sizing.speed`: a table of the docs.

    python benchmarks/batch.py

A run has B sequences in flight, each with a prompt and an answer. Its time is that of reading B prompts and of
writing the answer step by step, at the mean context; both come from the estimate that `sizer inspect --on` shows,
slow ends together and fast ends together. The ranges were not changed for these runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sizer.anatomy.attention import AttentionSpec, LayerGroup
from sizer.anatomy.mixers import Mixer
from sizer.sizing.hardware import find_device
from sizer.sizing.speed import Reads, estimate_decode, estimate_prefill
from sizer.tables import convert, load_yaml
from sizer.units import format_integer
from sizer.values import frozen

TABLE = Path(__file__).with_name("batch.yaml")


@frozen
class Model:
    id: str
    layers: int
    fixed_bytes: int
    """Weights that every step reads."""
    kv_cache_bytes_per_token: int
    derived: str
    active_parameters: int
    compute_bits: int = 16
    routed_bytes: int = 0
    routed_parameters: int = 0
    experts: int | None = None
    experts_per_token: int | None = None
    state_bytes: int = 0


@frozen
class Source:
    id: str
    text: str


@frozen
class Run:
    device: str
    model: str
    sequences: int
    prompt_tokens: int
    output_tokens: int
    tokens_per_second: float
    """Written by all sequences together."""
    source: str
    devices: int = 1


@frozen
class Table:
    models: tuple[Model, ...]
    sources: tuple[Source, ...]
    runs: tuple[Run, ...]


def load() -> Table:
    """The runs with their models and sources."""
    return convert(load_yaml(TABLE), Table, where=str(TABLE))


def estimate(model: Model, run: Run) -> tuple[float, float, float]:
    """(ceiling, slowest, fastest) tokens per second over all sequences of a run, its prompts read in that time."""
    kept = Mixer(kind="attention", elements_per_token=model.kv_cache_bytes_per_token // 2)
    state = Mixer(kind="recurrent", state_elements=model.state_bytes, state_element_bytes=1)
    spec = AttentionSpec(
        form="decoder", layers=model.layers, context_tokens=None, element_bytes=2, cache_element_bytes=2,
        groups=(LayerGroup(layers=(0,), mixers=(kept, state)),), hidden_size=None, vocabulary_size=None,
        basis="declared",
    )  # fmt: skip
    reads = Reads(
        fixed_bytes=model.fixed_bytes, routed_bytes=model.routed_bytes, experts=model.experts,
        experts_per_token=model.experts_per_token, layers=model.layers, active_parameters=model.active_parameters,
        routed_parameters=model.routed_parameters, compute_bits=model.compute_bits,
    )  # fmt: skip
    device = find_device(run.device)
    decode = estimate_decode(
        reads, spec, device, devices=run.devices, sequences=run.sequences,
        context_tokens=run.prompt_tokens + run.output_tokens // 2,
    )  # fmt: skip
    prompts = run.sequences * run.prompt_tokens
    prefill = estimate_prefill(reads, spec, device, devices=run.devices, prompt_tokens=prompts)
    assert decode is not None
    assert prefill.expected_tokens_per_second is not None
    assert prefill.ceiling_tokens_per_second is not None

    def together(read: float, written: float) -> float:
        return run.sequences * run.output_tokens / (prompts / read + run.output_tokens / written)

    return (
        together(prefill.ceiling_tokens_per_second, decode.ceiling_tokens_per_second),
        together(prefill.expected_tokens_per_second[0], decode.expected_tokens_per_second[0]),
        together(prefill.expected_tokens_per_second[1], decode.expected_tokens_per_second[1]),
    )


def rows(table: Table) -> Iterator[str]:
    """One Markdown row a run, by device."""
    models = {model.id: model for model in table.models}
    for run in sorted(table.runs, key=lambda run: (run.device, run.model, run.devices, run.prompt_tokens)):
        ceiling, low, high = estimate(models[run.model], run)
        inside = "yes" if low <= run.tokens_per_second <= high else "**no**"
        device = run.device if run.devices == 1 else f"{run.devices} x {run.device}"
        yield (
            f"| {device} | {run.model} | {run.sequences} | {format_integer(run.prompt_tokens)}, "
            f"{format_integer(run.output_tokens)} | {run.tokens_per_second:,.0f} | {ceiling:,.0f} "
            f"| {low:,.0f} to {high:,.0f} | {inside} | {run.source} |"
        )


def inside(table: Table) -> tuple[int, int]:
    """(runs inside the expected range, all of them)."""
    return sum("**no**" not in row for row in rows(table)), len(table.runs)


if __name__ == "__main__":
    print("\n".join(rows(load())))
    print("{} of {} inside".format(*inside(load())))
