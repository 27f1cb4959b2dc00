"""A small unquantised model, and the rules by which each format packs it, worked from the formats' documentation.

`pack` functions turn one parameter (name, shape) into the tensors that a file holds. Everything the formats
leave alone (norms, embeddings, router) is stored as BF16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

from sizer.headers.interface import StoredTensor
from sizer.quantization.dtypes import BITS

Packed = Iterator[StoredTensor]
Packer = Callable[[str, tuple[int, ...]], Packed]


def tensor(name: str, dtype: str, *shape: int) -> StoredTensor:
    """A stored tensor with the bytes that its dtype and shape give."""
    return StoredTensor(name, dtype, shape, ceil(prod(shape) * BITS[dtype] / 8))


def model(
    hidden: int = 256, inner: int = 640, rows: int = 512, experts: int = 4, layers: int = 2
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a mixture-of-experts decoder with traps: parameters named like quantisation state."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (rows, hidden), "lm_head.weight": (rows, hidden)}
    for layer in range(layers):
        at = f"model.layers.{layer}"
        shapes[f"{at}.input_layernorm.weight"] = (hidden,)
        shapes[f"{at}.layer_scale"] = (hidden,)
        shapes[f"{at}.router.scale"] = (hidden,)
        shapes[f"{at}.router.per_expert_scale"] = (experts,)
        shapes[f"{at}.router.proj.weight"] = (experts, hidden)
        shapes[f"{at}.mlp.gate.e_score_correction_bias"] = (experts,)
        shapes[f"{at}.self_attn.q_proj.weight"] = (hidden * 2, hidden)
        shapes[f"{at}.self_attn.q_proj.bias"] = (hidden * 2,)
        shapes[f"{at}.self_attn.o_proj.weight"] = (hidden, hidden * 2)
        for expert in range(experts):
            for projection, shape in (("up_proj", (inner, hidden)), ("down_proj", (hidden, inner))):
                shapes[f"{at}.mlp.experts.{expert}.{projection}.weight"] = shape
    return shapes


def is_linear(name: str) -> bool:
    """Whether formats pack this parameter: the projections, not the router."""
    return name.endswith("_proj.weight") and "router" not in name


def store(shapes: dict[str, tuple[int, ...]], pack: Packer) -> list[StoredTensor]:
    """The model as a file holds it."""
    out: list[StoredTensor] = []
    for name, shape in shapes.items():
        out.extend(pack(name, shape) if is_linear(name) else [tensor(name, "BF16", *shape)])
    return out


def _base(name: str) -> str:
    return name.removesuffix(".weight")


def gptq(bits: int, group: int, *, g_idx: bool = True, zeros: bool = True) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at, groups = _base(name), ceil(inputs / group) if group > 0 else 1
        yield tensor(f"{at}.qweight", "I32", inputs * bits // 32, out)
        if zeros:
            yield tensor(f"{at}.qzeros", "I32", groups, out * bits // 32)
        yield tensor(f"{at}.scales", "F16", groups, out)
        if g_idx:
            yield tensor(f"{at}.g_idx", "I32", inputs)

    return pack


def awq(bits: int, group: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at = _base(name)
        yield tensor(f"{at}.qweight", "I32", inputs, out * bits // 32)
        yield tensor(f"{at}.qzeros", "I32", inputs // group, out * bits // 32)
        yield tensor(f"{at}.scales", "F16", inputs // group, out)

    return pack


def awq_gemv(group: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at, multiple = _base(name), {128: 1, 64: 2, 32: 4}[group]
        words = ceil(ceil(inputs // group / 8) / multiple) * multiple
        yield tensor(f"{at}.qweight", "I32", out, inputs // 8)
        yield tensor(f"{at}.qzeros", "I32", out, words)
        yield tensor(f"{at}.scales", "F16", out, words * 8)

    return pack


def awq_gemv_fast(name: str, shape: tuple[int, ...]) -> Packed:
    out, inputs = shape
    at, padded = _base(name), ceil(inputs // 128 / 8) * 8
    yield tensor(f"{at}.qweight", "I16", out // 4, inputs)
    yield tensor(f"{at}.qzeros", "F16", padded, out)
    yield tensor(f"{at}.scales", "F16", padded, out)


def marlin(bits: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at = _base(name)
        yield tensor(f"{at}.B", "I32", inputs // 16, out * bits // 2)
        yield tensor(f"{at}.s", "F16", inputs // 128, out)
        yield tensor(f"{at}.workspace", "I32", out // 128 * 16)

    return pack


def bnb_4bit(kind: str = "nf4", *, nested: bool = True, container: str = "U8") -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        count = prod(shape)
        blocks = ceil(count / 64)
        yield tensor(name, container, ceil(count * 4 / BITS[container]), 1)
        yield tensor(f"{name}.absmax", "U8" if nested else "F32", blocks)
        yield tensor(f"{name}.quant_map", "F32", 16)
        if nested:
            yield tensor(f"{name}.nested_absmax", "F32", ceil(blocks / 256))
            yield tensor(f"{name}.nested_quant_map", "F32", 256)
        yield tensor(f"{name}.quant_state.bitsandbytes__{kind}", "U8", 172)

    return pack


def bnb_8bit(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(name, "I8", *shape)
    yield tensor(f"{at}.SCB", "F32", shape[0])
    yield tensor(f"{at}.weight_format", "U8")


def fp8(
    scale: str, *scale_shape: int, dtype: str = "F8_E4M3", suffix: str = "weight_scale", static: bool = False
) -> Packer:
    """`scale` is `block` (with two sizes), `tensor` or `channel`."""

    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at = _base(name)
        yield tensor(name, dtype, *shape)
        sizes: tuple[int, ...] = ()
        if scale == "block":
            sizes = (ceil(shape[0] / scale_shape[0]), ceil(shape[1] / scale_shape[1]))
        if scale == "channel":
            sizes = (shape[0], 1)
        yield tensor(f"{at}.{suffix}", "F32", *sizes)
        if static:
            yield tensor(f"{at}.input_scale", "F32")

    return pack


def mx(
    bits: int, *, container: str = "U8", exponents: str = "U8", suffix: str = "weight_scale", packed: str = ""
) -> Packer:
    """OCP microscaling: one exponent for 32 values along the input."""

    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at = _base(name)
        yield tensor(name + packed, container, shape[0], shape[1] * bits // 8)
        yield tensor(f"{at}.{suffix}", exponents, shape[0], ceil(shape[1] / 32))

    return pack


def mx_blocks(name: str, shape: tuple[int, ...]) -> Packed:
    """gpt-oss: 32 values in 16 bytes, and an exponent for each such block."""
    yield tensor(f"{name}_blocks", "U8", shape[0], shape[1] // 32, 16)
    yield tensor(f"{name}_scales", "U8", shape[0], shape[1] // 32)


def nvfp4(*, packed: str = "", second: str = "weight_scale_2", swizzled: bool = False) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at, rows, columns = _base(name), shape[0], ceil(shape[1] / 16)
        if swizzled:
            rows, columns = ceil(rows / 128) * 128, ceil(columns / 4) * 4
        yield tensor(name + packed, "U8", shape[0], shape[1] // 2)
        yield tensor(f"{at}.weight_scale", "F8_E4M3", rows, columns)
        yield tensor(f"{at}.{second}", "F32")
        yield tensor(f"{at}.input_scale", "F32")

    return pack


def pack_quantized(bits: int, group: int, *, dense: bool = True, zeros: bool = False, g_idx: bool = False) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at, groups = _base(name), ceil(inputs / group) if group > 0 else 1
        words = ceil(inputs * bits / 32) if dense else ceil(inputs / (32 // bits))
        yield tensor(f"{at}.weight_packed", "I32", out, words)
        yield tensor(f"{at}.weight_scale", "BF16", out, groups)
        yield tensor(f"{at}.weight_shape", "I64", 2)
        if zeros:
            rows = ceil(out * bits / 32) if dense else ceil(out / (32 // bits))
            yield tensor(f"{at}.weight_zero_point", "I32", rows, groups)
        if g_idx:
            yield tensor(f"{at}.weight_g_idx", "I32", inputs)

    return pack


def int_quantized(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(name, "I8", *shape)
    yield tensor(f"{at}.weight_scale", "BF16", shape[0], 1)
    yield tensor(f"{at}.input_scale", "F32")
    yield tensor(f"{at}.input_zero_point", "I8")


def mlx(bits: int, group: int, *, exponents: bool = False) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at = _base(name)
        yield tensor(name, "U32", out, inputs * bits // 32)
        yield tensor(f"{at}.scales", "U8" if exponents else "BF16", out, inputs // group)
        if not exponents:
            yield tensor(f"{at}.biases", "BF16", out, inputs // group)

    return pack


def hqq(bits: int, group: int, *, axis: int = 1) -> Packer:
    """W_q of mobiusml/hqq: values regrouped to [n / group, group], then packed along the first axis."""

    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at, groups = _base(name), prod(shape) // group
        grouped = (groups, group) if axis == 1 else (group, groups)
        rows = ceil(grouped[0] / 10) if bits == 3 else grouped[0] * bits // 8
        yield tensor(f"{at}.W_q", "I32" if bits == 3 else "U8", rows, grouped[1])
        for leaf in ("scale", "zero"):
            yield tensor(f"{at}.{leaf}", "F16", *((groups, 1) if axis == 1 else (1, groups)))
        for leaf in ("nbits", "group_size", "axis", "packing", "view_as_float", "stores_quant_config"):
            yield tensor(f"{at}.{leaf}", "I32", 1)
        yield tensor(f"{at}.shape", "I32", 2)

    return pack


def sinq(name: str, shape: tuple[int, ...]) -> Packed:
    """Packed along the outputs; what is no tensor lies in a file beside the index."""
    at = _base(name)
    yield tensor(f"{at}.W_q", "U8", shape[0] // 2, shape[1])
    yield tensor(f"{at}.meta.scale", "F16", shape[0], shape[1] // 64, 1)
    yield tensor(f"{at}.meta.zero", "F16", shape[0], shape[1] // 64, 1)
    yield tensor(f"{at}.meta.scale2", "F16", shape[1])


def w4afp8(name: str, shape: tuple[int, ...]) -> Packed:
    yield tensor(name, "I8", shape[0], shape[1] // 2)
    yield tensor(f"{_base(name)}.weight_scale_inv", "BF16", shape[0], shape[1] // 128)


def aqlm(books: int, bits: int, group: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at = _base(name)
        yield tensor(f"{at}.codes", "I8" if bits == 8 else "I16", shape[0], shape[1] // group, books)
        yield tensor(f"{at}.codebooks", "F16", books, 2**bits, 1, group)
        yield tensor(f"{at}.scales", "F16", shape[0], 1, 1, 1)

    return pack


def vptq(length: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at = _base(name)
        yield tensor(f"{at}.indices", "I32", 1, ceil(out / length), ceil(inputs * 16 / 32))
        yield tensor(f"{at}.centroids.weight", "F16", 1, 256 * length)
        yield tensor(f"{at}.res_centroids.weight", "F16", 1, 256 * length)
        yield tensor(f"{at}.perm", "I16", inputs)
        yield tensor(f"{at}.weight_scale", "F16", inputs)
        yield tensor(f"{at}.weight_bias", "F16", inputs)

    return pack


def quip_sharp(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(f"{at}.Qidxs", "I64", shape[0], shape[1] // 32)
    yield tensor(f"{at}.SU", "F16", shape[1])
    yield tensor(f"{at}.SV", "F16", shape[0])
    yield tensor(f"{at}.Wscale", "F32")
    yield tensor(f"{at}.codebook_id", "I64")


def qtip(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(f"{at}.trellis", "I16", shape[0] * shape[1] // 256, 32)
    yield tensor(f"{at}.SU", "F16", shape[1])
    yield tensor(f"{at}.SV", "F32", shape[0])
    yield tensor(f"{at}.tlut", "F16", 512, 2)
    yield tensor(f"{at}.rcp", "I64")


def exl2(name: str, shape: tuple[int, ...]) -> Packed:
    """Half of the inputs in 4 bits, half in 5: 4.5 on average."""
    out, inputs = shape
    at, padded = _base(name), ceil(out / 32) * 32
    yield tensor(f"{at}.q_weight", "I32", inputs * 9 // 64, padded)
    yield tensor(f"{at}.q_invperm", "I32", inputs)
    yield tensor(f"{at}.q_scale", "I32", ceil(inputs / 32), padded // 8)
    yield tensor(f"{at}.q_scale_max", "F16", ceil(inputs / 32))
    yield tensor(f"{at}.q_groups", "I16", 2 * ceil(inputs / 32))


def exl3(bits: int, *, signs: bool = False) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = (ceil(size / 128) * 128 for size in shape)
        at = _base(name)
        yield tensor(f"{at}.trellis", "I16", inputs // 16, out // 16, 16 * bits)
        yield tensor(f"{at}.su", "I16", inputs // 16) if signs else tensor(f"{at}.suh", "F16", inputs)
        yield tensor(f"{at}.sv", "I16", out // 16) if signs else tensor(f"{at}.svh", "F16", out)

    return pack


def torchao(kind: str) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        out, inputs = shape
        at, groups = _base(name), inputs // 64
        whole, half, scales = (out, inputs), (out, inputs // 2), (groups, out)
        layouts: dict[str, list[tuple[str, str, tuple[int, ...]]]] = {
            "float8": [("qdata", "F8_E4M3", whole), ("scale", "F32", (out, 1))],
            "int8": [("qdata", "I8", whole), ("scale", "F32", (out,))],
            "intx": [("qdata", "I8", whole), ("scale", "BF16", (out, groups)), ("zero_point", "I8", (out, groups))],
            "int4": [("qdata", "U8", half), ("scale", "BF16", scales), ("zero_point", "BF16", scales)],
            "int4-words": [("qdata", "I32", (out, inputs // 8)), ("scale", "BF16", scales)],
            "int4-tiles": [
                ("qdata", "I32", (out // 8, inputs // 128, 32, 4)),
                ("scale_and_zero", "BF16", (groups, out, 2)),
            ],
            "nvfp4": [
                ("qdata", "U8", half),
                ("scale", "F8_E4M3", (out, inputs // 16)),
                ("per_tensor_scale", "F32", ()),
            ],
            "mxfp4": [("qdata", "U8", half), ("scale", "F8_E8M0", (out, inputs // 32))],
        }
        for leaf, dtype, sizes in layouts[kind]:
            yield tensor(f"{at}._weight_{leaf}", dtype, *sizes)

    return pack


def quanto(bits: int, group: int = 64) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at, groups = _base(name), prod(shape) // group
        if bits == 8:
            yield tensor(f"{name}._data", "I8", *shape)
            yield tensor(f"{name}._scale", "BF16", shape[0], 1)
        else:
            yield tensor(f"{name}._data._data", "U8", groups * bits // 8, group)
            yield tensor(f"{name}._scale", "BF16", groups, 1)
            yield tensor(f"{name}._shift", "BF16", groups, 1)
        yield tensor(f"{at}.input_scale", "F32")
        yield tensor(f"{at}.output_scale", "F32")

    return pack


def modelopt_int4(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(name, "U8", shape[0] // 2, shape[1])
    yield tensor(f"{at}.weight_scale", "BF16", shape[0], shape[1] // 128)
    yield tensor(f"{at}.pre_quant_scale", "BF16", shape[1])


def bitnet(name: str, shape: tuple[int, ...]) -> Packed:
    yield tensor(name, "U8", shape[0] // 4, shape[1])
    yield tensor(f"{_base(name)}.weight_scale", "BF16", 1)


def gemma(bits: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at = _base(name)
        yield tensor(name, "I8" if bits == 8 else "U8", shape[0], ceil(shape[1] * bits / 8))
        yield tensor(f"{at}.weight_scale", "F32", shape[0], 1)
        yield tensor(f"{at}.input_activation_scale", "F32")
        yield tensor(f"{at}.output_activation_scale", "F32")

    return pack


def quark_int4(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(name, "I32", shape[1], shape[0] // 8)
    yield tensor(f"{at}.weight_scale", "BF16", shape[1] // 64, shape[0])
    yield tensor(f"{at}.weight_zero_point", "I32", shape[1] // 64, shape[0] // 8)


def fp_quant(block: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at = _base(name)
        yield tensor(f"{at}.qweight", "U8", shape[0], shape[1] // 2)
        yield tensor(f"{at}.scales", "U8", shape[0], shape[1] // block)
        yield tensor(f"{at}.forward_hadamard_matrix", "BF16", 32, 32)
        yield tensor(f"{at}.weight_global_scale", "F32", 1)

    return pack


def four_over_six(name: str, shape: tuple[int, ...]) -> Packed:
    at = f"{_base(name)}.quantized_weight"
    yield tensor(f"{at}_values", "U8", shape[0], shape[1] // 2)
    yield tensor(f"{at}_scale_factors", "F8_E4M3", prod(shape) // 16)
    yield tensor(f"{at}_amax", "F32", 1)
    yield tensor(f"{at}_metadata", "I32", 4)


def svdquant(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(f"{at}.qweight", "I8", shape[0], shape[1] // 2)
    yield tensor(f"{at}.wscales", "BF16", shape[1] // 64, shape[0])
    yield tensor(f"{at}.smooth_factor", "BF16", shape[1])
    yield tensor(f"{at}.proj_down", "BF16", shape[1], 32)
    yield tensor(f"{at}.proj_up", "BF16", shape[0], 32)


def bitblas(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(f"{at}.qweight", "I8", shape[0], shape[1] // 2)
    yield tensor(f"{at}.scales", "F16", shape[0], shape[1] // 64)
    yield tensor(f"{at}.zeros", "F16", shape[0], shape[1] // 64)


def qserve(name: str, shape: tuple[int, ...]) -> Packed:
    """In groups of 128 inputs, or one for each output."""
    (out, inputs), at = shape, _base(name)
    yield tensor(f"{at}.qweight", "I8", out, inputs // 2)
    yield tensor(f"{at}.s1_scales", "F16", out)
    if inputs % 128:
        yield tensor(f"{at}.s1_szeros", "F16", out)
    else:
        yield tensor(f"{at}.s2_scales", "I8", inputs // 128, out)
        yield tensor(f"{at}.s2_zeros", "I8", inputs // 128, out)


def spqr(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(f"{at}.dense_weights", "I64", prod(shape) // 16)
    yield tensor(f"{at}.row_offsets", "I32", shape[0] + 1)
    yield tensor(f"{at}.col_vals", "I32", prod(shape) // 100)
    yield tensor(f"{at}.in_perm", "I32", shape[1] // 2)


def higgs(bits: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        at = _base(name)
        yield tensor(name, "I16", shape[0] * bits // 16, shape[1])
        yield tensor(f"{at}.scales", "F16", shape[0], shape[1] // 64)
        yield tensor(f"{at}.tables", "F16", 2**bits)
        yield tensor(f"{at}.tables2", "F16", 2**bits, 2**bits, 2)

    return pack


def bitmask_24(name: str, shape: tuple[int, ...]) -> Packed:
    yield tensor(f"{name}.compressed", "F8_E4M3", shape[0], shape[1] // 2)
    yield tensor(f"{name}.bitmask", "U8", shape[0], ceil(shape[1] / 8))
    yield tensor(f"{name}.shape", "I64", 2)
    yield tensor(f"{_base(name)}.weight_scale", "F32", shape[0], 1)


def marlin_24(name: str, shape: tuple[int, ...]) -> Packed:
    at = _base(name)
    yield tensor(f"{at}.weight_packed", "I32", shape[1] // 32, shape[0] * 2)
    yield tensor(f"{at}.scale_packed", "F16", shape[1] // 128, shape[0])
    yield tensor(f"{at}.meta", "I16", shape[1] // 32, shape[0] * 2)
    yield tensor(f"{at}.weight_shape", "I64", 2)


def ggml(dtype: str, block: int, block_bytes: int) -> Packer:
    def pack(name: str, shape: tuple[int, ...]) -> Packed:
        yield StoredTensor(name, dtype, shape, prod(shape) // block * block_bytes)

    return pack


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to store the model, and what config.json says about it."""

    id: str
    pack: Packer
    config: dict[str, Any] = field(default_factory=dict)
    bits: float | None = None
    scheme: str = ""
    """How the scheme's words begin."""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=model)
    has_shape: bool = True
    """False where only the count of a packed weight is known."""
    needs_config: bool = False
    """True where the shapes allow several readings."""


