"""Tensors of a quantised checkpoint that belong to no weight: statistics of activations and of the KV cache."""

from __future__ import annotations

from sizer.quantization.format import Module

__all__ = ["dropped_reason"]

_KV_CACHE = (
    "k_scale", "v_scale", "q_scale", "kv_scale", "k_zero_point", "v_zero_point", "k_cache_scale", "v_cache_scale",
    "kv_cache_scaling_factor", "kv_cache_scale", "prob_scale", "prob_output_scale", "q_global_scale",
    "k_global_scale", "v_global_scale",
)  # fmt: skip
_ACTIVATIONS = (
    "input_scale", "input_scale_inv", "input_global_scale", "input_zero_point", "activation_scale", "act_scale",
    "input_activation_scale", "output_activation_scale", "output_scale", "output_global_scale", "output_zero_point",
    "pre_quant_scale", "input_scale_ub", "activation_scaling_factor",
)  # fmt: skip


def dropped_reason(module: Module, leaf: str) -> str:
    """Why a leftover leaf of a quantised checkpoint carries no parameters; empty where it does.

    Sources: NVIDIA/Model-Optimizer, modelopt/torch/export/quant_utils.py, `_KV_CACHE_REPLACEMENTS`; vLLM,
    model_loader/weight_utils.py, `maybe_remap_kv_scale_name`; compressed-tensors, quantization/lifecycle.
    """
    kind = module.tensors[leaf]
    if kind.dtype == "F8_E8M0":
        return "block exponents"
    last = leaf.rpartition(".")[2]
    if last in _KV_CACHE or last.endswith("_bmm_quantizer._amax"):
        return "KV cache scales"
    if last in ("k_bias", "v_bias") and f"{last[0]}_scale" in module.tensors:
        return "KV cache scales"
    if last in _ACTIVATIONS or last.endswith(tuple(f"_{name}" for name in _ACTIVATIONS)):
        return "activation scales"
    return ""
