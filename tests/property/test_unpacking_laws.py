"""Laws of unpacking, on modules of every format, whole and damaged, with configurations of any kind."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.headers.interface import StoredTensor
from sizer.quantization.dtypes import BITS
from sizer.quantization.unpack import unpack
from tests.contract.packing import CASES

SIZES = st.sampled_from([0, 1, 2, 3, 8, 16, 20, 32, 100, 128, 256, 512, 640])
DTYPES = [*BITS, "Q4_K", "F3_NEW"]


@st.composite
def damaged_modules(draw: st.DrawFn) -> list[StoredTensor]:
    """Modules as formats store them, with tensors missing, of another dtype or of another shape."""
    out = {}
    for case in draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=3)):
        at = draw(st.sampled_from(["a", "a.b.0", "a.b.1", "layers.7.experts.03.up_proj"]))
        for name, dtype, shape, size in case.pack(f"{at}.weight", (256, 640)):
            damage = draw(st.sampled_from(["", "", "", "missing", "dtype", "shape", "axis"]))
            if damage == "dtype":
                dtype = draw(st.sampled_from(DTYPES))
            if damage == "shape":
                shape = tuple(draw(st.lists(SIZES, max_size=4)))
            if damage == "axis" and shape:
                axis = draw(st.integers(0, len(shape) - 1))
                shape = (*shape[:axis], draw(SIZES), *shape[axis + 1 :])
            if damage:
                size = ceil(prod(shape) * BITS.get(dtype, 5) / 8)
            if damage != "missing":
                out[name] = StoredTensor(name, dtype, shape, size)
    return list(out.values())


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 1 << 40) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["bits", "group_size", "quant_method", "config_groups", "weights", "num_bits", "quantization", "mode",
         "quantization_config", "a.b.0", "hidden_size", "type", "targets", "text_config"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def check(stored: list[StoredTensor], config: Any) -> None:
    """Nothing raises, no byte is lost, and every count is what its shape says."""
    unpacked = unpack(stored, config=config, documents={"hf_quant_config.json": config}, metadata={})
    kept = sum(tensor.stored_bytes * tensor.count for tensor in unpacked.tensors)
    assert kept + sum(unpacked.dropped_bytes.values()) == sum(tensor.size_bytes for tensor in stored)
    for tensor in unpacked.tensors:
        assert tensor.parameters >= 0
        assert tensor.shape is None or prod(tensor.shape) == tensor.parameters
        assert all(len(numbers) == tensor.name.count("*") for numbers in tensor.indices)
    assert unpacked.is_known or unpacked.notices


@settings(max_examples=300, deadline=None)
@given(damaged_modules(), st.none() | st.dictionaries(st.sampled_from(["quantization_config", "quantization"]), VALUES))
def test_no_module_and_no_configuration_breaks_the_laws(stored: list[StoredTensor], config: Any) -> None:
    """Bytes are conserved and counts follow shapes, whatever the tensors and the configuration are."""
    check(stored, config)
