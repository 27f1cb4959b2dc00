"""From the tensors of one layer to what it keeps between tokens.

Widths come from shapes: a key projection with 1,024 rows caches 1,024 elements a token, whatever its heads are.
The words of names are in `data/architectures/mixers.yaml`.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from sizer.anatomy.mixers import (
    HEADS_KEYS,
    SOURCE_LENGTH_KEYS,
    STATE_KEYS,
    Mixer,
    declared_heads,
    index_key_bytes,
    per_layer,
    state_element_bytes,
)
from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import Words, vocabulary
from sizer.quantization.interface import LogicalTensor
from sizer.tables import load_table
from sizer.values import frozen

__all__ = ["Seen", "read_mixers"]

_K_NORM = re.compile(r"(^|\.|_)k_(layer)?norm$|key_layernorm$")


@frozen
class _Table:
    source: str
    checked: datetime.date
    query: list[str]
    key: list[str]
    value: list[str]
    query_key_value: list[str]
    key_value: list[str]
    latent: list[str]
    output: list[str]
    decay: list[str]
    skip: list[str]
    convolution: list[str]
    receptance: list[str]
    recurrent_gate: list[str]
    input_gate: list[str]
    indexer: list[str]
    index_key: list[str]
    cross: list[str]
    feed_forward: list[str]
    stateful: list[str]


class _Roles:
    """The words of `data/architectures/mixers.yaml`, ready to match against one segment of a name."""

    def __init__(self) -> None:
        table: _Table = load_table("architectures/mixers.yaml", _Table)
        self.query = Words(table.query)
        self.key = Words(table.key)
        self.value = Words(table.value)
        self.query_key_value = Words(table.query_key_value)
        self.key_value = Words(table.key_value)
        self.latent = Words(table.latent)
        self.output = Words(table.output)
        self.decay = Words(table.decay)
        self.skip = Words(table.skip)
        self.convolution = Words(table.convolution)
        self.receptance = Words(table.receptance)
        self.recurrent_gate = Words(table.recurrent_gate)
        self.input_gate = Words(table.input_gate)
        self.indexer = Words(table.indexer)
        self.index_key = Words(table.index_key)
        self.cross = Words(table.cross)
        self.feed_forward = Words(table.feed_forward)
        self.stateful = Words(table.stateful)


@functools.cache
def _roles() -> _Roles:
    return _Roles()


@frozen
class Seen:
    """The mixers that the headers show, by layer of the stack that generates."""

    layers: dict[int, tuple[Mixer, ...]] = field(default_factory=dict)
    """Every layer of the stack; an empty tuple for a layer that only transforms."""
    hidden_size: int | None = None
    has_cross_attention: bool = False
    has_encoder: bool = False
    is_encoder_stack: bool = False
    """Whether the only stack is called an encoder."""

    @property
    def layer_count(self) -> int | None:
        """Layers in the headers, None where there are none."""
        return max(self.layers) + 1 if self.layers else None

    @property
    def any_attention(self) -> tuple[Mixer, ...]:
        """The attention of the first layer that has one."""
        return next((kept for _, mixers in sorted(self.layers.items()) if (kept := _growing(mixers))), ())


def _growing(mixers: Iterable[Mixer]) -> tuple[Mixer, ...]:
    return tuple(mixer for mixer in mixers if mixer.grows)


Weight = tuple[tuple[int, ...] | None, int]
"""Shape, where it is known, and parameters."""
Shapes = dict[str, Weight]
"""The weights of one module, by their path in it, lower case."""


def read_mixers(placed: Sequence[tuple[str, LogicalTensor]], settings: Settings) -> Seen:
    """The mixers of each layer of the stack that generates text."""
    stacks: dict[str, dict[int, dict[str, Shapes]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for component, group in placed:
        if component not in ("mixer", "norms", "dense_ffn", "routed_experts", "router", "shared_experts", "other"):
            continue
        segments = group.name.split(".")
        star = next((i for i, segment in enumerate(segments) if segment == "*"), None)
        if star is None:
            continue
        stack = ".".join(segments[:star])
        if component not in ("mixer", "norms", "other") and not _roles().convolution.any(segments[star + 1 :]):
            for layer in {index[0] for index in group.indices}:
                stacks[stack].setdefault(layer, defaultdict(dict))
            continue
        rest = segments[star + 1 :]
        for index in group.indices:
            root, path = _place(rest, index[1:])
            stacks[stack][index[0]][root][path] = (group.shape, group.parameters)
    name = _main_stack(stacks, settings)
    if name is None:
        return Seen()
    hidden = settings.integer("hidden_size", "n_embd", "d_model", "dim", minimum=1) or _norm_width(stacks[name])
    others = {other for other in stacks if other != name}
    is_encoder = bool(re.search(r"(^|\.)encoder(\.|$)", name)) and not any("decoder" in other for other in stacks)
    layers = {
        layer: tuple(mixer for root, shapes in modules.items() if (mixer := _mixer(root, shapes, hidden, settings)))
        for layer, modules in sorted(stacks[name].items())
    }
    return Seen(
        layers=layers,
        hidden_size=hidden,
        has_cross_attention=any(mixer.kind == "cross" for kept in layers.values() for mixer in kept),
        has_encoder=any("encoder" in other or other.startswith("enc") for other in others),
        is_encoder_stack=is_encoder,
    )


def _place(rest: list[str], numbers: tuple[int, ...]) -> tuple[str, str]:
    """(module, path in it) of a weight inside a layer: `self_attn`, `indexer.wk`."""
    segments = [segment.lower() for segment in rest]
    if segments and segments[-1] in ("weight", "bias", "beta", "gamma"):
        tail = "" if segments[-1] == "weight" else "." + segments[-1]
        segments = segments[:-1]
    else:
        tail = ""
    if not segments:  # a plain list of weights: `norms.0.weight`, `scales.0`
        return "", "".join(rest)
    if len(segments) == 1:  # one flat list of names: the prefix is the module
        head = segments[0].partition("_")[0]
        root = "attn" if segments[0].startswith("attn") else "cross_attn" if head == "cross" else head
        return root, (segments[0].removeprefix("cross_") if head == "cross" else segments[0]) + tail
    take = 1
    if len(segments) > 3 and segments[0] == "layer":  # `layer.1.EncDecAttention.k`
        take = 3
    elif len(segments) > 2 and segments[1] == "*":  # `self_attn.0.kv_a_proj_with_mqa`
        take = 2
    root = ".".join(segments[:take])
    for number in numbers:
        root = root.replace("*", str(number), 1)
    path = ".".join(segments[take:])
    return root, (path or segments[-1]) + tail


def _main_stack(stacks: Mapping[str, Mapping[int, Mapping[str, Shapes]]], settings: Settings) -> str | None:
    """The stack that generates: the declared number of layers, a decoder before an encoder, then the longest."""
    declared = settings.integer("num_hidden_layers", "n_layers", "n_layer", "num_layers", "decoder_layers")

    def score(name: str) -> tuple[bool, bool, int]:
        layers = stacks[name].values()
        mixing = sum(any(_is_mixer_like(root, shapes) for root, shapes in modules.items()) for modules in layers)
        decodes = "decoder" in name.split(".") or name.startswith("dec.")
        encodes = "encoder" in name.split(".") or name.startswith("enc.")
        return (decodes and not encodes, declared is not None and len(stacks[name]) == declared and mixing > 0, mixing)

    best = max(stacks, key=score, default=None)
    return best if best is not None and score(best)[2] > 0 else None


def _is_mixer_like(root: str, shapes: Shapes) -> bool:
    """Whether a module is called a mixer, or holds something that mixes tokens."""
    roles = _roles()
    words = (roles.key, roles.query_key_value, roles.key_value, roles.latent, roles.decay, roles.receptance)
    leaves = {path.split(".")[-1] for path in shapes}
    called = vocabulary().mixer.any(root.split(".")) and "norm" not in root
    return called or any(role.any(leaves) for role in words) or roles.convolution.any(leaves)


def _norm_width(layers: Mapping[int, Mapping[str, Shapes]]) -> int | None:
    for modules in layers.values():
        for root, shapes in modules.items():
            for shape, parameters in shapes.values():
                if "norm" in root and shape is not None and len(shape) == 1:
                    return parameters
    return None


def _mixer(root: str, shapes: Shapes, hidden: int | None, settings: Settings) -> Mixer | None:
    """The mixer of one module of a layer; None for a module that does not mix tokens."""
    roles = _roles()
    main = {path: value for path, value in shapes.items() if not roles.indexer.any(path.split(".")[:2])}
    leaves: Shapes = {}
    for path, value in main.items():
        if (leaf := path.split(".")[-1]) not in ("bias", "beta", "gamma"):
            leaves.setdefault(leaf, value)
    if decay := _pick(leaves, roles.decay):
        return _recurrent(leaves, main, decay, hidden, settings)
    if gate := _pick(leaves, roles.recurrent_gate):
        return Mixer(kind="recurrent", state_elements=gate[1], convolution_elements=_convolution(main))
    if _pick(leaves, roles.latent):
        return _latent(leaves, shapes, hidden, settings)
    if _pick(leaves, roles.input_gate):
        return _mlstm(leaves, hidden)
    has_query = roles.query.any(leaves)
    if roles.receptance.any(leaves) and not has_query:
        return _rwkv(root, leaves, hidden, settings)
    if roles.query_key_value.any(leaves) or roles.key_value.any(leaves) or (has_query and roles.key.any(leaves)):
        return _attention(root, leaves, main, shapes, hidden, settings)
    if has_query and roles.output.any(leaves):
        return Mixer(kind="attention", is_shared=True)
    convolution = _convolution(main)
    is_alone = all(roles.convolution.has(leaf) or "norm" in leaf for leaf in leaves)  # `mlp_sconv` of a layer
    if convolution and (is_alone or "conv" in root or {"in_proj", "out_proj"} & set(leaves)):
        return Mixer(kind="convolution", convolution_elements=convolution)
    return _unknown(root, leaves)


def _unknown(root: str, leaves: Shapes) -> Mixer | None:
    """A module that is called a mixer and holds matrices that nothing here explains."""
    if not vocabulary().mixer.any(root.split(".")) or "norm" in root:
        return None
    matrices = sorted(
        name
        for name, (shape, parameters) in leaves.items()
        if len([size for size in shape or (parameters,) if size > 1]) > 1 and not _roles().feed_forward.has(name)
    )
    if not matrices:
        return None
    return Mixer(
        kind="unknown", reason=f"the layers' `{root}` holds {', '.join(matrices[:4])}: no known way of mixing tokens"
    )


def _out(value: Weight, hidden: int | None, *, conv1d: bool = False) -> int:
    """Output features of a projection: rows, or columns where the class stores it transposed."""
    shape, parameters = value
    if shape is not None and len(shape) == 2:
        return max(shape) if conv1d and hidden in shape else shape[0]
    if shape is not None and len(shape) == 3 and hidden in shape:
        return parameters // (hidden or 1)
    return parameters // hidden if hidden and parameters % hidden == 0 else 0


def _in(value: Weight, hidden: int | None) -> int:
    """Input features of an output projection."""
    shape, parameters = value
    if shape is not None and len(shape) == 2:
        return shape[1] if shape[0] == hidden else shape[0]
    return parameters // hidden if hidden and parameters % hidden == 0 else 0


def _pick(leaves: Shapes, role: Words) -> Weight | None:
    """The first weight of a module that has this role."""
    return next((value for name, value in leaves.items() if role.has(name)), None)


def _convolution(main: Shapes) -> int:
    """Elements that the short convolutions of a module keep: channels x kernel width each, whatever the groups."""
    total = 0
    for path, (shape, parameters) in main.items():
        if _roles().convolution.has(path.split(".")[-1]) and shape is not None and len(shape) >= 2 and min(shape) <= 16:
            kernel = min((size for size in shape[1:] if size > 1), default=1)
            total += shape[0] * kernel if len(shape) == 3 else parameters
    return total


def _recurrent(leaves: Shapes, main: Shapes, decay: Weight, hidden: int | None, settings: Settings) -> Mixer:
    """Mamba, Mamba-2 or a delta rule, told apart by the shape of the decay and by the skip weight D."""
    roles = _roles()
    shape, parameters = decay
    dims = [size for size in (shape or (parameters,)) if size > 1] or [parameters]
    kept: dict[str, Any] = {
        "state_element_bytes": state_element_bytes(settings),
        "convolution_elements": _convolution(main),
        "heads": dims[0],
    }
    if len(dims) >= 2:  # one decay per channel and state dimension
        return Mixer(kind="mamba", key_dim=dims[-1], state_elements=math.prod(dims), **kept)
    heads, output = dims[0], _pick(leaves, roles.output)
    inner = _in(output, hidden) if output else 0
    if _pick(leaves, roles.skip):
        size = settings.integer(*STATE_KEYS)
        if not inner or not size:
            missing = "size of the state" if inner else "inner width"
            return Mixer(kind="unknown", reason=f"state-space layers: the {missing} is not known")
        return Mixer(kind="mamba2", key_dim=size, value_dim=inner // heads, state_elements=inner * size, **kept)
    key, value = _pick(leaves, roles.key), _pick(leaves, roles.value)
    values = _out(value, hidden) if value else inner
    key_heads = settings.integer("linear_num_key_heads", "linear_attn_config.num_heads", minimum=1) or heads
    key_dim = settings.integer("linear_key_head_dim", "linear_attn_config.head_dim", "linear_head_dim")
    if key_dim is None and key:
        key_dim = _out(key, hidden) // key_heads
    if not values or not key_dim:
        return Mixer(kind="unknown", reason="delta-rule layers: the key width of a head is not known")
    return Mixer(kind="delta_rule", key_dim=key_dim, value_dim=values // heads, state_elements=key_dim * values, **kept)


def _mlstm(leaves: Shapes, hidden: int | None) -> Mixer:
    """Matrix memory C (heads x key x value), normaliser n (heads x key) and stabiliser m (heads)."""
    roles = _roles()
    gate, key, value = (_pick(leaves, role) for role in (roles.input_gate, roles.key, roles.value))
    heads, keys, values = (_out(weight, hidden) if weight else 0 for weight in (gate, key, value))
    if not (heads and keys and values):
        return Mixer(kind="unknown", reason="matrix-memory layers: heads, keys or values are not known")
    state = keys * values // heads + keys + heads
    return Mixer(kind="mlstm", heads=heads, key_dim=keys // heads, value_dim=values // heads, state_elements=state)


def _rwkv(root: str, leaves: Shapes, hidden: int | None, settings: Settings) -> Mixer | None:
    """RWKV: one matrix per head (versions 5 to 7) or three vectors (version 4), and the last inputs of both blocks."""
    if re.match(r"ffn|feed_forward|channel_mix", root):
        return None
    width = hidden or settings.integer("attention_hidden_size", minimum=1)
    head = settings.integer("head_size", "head_dim", "attention_head_size", "wkv.head_size", minimum=1)
    if width is None:
        return Mixer(kind="unknown", reason="RWKV layers: the hidden size is not known")
    if head is None:
        bonus = leaves.get("time_faaaa") or leaves.get("r_k")
        head = bonus[0][-1] if bonus and bonus[0] and len(bonus[0]) == 2 else None
    if head is None:
        if any(name.startswith("time_decay") for name in leaves):
            return Mixer(kind="rwkv", state_elements=5 * width)
        return Mixer(kind="unknown", reason="RWKV layers: the head size is not known")
    return Mixer(
        kind="rwkv", heads=width // head, key_dim=head, value_dim=head, state_elements=width * head,
        convolution_elements=2 * width,
    )  # fmt: skip


def _latent(leaves: Shapes, shapes: Shapes, hidden: int | None, settings: Settings) -> Mixer:
    """One latent vector and one rotary key a token, and the index keys of sparse attention where there are some."""
    width = _out(_pick(leaves, _roles().latent) or (None, 0), hidden)
    if not width:
        return Mixer(kind="unknown", reason="latent attention: the width of the latent vector is not known")
    return Mixer(
        kind="latent", heads=per_layer(settings, HEADS_KEYS), key_dim=width, elements_per_token=width,
        fixed_bytes_per_token=index_key_bytes(_index_width(shapes, hidden)),
    )  # fmt: skip


def _index_width(shapes: Shapes, hidden: int | None) -> int:
    """Width of the index keys of a layer that selects what it attends to; 0 where it has none of its own."""
    roles = _roles()
    for path, value in shapes.items():
        segments = path.split(".")
        if roles.indexer.any(segments[:2]) and roles.index_key.has(segments[-1]):
            return _out(value, hidden)
    return 0


def _attention(
    root: str, leaves: Shapes, main: Shapes, shapes: Shapes, hidden: int | None, settings: Settings
) -> Mixer:
    """Keys and values of one layer, their widths from the projections."""
    roles = _roles()
    odd = sorted(name for name in leaves if roles.stateful.has(name) and not roles.feed_forward.has(name))
    key, value, both, fused, output = (
        _pick(leaves, role)
        for role in (roles.key, roles.value, roles.key_value, roles.query_key_value, roles.output)
    )  # fmt: skip
    if key:
        keys = _out(key, hidden)
        values = _out(value, hidden) if value else keys
    elif both:
        keys = values = _out(both, hidden) // 2
    else:
        total = _out(fused, hidden, conv1d="c_attn" in leaves) if fused else 0
        keys, values = _split_fused(total, _in(output, hidden) if output else 0, settings)
    if not keys or not values:
        return Mixer(kind="unknown", reason=f"`{root}`: the width of keys and values cannot be told from the shapes")
    size = next((p for path, (s, p) in main.items() if _K_NORM.search(path) and len(s or ()) == 1), keys)
    heads = keys // size if size < keys and keys % size == 0 else None
    is_cross = any(roles.cross.has(part) for part in root.split("."))
    return Mixer(
        kind="cross" if is_cross else "attention",
        kv_heads=heads,
        key_dim=keys // (heads or 1),
        value_dim=values // (heads or 1),
        elements_per_token=keys + values + _index_width(shapes, hidden),
        convolution_elements=_convolution(main),
        source_tokens=settings.integer(*SOURCE_LENGTH_KEYS) if is_cross else None,
        reason=f"`{root}` holds {', '.join(odd[:3])} beside keys and values" if odd else "",
    )


def _split_fused(total: int, inner: int, settings: Settings) -> tuple[int, int]:
    """Keys and values inside a fused projection: the declared heads where they add up, else what the output leaves."""
    heads, kv_heads, key_dim, value_dim = declared_heads(settings, "full", 0)
    if heads and kv_heads and key_dim and value_dim:
        keys, values = kv_heads * key_dim, kv_heads * value_dim
        if total in (heads * key_dim + keys + values, 2 * heads * key_dim + keys + values):
            return keys, values
    if inner and total > inner and (total - inner) % 2 == 0:
        return (total - inner) // 2, (total - inner) // 2
    return 0, 0
