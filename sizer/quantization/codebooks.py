"""Vector quantisation: AQLM, VPTQ, QuIP#, QTIP and HIGGS keep indices into tables of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from sizer.quantization.format import Format, Module, Weight

__all__ = ["Aqlm", "Higgs", "Incoherent", "Vptq"]

_VECTOR_LENGTHS = (8, 6, 4, 12, 2, 16, 3, 10, 5, 7)


class Aqlm(Format):
    """`codes` [out groups, in groups, codebooks], `codebooks` [codebooks, size, out group, in group], `scales`.

    Source: Vahe1994/AQLM, inference_lib/src/aqlm/inference.py, `QuantizedLinear`.
    """

    name = "AQLM"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with additive codebooks."""
        codes, books = module.tensors.get("codes"), module.tensors.get("codebooks")
        if codes is None or books is None or len(codes.shape) != 3 or len(books.shape) != 4:
            return
        if codes.shape[2] != books.shape[0] or 0 in books.shape:
            return
        outputs, inputs = codes.shape[0] * books.shape[2], codes.shape[1] * books.shape[3]
        bits = round(books.shape[0] * log2(books.shape[1]) / (books.shape[2] * books.shape[3]), 2)
        yield Weight(
            leaf="weight",
            shape=(outputs, inputs),
            storage=f"AQLM {bits:g}-bit",
            bits=bits,
            uses=module.present("codes", "codebooks", "scales"),
        )


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


class Incoherent(Format):
    """QuIP# `Qidxs` and QTIP `trellis`, each with sign vectors `SU` [in] and `SV` [out].

    Sources: Cornell-RelaxML/quip-sharp and Cornell-RelaxML/qtip, lib/linear/quantized_linear.py.
    """

    name = "QuIP#"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with sign vectors for both sides."""
        left, right = module.tensors.get("SU"), module.tensors.get("SV")
        carrier = module.tensors.get("Qidxs") or module.tensors.get("trellis")
        if left is None or right is None or carrier is None or len(left.shape) != 1 or len(right.shape) != 1:
            return
        outputs, inputs = right.shape[0], left.shape[0]
        name = "QuIP#" if "Qidxs" in module.tensors else "QTIP"
        bits = round(carrier.size_bytes * 8 / (outputs * inputs or 1), 2)
        yield Weight(
            leaf="weight",
            shape=(outputs, inputs),
            storage=f"{name} {bits:g}-bit",
            bits=bits,
            uses=module.present(
                "Qidxs", "trellis", "SU", "SV", "Wscale", "codebook_id", "A", "B", "scaleWH", "ocs_dupe_inds", "tlut",
                "rcp", "tp_rank", "fuse_scales", "had_left", "had_right",
            ),
        )  # fmt: skip


class Higgs(Format):
    """`weight` I16 [out x bits / 16, in] + `scales` [out, groups] + `tables` + `tables2`.

    Source: transformers, integrations/higgs.py, `HiggsLinear`.
    """

    name = "HIGGS"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with a grid of values."""
        carrier, scales = module.tensors.get("weight"), module.tensors.get("scales")
        if carrier is None or scales is None or "tables" not in module.tensors or carrier.dtype != "I16":
            return
        if len(carrier.shape) != 2 or len(scales.shape) != 2 or not scales.shape[0]:
            return
        bits = carrier.shape[0] * 16 // scales.shape[0]
        yield Weight(
            leaf="weight",
            shape=(scales.shape[0], carrier.shape[1]),
            storage=f"HIGGS {bits}-bit",
            bits=bits,
            uses=module.present("weight", "scales", "tables", "tables2"),
        )