def _case(id: str, pack: Packer, bits: float, scheme: str, config: dict[str, Any] | None = None, **more: Any) -> Case:
    return Case(id=id, pack=pack, bits=bits, scheme=scheme, config=config or {}, **more)


def _ct(bits: int, group: int, form: str = "pack-quantized") -> dict[str, Any]:
    weights = {"num_bits": bits, "group_size": group if group > 0 else None, "type": "int"}
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return _q("compressed-tensors", format=form, config_groups=groups)


def _q(method: str, **keys: Any) -> dict[str, Any]:
    return {"quantization_config": {"quant_method": method, **keys}}


def _vptq() -> dict[str, Any]:
    layers = {
        name.removesuffix(".weight"): {"in_features": shape[1], "out_features": shape[0], "vector_lens": [-1, 8]}
        for name, shape in model().items()
        if is_linear(name)
    }
    return _q("vptq", config_for_layers=layers)


def _mlx(bits: int, group: int, **keys: Any) -> dict[str, Any]:
    return {"quantization": {"bits": bits, "group_size": group, **keys}}


# Widths that no packing divides evenly: 32-bit words, blocks and groups are padded.
ODD = model(hidden=200, inner=328, rows=104)
ODD_64 = model(hidden=448, inner=584, rows=104)
SWIZZLED = model(hidden=224, inner=480)

