"""Published decode speeds against the ranges of `sizer.sizing.speed`: the table of `docs/concepts/speed.md`.

python benchmarks/speed.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sizer.anatomy.attention import AttentionSpec
from sizer.sizing.hardware import find_device
from sizer.sizing.speed import Decode, Prefill, Reads, estimate_decode, estimate_prefill
from sizer.tables import convert, load_yaml

TABLE = Path(__file__).with_name("measurements.yaml")


@dataclass(frozen=True, kw_only=True)
class Model:
    id: str
    layers: int
    weights_read_bytes: int
    derived: str
    multiplied_parameters: int | None = None
    """All less the input embedding; where prompts were measured."""


@dataclass(frozen=True, kw_only=True)
class Source:
    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    device: str
    model: str
    tokens_per_second: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """One model on one device or several."""

    device: str
    devices: int
    model: str
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True)
class Table:
    models: tuple[Model, ...]
    sources: tuple[Source, ...]
    measurements: tuple[Measurement, ...]
    """Seen when the ranges were drawn."""
    held_out: tuple[Measurement, ...]
    """Found afterwards."""
    prefill: tuple[Run, ...]
    several_devices: tuple[Run, ...]


def load() -> Table:
    """The measurements with their models and sources."""
    return convert(load_yaml(TABLE), Table, where=str(TABLE))


def reads_of(model: Model) -> Reads:
    """What the model reads, as the estimate wants it."""
    return Reads(
        fixed_bytes=model.weights_read_bytes, routed_bytes=0, experts=None, experts_per_token=None, layers=model.layers,
        active_parameters=model.multiplied_parameters or 0, routed_parameters=0, compute_bits=16,
    )  # fmt: skip


def empty_cache(model: Model) -> AttentionSpec:
    """No cache: the measurements begin with an empty one."""
    return AttentionSpec(
        form="decoder", layers=model.layers, groups=(), context_tokens=None, element_bytes=2,
        cache_element_bytes=2, hidden_size=None, vocabulary_size=None, basis="declared",
    )  # fmt: skip


def decode_of(model: Model, device: str, devices: int = 1) -> Decode:
    """The estimate for one sequence with an empty cache."""
    decode = estimate_decode(reads_of(model), empty_cache(model), find_device(device), devices=devices)
    assert decode is not None
    return decode


def prefill_of(model: Model, device: str, devices: int = 1) -> Prefill:
    """The estimate for a prompt of 1,024 tokens."""
    return estimate_prefill(
        reads_of(model), empty_cache(model), find_device(device), devices=devices, prompt_tokens=1024
    )


def outside(table: Table) -> dict[str, list[Run]]:
    """The runs that lie outside their range, of `prefill` and of `several_devices`."""
    models = {model.id: model for model in table.models}
    out: dict[str, list[Run]] = {"prefill": [], "several_devices": []}
    for run in table.prefill:
        found = prefill_of(models[run.model], run.device, run.devices).expected_tokens_per_second
        assert found is not None
        if not found[0] <= run.tokens_per_second <= found[1]:
            out["prefill"].append(run)
    for run in table.several_devices:
        low, high = decode_of(models[run.model], run.device, run.devices).expected_tokens_per_second
        if not low <= run.tokens_per_second <= high:
            out["several_devices"].append(run)
    return out


def rows(table: Table, measurements: Sequence[Measurement]) -> list[str]:
    """One Markdown row a measurement, by device."""
    models = {model.id: model for model in table.models}
    out = []
    for item in sorted(measurements, key=lambda item: (item.device, item.model)):
        decode = decode_of(models[item.model], item.device)
        low, high = decode.expected_tokens_per_second
        inside = "yes" if low <= item.tokens_per_second <= high else "**no**"
        share = item.tokens_per_second / decode.ceiling_tokens_per_second
        out.append(
            f"| {item.device} | {item.model} | {item.tokens_per_second:.1f} | {decode.ceiling_tokens_per_second:.1f} "
            f"| {share:.0%} | {low:.1f} to {high:.1f} | {inside} | {item.source} |"
        )
    return out


def inside(table: Table, measurements: Sequence[Measurement]) -> tuple[int, int]:
    """(measurements inside the expected range, all of them)."""
    found = [row for row in rows(table, measurements) if "**no**" not in row]
    return len(found), len(measurements)


if __name__ == "__main__":
    table = load()
    for measurements in (table.measurements, table.held_out):
        print("\n".join(rows(table, measurements)))
        print("{} of {} inside".format(*inside(table, measurements)))
    for name, runs in outside(table).items():
        print(f"{name}: {len(getattr(table, name)) - len(runs)} of {len(getattr(table, name))} inside; outside:")
        print("\n".join(f"  {run.devices} x {run.device} {run.model} {run.tokens_per_second}" for run in runs))
