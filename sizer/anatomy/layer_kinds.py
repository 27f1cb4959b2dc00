"""What config.json says of each layer: full, windowed or chunked attention, a recurrent state, or no mixing at all.

Configs say it in a dozen ways: a list of words, a string of letters, an interval, a list of indices. The ways are
tried in order, most explicit first; a window without a word about its layers is looked up in
`data/architectures/layer_patterns.yaml`, and unknown where that is silent.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sizer.anatomy.mixers import STATE_KEYS, layer_entry
from sizer.anatomy.settings import Settings
from sizer.notices import Notice
from sizer.tables import load_table
from sizer.values import frozen

__all__ = ["COUNT_KEYS", "LayerPlan", "plan_layers"]

COUNT_KEYS = (
    "num_hidden_layers", "n_layers", "n_layer", "num_layers", "decoder_layers", "block_count",
    "num_transformer_layers",
)  # fmt: skip
WINDOW_KEYS = (
    "sliding_window", "sliding_window_size", "window_size", "attention_window_size", "local_attention_window",
)  # fmt: skip
_LIST_KEYS = (
    "layer_types", "layers_block_type", "layer_block_types", "block_types", "attention_layers", "layer_type_list",
    "mixer_types", "attn_type_list", "hybrid_layer_pattern", "hybrid_override_pattern", "hybrid_pattern",
)  # fmt: skip

_COUNTED_LISTS = ("layers_block_type", "hybrid_override_pattern", "block_configs")
"""Lists with one entry a layer, which a config may give in place of their number."""

_WORDS = {
    "full": "full_attention attention full global global_attention attn softmax_attention dense_attention * g gqa mla",
    "sliding": "sliding_attention sliding local local_attention swa window_attention sliding_window l",
    "chunked": "chunked_attention chunked",
    "indexed": "indexed_attention deepseek_sparse_attention qwen_sparse_attention minimax_m3_sparse sparse_attention",
    "compressed_sparse": "compressed_sparse_attention csa",
    "heavily_compressed": "heavily_compressed_attention hca",
    "linear": "linear_attention mamba mamba1 mamba2 recurrent conv linear lightning kda gdn gated_deltanet m rglru "
    "short_conv convolution rwkv ssm lightning_attention",
    "hybrid": "hybrid",
    "hybrid_sliding": "hybrid_sliding",
    "none": "moe mlp dense sparse_mlp ffn e - identity noop",
}  # fmt: skip
_KIND_OF = {word: kind for kind, words in _WORDS.items() for word in words.split()}

# Keys that change what a layer keeps and that nothing here understands: the answer is then unknown.
_NOT_UNDERSTOOD = {
    "total_ut_steps": "the layers are run several times, each with a cache of its own",
    "H_cycles": "the layers are run several times, each with a cache of its own",
    "num_loops": "the layers are run several times, each with a cache of its own",
    "mean_recurrence": "the layers are run several times, each with a cache of its own",
}


Rule = Callable[[Settings, int], list[str] | None]
"""From a config and a number of layers to one kind a layer; None where the keys do not fit the rule."""


@frozen
class LayerPlan:
    """What config.json says of the layers of the stack that generates."""

    count: int | None
    kinds: tuple[str, ...] = ()
    """One word a layer; empty where nothing is said (every layer is then what its tensors are)."""
    windows: tuple[int | None, ...] = ()
    """The window of each layer in tokens, None where it attends to everything."""
    shared: frozenset[int] = frozenset()
    """Layers that read the keys and values of an earlier layer and keep none."""
    mixers_per_layer: int = 1
    """Attention blocks that one layer of the config stands for."""
    source: str = ""
    """The key that said it."""
    reason: str = ""
    """Why the layers are unknown; `""` where they are not."""
    notices: tuple[Notice, ...] = ()


_ODD = re.compile(
    r"(^|_)(decay|expand_[kv]|attn_mode|feature_map|use_short_conv|lru|wkv|rwkv|time_mix|retention|hyena|mlstm)(_|$)"
)


_ODD_TYPE = re.compile(
    r"retnet|retention|rwkv|mamba|hyena|xlstm|mlstm|hgrn|delta_?net|lightning|griffin|retro_?mamba|linear_?attn|"
    r"(^|[_-])(gla|s4|h3|ssm|based)([_-]|$)"
)


@frozen
class _Row:
    model_types: list[str]
    pattern: list[str]
    from_end: bool = False
    last_full: bool = False
    mixers_per_layer: int = 1
    window: int | None = None
    """The window or chunk of the class, in tokens, where no config says it."""


@frozen
class _Table:
    source: str
    checked: datetime.date
    patterns: list[_Row]


def plan_layers(settings: Settings, seen_layers: int | None) -> LayerPlan:
    """The plan of a config; `seen_layers` is how many layers the headers hold, None where there are none."""
    if settings.is_missing:
        return LayerPlan(count=seen_layers)
    count = _count(settings)
    if count is None:
        count = seen_layers
    if count is None or count > 10_000:
        return LayerPlan(count=None, reason="config.json does not say how many layers there are")
    for key, why in _NOT_UNDERSTOOD.items():
        if (settings.integer(key) or 0) > 1:
            return LayerPlan(count=count, reason=f"config.json sets `{key}`: {why}")
    kinds, source = _kinds(settings, count, has_headers=seen_layers is not None)
    if isinstance(kinds, str):
        return LayerPlan(count=count, source=source, reason=kinds)
    windows = _windows(settings, kinds)
    if isinstance(windows, str):
        return LayerPlan(count=count, kinds=kinds, source=source, reason=windows)
    return LayerPlan(
        count=count, kinds=kinds, windows=windows, shared=_shared(settings, count, kinds), source=source,
        mixers_per_layer=row.mixers_per_layer if (row := _row(settings)) else 1,
        notices=tuple(_notices(settings, kinds)),
    )  # fmt: skip


def _count(settings: Settings) -> int | None:
    if settings.flag("is_encoder_decoder") and (decoder := settings.integer("decoder_layers", "num_decoder_layers")):
        return decoder
    either = (*COUNT_KEYS, *_COUNTED_LISTS)
    if settings.raw_beside(either, COUNT_KEYS) is None:  # a number elsewhere counts another part's layers
        listed = settings.raw_beside(either, _COUNTED_LISTS)
        if isinstance(listed, list | str) and listed:
            return len(listed)
    return settings.integer(*COUNT_KEYS)


def _kinds(settings: Settings, count: int, *, has_headers: bool) -> tuple[tuple[str, ...] | str, str]:
    """One kind a layer with the key that said so, or why it cannot be said."""
    for key in _LIST_KEYS:
        value = settings.raw(key)
        if value is None or value == []:
            continue
        words = _words(value, count, numbers_mean=_NUMBERS.get(key))
        if words is None:
            continue
        if isinstance(value, list) and len(value) < count and count % len(value) and key not in _REPEATED:
            return f"config.json: `{key}` lists {len(value)} layers, there are {count}", key
        if (unknown := next((word for word in words if word not in _KIND_OF), None)) is not None:
            return f"config.json: `{key}` has `{unknown}`, which is not understood", key
        return tuple(_KIND_OF[word] for word in words), key
    for keys, rule in _RULES:
        if any(settings.raw(key) is not None for key in keys) and (found := rule(settings, count)) is not None:
            return tuple(found), keys[0]
    if odd := _odd_key(settings):
        if settings.raw("num_attention_heads") is None and odd in STATE_KEYS:
            return ("linear",) * count, odd
        if _row(settings) is None:
            return () if has_headers else f"config.json sets `{odd}` and does not say which layers it is for", odd
    if not has_headers and _row(settings) is None and (odd := _odd_type(settings)):
        return f"`{odd}` names another way of mixing tokens than attention, and config.json does not say which", odd
    return _by_window(settings, count)


def _odd_type(settings: Settings) -> str | None:
    """A model type whose name is that of something else than softmax attention."""
    return next((name for name in settings.model_types if _ODD_TYPE.search(name.lower())), None)


def _odd_key(settings: Settings) -> str | None:
    """A key of something that is not softmax attention."""
    return next((key for key, value in settings.items() if value and (key in STATE_KEYS or _ODD.search(key))), None)


_REPEATED = ("block_types",)
"""Lists that are repeated over the layers, whatever is left of the last round."""
# What 0 and 1 mean in lists of numbers.
_NUMBERS = {
    "attn_type_list": ("linear", "full_attention"),
    "hybrid_layer_pattern": ("full_attention", "sliding"),
    "hybrid_pattern": ("full_attention", "sliding"),
}


def _words(value: Any, count: int, numbers_mean: tuple[str, str] | None) -> list[str] | None:
    """A list or string of layer words, one a layer (a shorter one repeats); None where it is no such list."""
    if isinstance(value, str):
        value = list(value.replace("/", "").replace("|", ""))
    if not isinstance(value, list) or not value:
        return None
    if numbers_mean and all(isinstance(item, int) for item in value):
        value = [numbers_mean[int(item > 0)] for item in value]
    if not all(isinstance(item, str) for item in value):
        return None
    words = [item.lower() for item in value]
    return (words * (count // len(words) + 1))[:count]


def _interval(key: str, *, hit: str, miss: str, ends: bool = True, offset_key: str = "") -> Rule:
    """Every n-th layer is `hit`: the last of each group (`ends`), or the one at the offset."""

    def rule(settings: Settings, count: int) -> list[str] | None:
        every = settings.integer(key)
        if not every:
            return None
        place = (settings.integer(offset_key) or 0) if offset_key else every - 1 if ends else 0
        return [hit if layer % every == place else miss for layer in range(count)]

    return rule


def _listed(key: str, *, hit: str, miss: str, base: int = 0) -> Rule:
    """The layers whose indices stand in a list are `hit`."""

    def rule(settings: Settings, count: int) -> list[str] | None:
        value = settings.raw(key)
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            return None
        members = {item - base for item in value}
        return [hit if layer in members else miss for layer in range(count)]

    return rule


def _truthy(key: str, *, hit: str, miss: str) -> Rule:
    """A list with one number a layer: a number above zero is `hit`."""

    def rule(settings: Settings, count: int) -> list[str] | None:
        value = settings.raw(key)
        if not isinstance(value, list) or len(value) < count:
            return None
        return [hit if item else miss for item in value[:count]]

    return rule


def _window_pattern(settings: Settings, count: int) -> list[str] | None:
    """`sliding_window_pattern`: every n-th layer is full, or a string of letters that repeats."""
    value = settings.raw("sliding_window_pattern", "_sliding_window_pattern")
    if isinstance(value, str):
        words = _words(value, count, None)
        return [_KIND_OF[word] for word in words] if words and all(word in _KIND_OF for word in words) else None
    return _interval("sliding_window_pattern", hit="full", miss="sliding")(settings, count) or _interval(
        "_sliding_window_pattern", hit="full", miss="sliding"
    )(settings, count)


def _compress_ratios(settings: Settings, count: int) -> list[str] | None:
    """`compress_ratios`: 0 keeps a window only, a small ratio is sparse, a large one heavily compressed."""
    value = settings.raw("compress_ratios")
    if not isinstance(value, list) or len(value) < count or not all(isinstance(item, int) for item in value):
        return None
    ratios = sorted({item for item in value if item})
    heavy = ratios[-1] if len(ratios) > 1 else None
    return ["sliding" if not r else "heavily_compressed" if r == heavy else "compressed_sparse" for r in value[:count]]


def _attention_types(settings: Settings, count: int) -> list[str] | None:
    """`attention_types`: [[["global", "local"], 12]], each inner list repeated."""
    value = settings.raw("attention_types")
    words: list[str] = []
    for entry in value if isinstance(value, list) else ():
        names, times = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
        if not isinstance(names, list) or not isinstance(times, int) or not 0 < times * len(names) <= count:
            return None
        words += names * times
    known = all(isinstance(word, str) and word in _KIND_OF for word in words)
    return [_KIND_OF[word] for word in words] if known and len(words) == count else None


def _rope_layers(settings: Settings, count: int) -> list[str] | None:
    """Layers with rotary positions attend to their chunk, layers without to everything, where a chunk is set."""
    if not settings.integer("attention_chunk_size"):
        return None
    flags = settings.raw("no_rope_layers")
    if isinstance(flags, list) and len(flags) >= count:
        return ["chunked" if flag else "full" for flag in flags[:count]]
    return _interval("no_rope_layer_interval", hit="full", miss="chunked")(settings, count) or _interval(
        "nope_layer_interval", hit="full", miss="chunked"
    )(settings, count)


def _late_layers(settings: Settings, count: int) -> list[str] | None:
    """`max_window_layers`: where windows are in use, the layers from there on have one."""
    first = settings.integer("max_window_layers")
    if not settings.flag("use_sliding_window") or first is None:
        return None
    return ["sliding" if layer >= first else "full" for layer in range(count)]


def _blocks(settings: Settings, count: int) -> list[str] | None:
    """`block_configs`: a block without attention, or with a linear layer in its place, keeps nothing."""
    blocks = settings.raw("block_configs")
    blocks = blocks if isinstance(blocks, list) else []
    inner = [attention for block in blocks if isinstance(block, dict) and (attention := block.get("attention"))]
    inner = [attention for attention in inner if isinstance(attention, dict)]
    if len(inner) < count or len(inner) != len(blocks):
        return None
    drops = ("no_op", "replace_with_linear")
    return ["none" if any(attention.get(key) for key in drops) else "full" for attention in inner[:count]]


_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("attention_windows",), _truthy("attention_windows", hit="sliding", miss="full")),
    (("block_configs",), _blocks),
    (("compress_ratios",), _compress_ratios),
    (("attention_types",), _attention_types),
    (("sliding_window_pattern", "_sliding_window_pattern"), _window_pattern),
    (("local_layer_ids",), _listed("local_layer_ids", hit="sliding", miss="full")),
    (("full_attention_interval",), _interval("full_attention_interval", hit="full", miss="linear")),
    (("layer_group_size",), _interval("layer_group_size", hit="full", miss="linear")),
    (("attn_layer_period",), _interval("attn_layer_period", hit="full", miss="linear", offset_key="attn_layer_offset")),
    (("cross_attention_layers",), _listed("cross_attention_layers", hit="cross", miss="full")),
    (("attn_layer_indices",), _listed("attn_layer_indices", hit="full", miss="linear")),
    (("full_attn_idxs",), _listed("full_attn_idxs", hit="full", miss="linear")),
    (
        ("linear_attn_config.full_attn_layers",),
        _listed("linear_attn_config.full_attn_layers", hit="full", miss="linear", base=1),
    ),
    (
        ("sparse_attention_config.sparse_attention_freq",),
        _truthy("sparse_attention_config.sparse_attention_freq", hit="indexed", miss="full"),
    ),
    (
        ("global_attn_every_n_layers",),
        _interval("global_attn_every_n_layers", hit="full", miss="sliding", ends=False),
    ),
    (("attention_chunk_size",), _rope_layers),
    (("max_window_layers",), _late_layers),
)


def _by_window(settings: Settings, count: int) -> tuple[tuple[str, ...] | str, str]:
    """What the class does with a window that no list explains."""
    window = _window(settings)
    chunk = settings.integer("attention_chunk_size")
    row = _row(settings)
    longest = settings.integer("max_position_embeddings", minimum=1)
    if settings.flag("use_sliding_window") is False:
        window = None
    windowed = row is not None and ("sliding" in row.pattern or "chunked" in row.pattern)
    if row is not None and (not windowed or window or chunk or row.window):
        if row.pattern == ["sliding"] and window and longest and window >= longest:
            return ("full",) * count, "sliding_window"
        return _repeat(row, count), "model_type"
    if window and not (longest and window >= longest):
        return f"config.json sets a window of {window:,} tokens and does not say for which layers", "sliding_window"
    if chunk:
        return f"config.json sets chunks of {chunk:,} tokens and does not say for which layers", "attention_chunk_size"
    return ("full",) * count, ""


def _row(settings: Settings) -> _Row | None:
    table: _Table = load_table("architectures/layer_patterns.yaml", _Table)
    rows = {_plain(model_type): row for row in table.patterns for model_type in row.model_types}
    return next((rows[name] for name in map(_plain, settings.model_types) if name in rows), None)


def _plain(model_type: str) -> str:
    """A model type without separators: config.json's `gpt_oss` is GGUF's `gpt-oss`."""
    return re.sub(r"[-_.]", "", model_type.lower())


def _repeat(row: _Row, count: int) -> tuple[str, ...]:
    size = len(row.pattern)
    places = ((count - 1 - layer if row.from_end else layer) for layer in range(count))
    kinds = [row.pattern[place % size] for place in places]
    if row.last_full and kinds:
        kinds[-1] = "full"
    return tuple(kinds)


def _window(settings: Settings) -> int | None:
    value = settings.raw_beside(COUNT_KEYS, WINDOW_KEYS)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _windows(settings: Settings, kinds: Iterable[str]) -> tuple[int | None, ...] | str:
    """The window of each layer, or why it is not known."""
    per_layer = settings.raw("attention_windows")
    half = settings.integer("local_attention")
    window = _window(settings) or (half // 2 if half else None)
    row = _row(settings)
    chunk = settings.integer("attention_chunk_size") or (row.window if row else None)
    out: list[int | None] = []
    for layer, kind in enumerate(kinds):
        if kind in ("sliding", "hybrid_sliding"):
            own = per_layer[layer] if isinstance(per_layer, list) and layer < len(per_layer) else None
            own = own or layer_entry(settings, layer).get("sliding_window") or window
            if not isinstance(own, int) or own <= 0:
                return "config.json has sliding-window layers and does not give the window"
            out.append(own)
        elif kind == "chunked":
            if not chunk:
                return "config.json has chunked layers and does not give the chunk"
            out.append(chunk)
        else:
            out.append(None)
    return tuple(out)


def _shared(settings: Settings, count: int, kinds: Sequence[str]) -> frozenset[int]:
    """Layers that read another layer's keys and values."""
    if last := settings.integer("num_kv_shared_layers"):
        return frozenset(range(max(0, count - last), count))
    sources = settings.raw("kv_source_layers")
    if isinstance(sources, list) and len(sources) >= count:
        return frozenset(layer for layer in range(count) if sources[layer] != layer)
    factor = settings.integer("cla_share_factor") or 1
    if factor > 1 and settings.flag("use_cla"):
        return frozenset(layer for layer in range(count) if layer % factor)
    return frozenset()


def _notices(settings: Settings, kinds: Sequence[str]) -> Iterable[Notice]:
    if settings.raw("dual_chunk_attention_config") is not None:
        yield Notice(
            code="attention.dual_chunk",
            message="config.json has dual_chunk_attention_config: it changes positions, not what is cached",
        )
