"""Time to read a header, the check by the reference reader included.

    python benchmarks/headers.py

Prints the table of docs/benchmarks.md. Each figure is the best of seven runs in this process; headers are
made here, so nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import json
import platform
import struct
import time
from collections.abc import Callable

import safetensors

from sizer.headers import safetensors as reader

RUNS = 7


def make_header(tensors: int, *, bracket_in_metadata: bool = False) -> bytes:
    """The header of a checkpoint of routed experts: names of 57 characters, matrices of BF16."""
    entries: dict[str, object] = {"__metadata__": {"format": "[pt]" if bracket_in_metadata else "pt"}}
    size = 2048 * 768 * 2
    for i in range(tensors):
        layer, expert = divmod(i, 384)
        name = f"model.layers.{layer:03d}.mlp.experts.{expert:03d}.gate_proj.weight"
        entries[name] = {"dtype": "BF16", "shape": [2048, 768], "data_offsets": [i * size, (i + 1) * size]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text


def best_of(action: Callable[[], object]) -> float:
    """Seconds of the fastest of `RUNS` runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def ask_reference(raw: bytes) -> None:
    """The reference's check alone."""
    with contextlib.suppress(safetensors.SafetensorError):
        safetensors.deserialize(raw)  # type: ignore[no-untyped-call]


def main() -> None:
    print(f"Python {platform.python_version()}, safetensors {safetensors.__version__}, best of {RUNS}\n")
    print("| header | sizer, verified | of which the reference | sizer, every name looked at | json.loads |")
    print("|---|---|---|---|---|")
    for tensors in (300, 2_000, 20_000, 90_000):
        raw = make_header(tensors)
        unusual = make_header(tensors, bracket_in_metadata=True)
        seconds = [
            best_of(lambda raw=raw: reader.parse_header(raw, path="x")),
            best_of(lambda raw=raw: ask_reference(raw)),
            best_of(lambda raw=unusual: reader.parse_header(raw, path="x")),
            best_of(lambda raw=raw: json.loads(raw[8:])),
        ]
        cells = " | ".join(f"{1000 * value:,.1f} ms" for value in seconds)
        print(f"| {tensors:,} tensors, {len(raw) / 1e6:.2f} MB | {cells} |")


if __name__ == "__main__":
    main()
