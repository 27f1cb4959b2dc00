"""Weights with a scale beside them, as FP8, INT8, MXFP4, NVFP4 and compressed-tensors store them.

A parameter `weight` has `weight_scale`, `weight_zero_point`, `input_scale` and the like beside it; a fused one
(`gate_up_proj`) has `gate_up_proj_weight_scale` or `gate_up_proj_scale`. Nothing is decoded here.
Sources: vllm-project/compressed-tensors, src/compressed_tensors/compressors; NVIDIA/Model-Optimizer,
modelopt/torch/export/quant_utils.py; transformers, integrations/finegrained_fp8.py and fbgemm_fp8.py; vLLM,
models/mistral.py (`qscale_weight`, `qscale_act`); vllm-ascend, quantization (`deq_scale`, `quant_bias`, offsets).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sizer.quantization.format import Kind, Module

__all__ = ["Scaled", "find_scaled", "state_of"]

_SCALES = (
    "_scale", "_scale_inv", "_weight_scale", "_weight_scale_inv", "_scales", "_weight_scales", "_sf", "_sf_rowmajor",
)  # fmt: skip
_STATE = (
    *_SCALES, "_scale_2", "_weight_scale_2", "_global_scale", "_weight_global_scale", "_scale_max", "_per_tensor_scale",
    "_zero_point", "_zero_point_2",
    "_weight_zero_point", "_zp", "_zeros", "_shape", "_weight_shape", "_g_idx", "_weight_g_idx",
    "_input_scale", "_input_scale_inv", "_output_scale", "_activation_scale", "_input_activation_scale",
    "_output_activation_scale", "_input_global_scale", "_input_zero_point", "_output_zero_point", "_scale_ub",
    "_format", "_pre_quant_scale", "_scaling_factor",
)  # fmt: skip
_BARE_SCALES = ("scale", "scale_inv", "scales", "scale_weight", "weights_scaling_factor", "SCB", "qscale_weight")
_BARE = (
    *_BARE_SCALES, "input_scale", "input_scale_2", "input_scale_inv", "output_scale", "output_scale_2",
    "input_global_scale", "output_global_scale",
    "input_zero_point", "output_zero_point", "activation_scale", "activation_scaling_factor", "act_scale",
    "input_activation_scale", "output_activation_scale", "input_scale_ub", "pre_quant_scale", "scale_input",
    "zero_point", "zero_points", "g_idx", "svdquant_lora_a", "svdquant_lora_b", "weights_scaling_factor_2",
    "prequant_scaling_factor", "comfy_quant", "qscale_weight", "qscale_act", "weight_offset", "input_offset",
    "deq_scale", "quant_bias", "scale_bias", "weight_scale_second", "weight_offset_second",
)  # fmt: skip


class Scaled(NamedTuple):
    """A stored tensor and what accompanies it."""

    leaf: str
    parameter: str
    """The leaf in the unquantised model."""
    kind: Kind
    scale: Kind | None
    state: tuple[str, ...]
    """Companion leaves, the scale included."""


def state_of(module: Module, parameter: str) -> tuple[str, ...]:
    """The leaves that accompany a parameter of this name."""
    return module.companions(parameter, _STATE, _BARE)


def find_scaled(module: Module, dtypes: frozenset[str], *, suffix: str = "") -> Iterator[Scaled]:
    """Tensors of these dtypes whose leaf ends so and that are no companions themselves, with what accompanies them."""
    for leaf, kind in module.tensors.items():
        if kind.dtype not in dtypes or not leaf.endswith(suffix):
            continue
        parameter = leaf[: len(leaf) - len(suffix)]
        if not parameter or _is_state(module, leaf):
            continue
        state = tuple(name for name in state_of(module, parameter) if name != leaf)
        scales = [name for name in state if name in _BARE_SCALES or name.removeprefix(parameter) in _SCALES]
        scale = max((module.tensors[name] for name in scales), key=lambda kind: kind.elements, default=None)
        yield Scaled(leaf, parameter, kind, scale, state)


def _is_state(module: Module, leaf: str) -> bool:
    """Whether a leaf is named like a companion of another leaf of its module."""
    if leaf in _BARE and "weight" in module.tensors:
        return True
    return any(
        leaf.endswith(ending)
        and (leaf.removesuffix(ending) in module.tensors or f"{leaf.removesuffix(ending)}_packed" in module.tensors)
        for ending in _STATE
    )