GPTQ = [
    *(
        _case(f"gptq-{bits}bit-g{group}", gptq(bits, group), bits, f"GPTQ {bits}-bit", _q("gptq", bits=bits))
        for bits in (2, 3, 4, 5, 6, 7, 8)
        for group in (32, 128, -1)
    ),
    _case("gptq-no-g_idx", gptq(4, 64, g_idx=False), 4, "GPTQ 4-bit, group 64", _q("gptq", bits=4)),
    _case("gptq-no-zeros", gptq(4, 64, zeros=False), 4, "GPTQ 4-bit, group 64", _q("gptq", bits=4)),
    _case("gptq-scales", gptq(8, 64, zeros=False, g_idx=False), 8, "GPTQ 8-bit", _q("gptq", bits=8), needs_config=True),
    _case("marlin-4bit", marlin(4), 4, "Marlin 4-bit", _q("gptq", checkpoint_format="marlin")),
    _case("marlin-8bit", marlin(8), 8, "Marlin 8-bit"),
]
AWQ = [
    *(
        _case(f"awq-g{group}", awq(4, group), 4, f"AWQ 4-bit, group {group}", _q("awq", bits=4))
        for group in (32, 64, 128)
    ),
    _case("awq-8bit", awq(8, 64), 8, "AWQ 8-bit", _q("awq", bits=8)),
    *(
        _case(f"awq-gemv-g{group}", awq_gemv(group), 4, "AWQ 4-bit", _q("awq", version="gemv"))
        for group in (32, 64, 128)
    ),
    _case("awq-gemv-fast", awq_gemv_fast, 4, "AWQ 4-bit", _q("awq", version="gemv_fast")),
]
BITSANDBYTES = [
    _case("bnb-nf4", bnb_4bit(), 4, "bitsandbytes NF4", _q("bitsandbytes", load_in_4bit=True), has_shape=False),
    _case("bnb-fp4", bnb_4bit("fp4", nested=False), 4, "bitsandbytes FP4", has_shape=False),
    _case("bnb-nf4-in-bf16", bnb_4bit(container="BF16"), 4, "bitsandbytes NF4", has_shape=False),
    _case("bnb-8bit", bnb_8bit, 8, "bitsandbytes 8-bit", _q("bitsandbytes", load_in_8bit=True)),
]
FP8 = [
    _case("fp8-blocks", fp8("block", 128, 128, suffix="weight_scale_inv"), 8, "FP8 (E4M3, 128x128 blocks)", _q("fp8")),
    _case("fp8-odd", fp8("block", 128, 128, suffix="weight_scale_inv"), 8, "FP8 (E4M3, 128x128 blocks)", shapes=ODD),
    _case("fp8-tensor", fp8("tensor", static=True), 8, "FP8 (E4M3, per tensor)", _q("modelopt", quant_algo="FP8")),
    _case("fp8-channel", fp8("channel"), 8, "FP8 (E4M3, per channel)", _q("fbgemm_fp8")),
    _case("fp8-e5m2", fp8("tensor", dtype="F8_E5M2", suffix="scale_weight"), 8, "FP8 (E5M2, per tensor)"),
    _case("int-quantized", int_quantized, 8, "INT8", _ct(8, -1, "int-quantized")),
]
BLOCKS = [
    _case("mxfp4-quark", mx(4), 4, "MXFP4", _q("quark")),
    _case("mxfp4-blocks", mx_blocks, 4, "MXFP4", _q("mxfp4")),
    _case("mxfp4-ct", mx(4, packed="_packed"), 4, "MXFP4", _ct(4, 32, "mxfp4-pack-quantized")),
    _case("mxfp4-i8", mx(4, container="I8", exponents="F8_E8M0", suffix="scale"), 4, "MXFP4", _q("fp8")),
    _case("mxfp6-quark", mx(6), 6, "MXFP6", _q("quark")),
    _case("mxfp8", mx(8, container="F8_E4M3"), 8, "MXFP8"),
    _case("nvfp4-modelopt", nvfp4(), 4, "NVFP4", _q("modelopt", quant_algo="NVFP4")),
    _case("nvfp4-ct", nvfp4(packed="_packed", second="weight_global_scale"), 4, "NVFP4", _ct(4, 16)),
    _case("nvfp4-swizzled", nvfp4(swizzled=True), 4, "NVFP4", shapes=SWIZZLED),
]
COMPRESSED_TENSORS = [
    *(
        _case(
            f"ct-{bits}bit-g{group}",
            pack_quantized(bits, group),
            bits,
            f"compressed-tensors {bits}-bit",
            _ct(bits, group),
            needs_config=True,
        )
        for bits in (2, 3, 4, 5, 6, 7, 8)
        for group in (32, 128, -1)
    ),
    _case(
        "ct-3bit-whole-values", pack_quantized(3, 64, dense=False), 3, "compressed-tensors 3-bit", _ct(3, 64),
        needs_config=True,
    ),
    _case(
        "ct-4bit-odd", pack_quantized(4, 8), 4, "compressed-tensors 4-bit, group 8", _ct(4, 8), shapes=ODD,
        needs_config=True,
    ),
    _case("ct-4bit-g_idx", pack_quantized(4, 64, g_idx=True), 4, "compressed-tensors 4-bit, group 64", _ct(4, 64)),
    _case("ct-4bit-zeros", pack_quantized(4, 64, zeros=True), 4, "compressed-tensors 4-bit, group 64", _ct(4, 64)),
]  # fmt: skip
MLX = [
    *(
        _case(
            f"mlx-{bits}bit-g{group}",
            mlx(bits, group),
            bits,
            f"MLX {bits}-bit, group {group}",
            _mlx(bits, group),
            needs_config=True,
        )
        for bits in (2, 3, 4, 5, 6, 8)
        for group in (32, 64, 128)
    ),
    _case("mlx-mxfp4", mlx(4, 32, exponents=True), 4, "MLX MXFP4", _mlx(4, 32, mode="mxfp4")),
]

