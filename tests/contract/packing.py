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


def _mlx(bits: int, group: int, **keys: Any) -> dict[str, Any]:
    return {"quantization": {"bits": bits, "group_size": group, **keys}}


# Widths that no packing divides evenly: 32-bit words, blocks and groups are padded.
ODD = model(hidden=200, inner=328, rows=104)
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

CASES = [*GPTQ, *AWQ, *BITSANDBYTES, *FP8, *BLOCKS, *COMPRESSED_TENSORS, *MLX]
