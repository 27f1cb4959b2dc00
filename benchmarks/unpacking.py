"""Time to unpack the tensors of a large checkpoint of routed experts: the table of docs/benchmarks.md.

    python benchmarks/unpacking.py [TENSORS]

Each figure is the best of five runs in this process; names and shapes are made here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from math import ceil, prod
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sizer.headers.interface import StoredTensor
from sizer.quantization.dtypes import BITS
from sizer.quantization.unpack import unpack

RUNS = 5
OUT, IN = 2048, 4096
Leaf = tuple[str, str, tuple[int, ...]]

LAYOUTS: dict[str, tuple[Leaf, ...]] = {
    "BF16": (("weight", "BF16", (OUT, IN)),),
    "FP8, 128x128 blocks": (("weight", "F8_E4M3", (OUT, IN)), ("weight_scale_inv", "F32", (OUT // 128, IN // 128))),
    "compressed-tensors 4-bit": (
        ("weight_packed", "I32", (OUT, IN // 8)),
        ("weight_scale", "BF16", (OUT, IN // 32)),
        ("weight_shape", "I64", (2,)),
    ),
    "NVFP4": (
        ("weight", "U8", (OUT, IN // 2)),
        ("weight_scale", "F8_E4M3", (OUT, IN // 16)),
        ("weight_scale_2", "F32", ()),
        ("input_scale", "F32", ()),
    ),
    "GPTQ 4-bit": (
        ("qweight", "I32", (IN // 8, OUT)),
        ("qzeros", "I32", (IN // 128, OUT // 8)),
        ("scales", "F16", (IN // 128, OUT)),
        ("g_idx", "I32", (IN,)),
    ),
    "bitsandbytes NF4": (
        ("weight", "U8", (OUT * IN // 2, 1)),
        ("weight.absmax", "U8", (OUT * IN // 64,)),
        ("weight.quant_map", "F32", (16,)),
        ("weight.nested_absmax", "F32", (OUT * IN // 64 // 256,)),
        ("weight.nested_quant_map", "F32", (256,)),
        ("weight.quant_state.bitsandbytes__nf4", "U8", (173,)),
    ),
}


def make_tensors(leaves: tuple[Leaf, ...], tensors: int) -> Iterator[StoredTensor]:
    """Experts of three projections, 384 to a layer, in the order of their names within each leaf's file order."""
    modules = tensors // len(leaves)
    for leaf, dtype, shape in leaves:
        size = ceil(prod(shape) * BITS[dtype] / 8)
        for module in range(modules):
            layer, rest = divmod(module, 384 * 3)
            expert, projection = divmod(rest, 3)
            name = f"model.layers.{layer}.mlp.experts.{expert}.{('gate', 'up', 'down')[projection]}_proj.{leaf}"
            yield StoredTensor(name, dtype, shape, size)


def best_of(action: Callable[[], object]) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    tensors = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    print("| packing | tensors | seconds |")
    print("|---|---|---|")
    for name, leaves in LAYOUTS.items():
        stored = list(make_tensors(leaves, tensors))
        seconds = best_of(lambda stored=stored: unpack(stored, config=None, documents={}, metadata={}))  # type: ignore[misc]
        print(f"| {name} | {len(stored):,} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