VECTORS = [
    _case("aqlm-2x8", aqlm(2, 8, 8), 2, "AQLM 2-bit", _q("aqlm")),
    _case("aqlm-1x16", aqlm(1, 16, 8), 2, "AQLM 2-bit", _q("aqlm")),
    _case("vptq-8", vptq(8), 2, "VPTQ", _vptq(), needs_config=True),
    _case("quip", quip_sharp, 2, "QuIP# 2-bit", _q("quip")),
    _case("qtip", qtip, 2, "QTIP 2-bit"),
    _case("higgs-4bit", higgs(4), 4, "HIGGS 4-bit", _q("higgs", bits=4)),
    _case("higgs-2bit", higgs(2), 2, "HIGGS 2-bit", _q("higgs", bits=2)),
    _case("spqr", spqr, 3, "SpQR 3-bit", _q("spqr", bits=3)),
    _case("qserve", qserve, 4, "QServe 4-bit", _q("qoq")),
    _case("qserve-odd", qserve, 4, "QServe 4-bit", shapes=ODD_64),
]
EXLLAMA = [
    _case("exl2", exl2, 4.5, "EXL2", _q("exl2", bits=4.5)),
    _case("exl2-odd", exl2, 4.5, "EXL2", {**_q("exl2"), "intermediate_size": 584}, shapes=ODD_64, needs_config=True),
    _case("exl3-4bit", exl3(4), 4, "EXL3", {**_q("exl3"), "intermediate_size": 640}, needs_config=True),
    _case("exl3-3bit-signs", exl3(3, signs=True), 3, "EXL3", {"intermediate_size": 640}, needs_config=True),
    _case("exl3-odd", exl3(4), 4, "EXL3", {"intermediate_size": 584}, shapes=ODD_64, needs_config=True),
]
HQQ = [
    *(
        _case(f"hqq-{bits}bit", hqq(bits, 64), bits, f"HQQ {bits}-bit, group 64", _q("hqq"), has_shape=False)
        for bits in (1, 2, 3, 4, 8)
    ),
    *(
        _case(
            f"hqq-{bits}bit-axis0",
            hqq(bits, 64, axis=0),
            bits,
            f"HQQ {bits}-bit, group 64",
            _q("hqq", quant_config={"weight_quant_params": {"nbits": bits, "group_size": 64, "axis": 0}}),
            has_shape=False,
            needs_config=True,
        )
        for bits in (2, 3, 4, 8)
    ),
]
SINQ = [_case("sinq", sinq, 4, "SINQ 4-bit", _q("sinq", nbits=4), has_shape=False, needs_config=True)]
TORCHAO = [
    _case("torchao-float8", torchao("float8"), 8, "torchao FP8 (E4M3)", _q("torchao")),
    _case("torchao-int8", torchao("int8"), 8, "torchao INT8", _q("torchao")),
    _case("torchao-intx", torchao("intx"), 8, "torchao INT8", _q("torchao")),
    _case("torchao-int4", torchao("int4"), 4, "torchao INT4", _q("torchao")),
    _case("torchao-int4-words", torchao("int4-words"), 4, "torchao INT4", _q("torchao")),
    _case("torchao-int4-tiles", torchao("int4-tiles"), 4, "torchao INT4", _q("torchao")),
    _case("torchao-nvfp4", torchao("nvfp4"), 4, "torchao NVFP4", _q("torchao")),
    _case("torchao-mxfp4", torchao("mxfp4"), 4, "torchao MXFP4", _q("torchao")),
    _case("quanto-8bit", quanto(8), 8, "quanto INT8", _q("quanto")),
    _case("quanto-4bit", quanto(4), 4, "quanto INT4", _q("quanto"), has_shape=False),
    _case("quanto-2bit", quanto(2), 2, "quanto INT2", _q("quanto"), has_shape=False),
]
BYTES_AND_WORDS = [
    _case("modelopt-int4", modelopt_int4, 4, "INT4", _q("modelopt", quant_algo="W4A16_AWQ")),
    _case("w4afp8", w4afp8, 4, "INT4", {"intermediate_size": 640}, needs_config=True),
    _case("bitnet", bitnet, 2, "INT2", _q("bitnet"), needs_config=True),
    _case("gemma-2bit", gemma(2), 2, "INT2", {**_q("gemma", num_bits=2), "d_ff": 640}, needs_config=True),
    _case("gemma-4bit", gemma(4), 4, "INT4", {**_q("gemma", num_bits=4), "d_ff": 640}, needs_config=True),
    _case("gemma-8bit", gemma(8), 8, "INT8", _q("gemma", num_bits=8)),
    _case("quark-int4", quark_int4, 4, "INT4, group 64", _q("quark")),
    _case("fp-quant-mxfp4", fp_quant(32), 4, "MXFP4", _q("fp_quant")),
    _case("fp-quant-nvfp4", fp_quant(16), 4, "NVFP4", _q("fp_quant")),
    _case("four-over-six", four_over_six, 4, "NVFP4", _q("fouroversix")),
    _case("svdquant", svdquant, 4, "SVDQuant 4-bit"),
    _case("bitblas", bitblas, 4, "BitBLAS 4-bit", _q("gptq", bits=4, group_size=64), needs_config=True),
    _case("bitmask-2:4", bitmask_24, 8, "FP8 (E4M3) sparse"),
    _case("marlin-2:4", marlin_24, 4, "Marlin 4-bit, 2:4 sparse", _ct(4, 128, "marlin-24")),
]
# Block size and bytes of a block: ggml-org/llama.cpp, gguf-py/gguf/constants.py.
GGML = [
    _case("ggml-q4_k", ggml("Q4_K", 256, 144), 4.5, "GGUF Q4_K", shapes=model(hidden=256, inner=512)),
    _case("ggml-q8_0", ggml("Q8_0", 32, 34), 8.5, "GGUF Q8_0"),
    _case("ggml-iq2_xxs", ggml("IQ2_XXS", 256, 66), 2.06, "GGUF IQ2_XXS", shapes=model(hidden=256, inner=512)),
    _case("ggml-tq1_0", ggml("TQ1_0", 256, 54), 1.69, "GGUF TQ1_0", shapes=model(hidden=256, inner=512)),
    _case("ggml-mxfp4", ggml("MXFP4", 32, 17), 4.25, "GGUF MXFP4"),
    _case("ggml-nvfp4", ggml("NVFP4", 64, 36), 4.5, "GGUF NVFP4"),
]

CASES = [
    *GPTQ,
    *AWQ,
    *BITSANDBYTES,
    *FP8,
    *BLOCKS,
    *COMPRESSED_TENSORS,
    *MLX,
    *VECTORS,
    *EXLLAMA,
    *HQQ,
    *SINQ,
    *TORCHAO,
    *BYTES_AND_WORDS,
    *GGML,
]
