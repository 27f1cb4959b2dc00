"""From a counted model to the numbers that claims are compared with."""

from __future__ import annotations

from collections.abc import Iterable

from sizer.anatomy.parameters import Anatomy
from sizer.anatomy.parts import TOWERS
from sizer.catalog.claims import Counts
from sizer.quantization.interface import StoredGroup

__all__ = ["counts_of"]

_COMPANIONS = frozenset(
    {
        "absmax", "biases", "g_idx", "input_global_scale", "input_scale", "input_zero_point", "k_scale",
        "nested_absmax", "nested_quant_map", "quant_map", "qzeros", "scales", "v_scale", "weight_g_idx",
        "weight_global_scale", "weight_scale", "weight_scale_2", "weight_scale_inv", "weight_shape",
        "weight_zero_point", "zero_point",
    }
)  # fmt: skip
"""Last part of the names of quantisation state, in the words of the formats that write them."""


def counts_of(anatomy: Anatomy, stored: Iterable[StoredGroup]) -> Counts:
    """The counts of one model with what its files hold beside parameters: copies, buffers, scales, packed tensors.

    `stored` are the tensors that `anatomy` was made of, as the files hold them.
    """
    elements = size = scales = 0
    for group in stored:
        elements += group.elements
        size += group.total_bytes
        scales += group.elements if _is_companion(group.leaf.rpartition(".")[2]) else 0
    parts = {component.name: component.total_parameters for component in anatomy.components}
    head = parts.get("output_head", 0)
    kept = anatomy.total + anatomy.tied_copy_parameters + anatomy.buffers
    return Counts(
        total=anatomy.total,
        active=anatomy.active,
        active_compute=anatomy.active_compute,
        active_without_embeddings=anatomy.active_without_embeddings,
        input_embedding=parts.get("input_embedding", 0),
        output_head=head,
        prediction_layers=parts.get("mtp", 0),
        prediction_copies=_copies(anatomy),
        towers=sum(parts.get(name, 0) for name in TOWERS),
        lookup_tables=parts.get("lookup_tables", 0),
        routed_experts=anatomy.experts.routed_experts,
        routed_expert_parameters=parts.get("routed_experts", 0),
        tied_copy=anatomy.tied_copy_parameters,
        buffers=anatomy.buffers,
        scales=scales,
        packing_gain=kept + scales - elements,
        stored_elements=elements,
        weights_bytes=size,
    )


def _is_companion(leaf: str) -> bool:
    return leaf in _COMPANIONS or leaf.endswith("_scales") or "bitsandbytes__" in leaf


def _copies(anatomy: Anatomy) -> int:
    """Parameters in prediction layers that have the shape of the token table: its copy and the head's."""
    tables = {group.shape for name, group in anatomy.components_of if name == "input_embedding"}
    return sum(group.total for name, group in anatomy.components_of if name == "mtp" and group.shape in tables)
