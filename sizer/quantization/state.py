"""Tensors of a quantised checkpoint that belong to no weight: statistics of activations and of the KV cache."""

from __future__ import annotations

from collections.abc import Collection

from sizer.quantization.format import Module, join

__all__ = ["dropped_reason"]

_KV_CACHE = (
    "k_scale", "v_scale", "q_scale", "kv_scale", "k_zero_point", "v_zero_point", "k_cache_scale", "v_cache_scale",
    "kv_cache_scaling_factor", "kv_cache_scale", "prob_scale", "prob_output_scale", "q_global_scale",
    "k_global_scale", "v_global_scale",
)  # fmt: skip
_ACTIVATIONS = (
    "input_scale", "input_scale_2", "output_scale_2",
    "input_scale_inv", "input_global_scale", "input_zero_point", "activation_scale", "act_scale",
    "input_activation_scale", "output_activation_scale", "output_scale", "output_global_scale", "output_zero_point",
    "pre_quant_scale", "input_scale_ub", "activation_scaling_factor", "qscale_act",
)  # fmt: skip
_WEIGHTS = (
    "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_global_scale", "weight_zero_point", "weight_shape",
    "weight_g_idx",
)  # fmt: skip
_FUSED_SCALES = "fuse_scales"  # Cornell-RelaxML/quip-sharp: one number for each of the projections put together
_QUANTIZER_STATE = ("_amax", "_scale", "_pre_quant_scale", "_bias_value", "_double_scale", "_global_amax")


def dropped_reason(module: Module, leaf: str, transforms: Collection[str] = (), *, is_quantised: bool) -> str:
    """Why a leftover leaf carries no parameters; empty where it does. An unquantised checkpoint has no such leaves
    but those of quantisers that were inserted and not applied (`input_quantizer._amax`). `transforms` are the names
    of submodules that rotate inputs or outputs, and undo what was done to the weight.

    Sources: NVIDIA/Model-Optimizer, modelopt/torch/export/quant_utils.py, `_KV_CACHE_REPLACEMENTS`; vLLM,
    model_loader/weight_utils.py, `maybe_remap_kv_scale_name`; compressed-tensors, quantization/lifecycle.
    """
    last = leaf.rpartition(".")[2]
    if last in _QUANTIZER_STATE and join(module.path, leaf).endswith(f"_quantizer.{last}"):
        return "quantiser statistics"
    if not is_quantised:
        return ""
    if module.path.rpartition(".")[2] in transforms:
        return "rotations of activations"
    if module.path.rpartition(".")[2] == _FUSED_SCALES:
        return "scales of fused projections"
    kind = module.tensors[leaf]
    if kind.dtype == "F8_E8M0":
        return "block exponents"
    if last in _KV_CACHE:
        return "KV cache scales"
    if last in ("k_bias", "v_bias") and f"{last[0]}_scale" in module.tensors:
        return "KV cache scales"
    if last in _ACTIVATIONS or any(f"{other}_{name}" == last for other in module.tensors for name in _ACTIVATIONS):
        return "activation scales"
    is_scale = last in _WEIGHTS or last.endswith("_scale_inv")  # of experts that are stored one by one beside them
    return "scales without a packed weight" if is_scale else ""
