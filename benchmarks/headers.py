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

from sizer.headers import gguf
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


def make_gguf(tokens: int, tensors: int) -> bytes:
    """The header of a quantised model: a vocabulary with merges and scores, then tensors of Q8_0."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def texts(key: str, values: list[str]) -> bytes:
        return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))

    pairs = [
        texts("tokenizer.ggml.tokens", [f"token{i}" for i in range(tokens)]),
        texts("tokenizer.ggml.merges", [f"left{i} right{i}" for i in range(tokens)]),
        text("tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, tokens) + b"\0" * (4 * tokens),
    ]
    infos = [
        text(f"blk.{i}.ffn_gate_exps.weight") + struct.pack("<IQQIQ", 2, 2048, 768, 8, i * (2048 * 768 // 32 * 34))
        for i in range(tensors)
    ]
    raw = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(pairs)) + b"".join(pairs + infos)
    return raw + b"\0" * (-len(raw) % 32)


def read_in_portions(raw: bytes) -> None:
    """Read a GGUF header in the portions that the reader asks for."""
    incremental = gguf.GgufReader(path="x")
    while incremental.feed(raw[: incremental.needed]) is None:
        pass


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
    print("\n| GGUF header | sizer, in portions |")
    print("|---|---|")
    for tokens, tensors in ((32_000, 300), (150_000, 600), (262_144, 1_000)):
        raw = make_gguf(tokens, tensors)
        seconds_read = best_of(lambda raw=raw: read_in_portions(raw))
        print(f"| {tokens:,} tokens, {tensors:,} tensors, {len(raw) / 1e6:.2f} MB | {1000 * seconds_read:,.1f} ms |")


if __name__ == "__main__":
    main()
