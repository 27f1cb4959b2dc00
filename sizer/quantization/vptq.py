"""VPTQ: vectors of outputs as indices into centroids."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight

__all__ = ["Vptq"]

_VECTOR_LENGTHS = (8, 6, 4, 12, 2, 16, 3, 10, 5, 7)
_STATE = (
    "centroids.weight", "res_centroids.weight", "outlier_centroids.weight", "res_indices", "outlier_indices", "perm",
    "invert_perm", "weight_scale", "weight_bias",
)  # fmt: skip


class Vptq(Format):
    """`indices` [codebooks, out / vector, words], `centroids.weight` [codebooks, centroids x vector], `perm` [in] ...

    The inputs are the length of `perm` or `weight_scale`. The vector's length is not stored: the configuration's
    `config_for_layers` or a bias gives the outputs; else the usual length that leads to a width in use.
    Source: microsoft/VPTQ, vptq/layers/vqlinear.py, `VQuantLinear`.
    """

    name = "VPTQ"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with centroids."""
        indices, centroids = module.tensors.get("indices"), module.tensors.get("centroids.weight")
        if indices is None or centroids is None or len(indices.shape) != 3 or len(centroids.shape) != 2:
            return
        shape, why = _shape(module, indices.shape, centroids.shape)
        words = indices.size_bytes + sum(
            module.tensors[leaf].size_bytes for leaf in module.present("res_indices", "outlier_indices")
        )
        yield Weight(
            leaf="weight",
            shape=shape,
            storage="VPTQ",
            bits=round(words * 8 / (shape[0] * shape[1] or 1), 2),
            uses=("indices", *module.present(*_STATE)),
            is_exact=not why,
            why=why,
        )


def _shape(module: Module, indices: tuple[int, ...], centroids: tuple[int, ...]) -> tuple[tuple[int, int], str]:
    """[out, in], and why it is in doubt."""
    declared = next((scheme.shape for scheme in module.schemes if scheme.shape), None)
    if declared is not None:
        return declared, ""
    order = next((module.tensors[leaf].shape for leaf in module.present("perm", "invert_perm", "weight_scale")), ())
    inputs = order[0] if len(order) == 1 else indices[0] * indices[2]
    bias = module.tensors.get("bias")
    if bias is not None and len(bias.shape) == 1 and len(order) == 1:
        return (bias.shape[0], inputs), ""
    for length in _VECTOR_LENGTHS:
        size, rest = divmod(centroids[1], length)
        if rest == 0 and size > 0 and size & (size - 1) == 0 and indices[1] * length in module.widths:
            return (indices[1] * length, inputs), "the length of its vectors is not declared"
    return (indices[1] * _VECTOR_LENGTHS[0], inputs), "the length of its vectors is not declared"
