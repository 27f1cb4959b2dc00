"""VPTQ: vectors of outputs as indices into centroids."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight

__all__ = ["Vptq"]

_VECTOR_LENGTHS = (8, 6, 4, 12, 2, 16, 3, 10, 5, 7)


class Vptq(Format):
    """`indices` [codebooks, out / vector, words], `centroids.weight` [codebooks, centroids x vector], `perm` [in] ...

    The inputs are the length of `perm` or `weight_scale`. The vector's length is not stored: the configuration's
    `config_for_layers` gives it, or the one that leads to a width in use with a power of two centroids.
    Source: microsoft/VPTQ, vptq/layers/vqlinear.py, `VQuantLinear`.
    """

    name = "VPTQ"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with centroids."""
        indices, centroids = module.tensors.get("indices"), module.tensors.get("centroids.weight")
        if indices is None or centroids is None or len(indices.shape) != 3 or len(centroids.shape) != 2:
            return
        shape = next((scheme.shape for scheme in module.schemes if scheme.shape), None) or _vptq_shape(module)
        if shape is None:
            return
        words = indices.size_bytes + sum(
            module.tensors[leaf].size_bytes for leaf in module.present("res_indices", "outlier_indices")
        )
        yield Weight(
            leaf="weight",
            shape=shape,
            storage="VPTQ",
            bits=round(words * 8 / (shape[0] * shape[1] or 1), 2),
            uses=(
                "indices",
                *module.present(
                    "centroids.weight", "res_centroids.weight", "outlier_centroids.weight", "res_indices",
                    "outlier_indices", "perm", "invert_perm", "weight_scale", "weight_bias",
                ),
            ),
        )  # fmt: skip


def _vptq_shape(module: Module) -> tuple[int, int] | None:
    order = next((module.tensors[leaf].shape for leaf in module.present("perm", "invert_perm", "weight_scale")), ())
    if len(order) != 1:
        return None
    indices, centroids = module.tensors["indices"].shape, module.tensors["centroids.weight"].shape
    bias = module.tensors.get("bias")
    outputs = {bias.shape[0]} if bias is not None and len(bias.shape) == 1 else module.widths
    for length in _VECTOR_LENGTHS:
        size, rest = divmod(centroids[1], length)
        if rest == 0 and size > 0 and size & (size - 1) == 0:
            fitting = [n for n in range(indices[1] * length, (indices[1] - 1) * length, -1) if n in outputs]
            if fitting:
                return fitting[0], order[0]
    return None
