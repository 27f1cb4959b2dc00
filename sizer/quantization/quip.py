"""QuIP# and QTIP: weights made incoherent by random signs, then coded."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight

__all__ = ["QuipQtip"]


class QuipQtip(Format):
    """QuIP# `Qidxs` and QTIP `trellis`, each with sign vectors `SU` [in] and `SV` [out].

    Sources: Cornell-RelaxML/quip-sharp and Cornell-RelaxML/qtip, lib/linear/quantized_linear.py.
    """

    name = "QuIP#, QTIP"

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
