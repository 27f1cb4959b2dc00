"""What one part of a layer keeps between tokens, and what config.json says of it.

Sources: grouped-query attention arXiv 2305.13245; latent attention arXiv 2405.04434, section 2.1; Mamba
arXiv 2312.00752, algorithm 2; Mamba-2 arXiv 2405.21060, section 5; gated delta rule arXiv 2412.06464; KDA
arXiv 2510.26692; lightning attention arXiv 2401.04658; RWKV arXiv 2404.05892; RG-LRU arXiv 2402.19427; xLSTM
arXiv 2405.04517; compressed attention: transformers 5.23, `deepseek_v4/modeling_deepseek_v4.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sizer.anatomy.settings import Settings
from sizer.values import frozen

__all__ = [
    "HEADS_KEYS",
    "SOURCE_LENGTH_KEYS",
    "STATE_KEYS",
    "Mixer",
    "declared_heads",
    "from_config",
    "index_key_bytes",
    "is_compressed",
    "layer_entry",
    "per_layer",
    "resolve",
    "state_element_bytes",
]

HEADS_KEYS = (
    "num_attention_heads", "n_head", "n_heads", "num_heads", "num_query_heads", "decoder_attention_heads",
    "encoder_attention_heads",
    "attention_heads",
)  # fmt: skip
KV_HEADS_KEYS = (
    "num_key_value_heads", "num_kv_heads", "n_kv_heads", "n_head_kv", "attn_config.kv_n_heads",
    "num_attention_groups", "multi_query_group_num", "num_query_groups", "num_key_value_heads_per_layer",
)  # fmt: skip
HEAD_DIM_KEYS = ("head_dim", "attention_head_dim", "kv_channels", "d_kv", "head_size")
STATE_DTYPE_KEYS = ("mamba_ssm_dtype", "mamba_ssm_cache_dtype", "inference_state_dtype")
SOURCE_LENGTH_KEYS = ("max_source_positions",)
STATE_KEYS = ("ssm_state_size", "state_size", "mamba_d_state", "d_state", "ssm_cfg.d_state", "mamba_state_dim")


@frozen
class Mixer:
    """What one part of one layer keeps for one sequence."""

    kind: str
    """`multi_head`, `grouped_query`, `multi_query`, `attention` (heads not known), `latent`, `compressed`, `cross`,
    `linear_attention`, `delta_rule`, `mamba`, `mamba2`, `rwkv`, `recurrent`, `mlstm`, `convolution` or `unknown`."""
    heads: int | None = None
    """Query heads, or heads of the state."""
    kv_heads: int | None = None
    key_dim: int | None = None
    """Width of one key head (of the latent vector and its rotary part, for latent attention)."""
    value_dim: int | None = None
    """Width of one value head."""
    elements_per_token: int = 0
    """Elements that one token adds, in the dtype of the cache."""
    fixed_bytes_per_token: int = 0
    """Bytes that one token adds in a dtype of their own, whatever the cache's dtype (FP8 index keys)."""
    tokens_per_entry: int = 1
    """Tokens that share one entry: 1, or the compression rate."""
    window: int | None = None
    """Tokens after which it stops growing; None where it never does."""
    is_chunked: bool = False
    """Whether the window is a chunk (it starts again) and not a sliding window."""
    is_shared: bool = False
    """Whether it reads the keys and values of another layer and keeps none."""
    source_tokens: int | None = None
    """For cross attention: the length of the source, where it is fixed."""
    state_elements: int = 0
    """Elements of a recurrent state that does not grow, in `state_bytes` each."""
    state_element_bytes: int = 4
    convolution_elements: int = 0
    """Elements of the last inputs that a short convolution keeps, in the model's dtype."""
    reason: str = ""
    """For `unknown`: why."""

    @property
    def grows(self) -> bool:
        """Whether tokens add to it."""
        return self.elements_per_token > 0 or self.fixed_bytes_per_token > 0


def state_element_bytes(settings: Settings) -> int:
    """Bytes of one element of a recurrent state: what config.json says, else 4 (kernels accumulate in float32)."""
    stated = (settings.text(*STATE_DTYPE_KEYS) or "float32").removeprefix("torch.")
    return 2 if stated in ("bfloat16", "float16", "bf16", "fp16") else 4


def index_key_bytes(width: int) -> int:
    """FP8 index keys with one float32 scale for each 128 (DeepSeek-V3.2-Exp, `inference/model.py`, Indexer)."""
    return width + 4 * -(-width // 128) if width else 0


def resolve(mixer: Mixer, kind: str, layer: int, settings: Settings) -> Mixer:
    """A mixer that the headers show, under what config.json calls the layer: heads named, linear attention told."""
    if mixer.kind not in ("attention", "cross"):
        return mixer
    if mixer.is_shared and not mixer.grows:
        return mixer
    heads, kv_heads, key_dim, value_dim = declared_heads(settings, kind, layer)
    if kind == "linear":
        return _linear(mixer, heads, key_dim, value_dim, settings)
    if mixer.reason and kind not in ("hybrid", "hybrid_sliding"):
        return Mixer(kind="unknown", reason=mixer.reason + ", and config.json does not say what they are for")
    kv = mixer.kv_heads or 1
    keys, values = (mixer.key_dim or 0) * kv, (mixer.value_dim or 0) * kv
    if key_dim and keys % key_dim == 0 and keys // key_dim == (kv_heads or keys // key_dim):
        kv = keys // key_dim
    elif mixer.kv_heads is None:
        return replace(mixer, reason="")
    named = "cross" if mixer.kind == "cross" else _named(heads, kv)
    return replace(mixer, kind=named, heads=heads, kv_heads=kv, key_dim=keys // kv, value_dim=values // kv, reason="")


def _named(heads: int | None, kv_heads: int | None) -> str:
    if not kv_heads or not heads:
        return "attention"
    if kv_heads == heads:
        return "multi_head"
    return "multi_query" if kv_heads == 1 else "grouped_query"


def _linear(mixer: Mixer, heads: int | None, key_dim: int | None, value_dim: int | None, settings: Settings) -> Mixer:
    """Linear attention: the sum of k v^T, one matrix per head (arXiv 2006.16236, equation 18)."""
    if not (heads and key_dim and value_dim):
        return Mixer(kind="unknown", reason="linear-attention layers: heads or head size are not known")
    return Mixer(
        kind="linear_attention", heads=heads, key_dim=key_dim, value_dim=value_dim,
        state_elements=heads * key_dim * value_dim, state_element_bytes=state_element_bytes(settings),
        convolution_elements=mixer.convolution_elements,
    )  # fmt: skip


def per_layer(settings: Settings, keys: Sequence[str], layer: int = 0) -> int | None:
    """An integer of the config, or its entry for a layer where it is a list."""
    value = settings.integers(*keys) if settings.raw(*keys) is not None else None
    if isinstance(value, list):
        return value[layer] if layer < len(value) and value[layer] >= 0 else None
    return value


def layer_entry(settings: Settings, layer: int) -> dict[str, Any]:
    """The entry of `per_layer_config` for a layer, which may be called `5` or `05`; empty where there is none."""
    table = settings.raw("per_layer_config")
    found = (
        value
        for key, value in (table.items() if isinstance(table, dict) else ())
        if isinstance(value, dict) and str(key).isdecimal() and len(str(key)) < 9 and int(key) == layer
    )
    return next(found, {})


def at_layer(settings: Settings, layer: int) -> Settings:
    """The settings of one layer: its own entry of `per_layer_config`, where it has one, over the rest."""
    entry = layer_entry(settings, layer)
    if not entry:
        return settings
    merged: dict[str, Any] = {}
    for key, value in settings.items():
        merged.setdefault(key, value)
    return Settings({**merged, **entry})


def declared_heads(settings: Settings, kind: str, layer: int) -> tuple[int | None, int | None, int | None, int | None]:
    """(query heads, key-value heads, key width of a head, value width of a head) that config.json gives a layer."""
    settings = at_layer(settings, layer)
    windowed = kind in ("sliding", "hybrid_sliding")

    def find(keys: Sequence[str], *special: str) -> int | None:
        if special and (value := per_layer(settings, special, layer)) is not None:
            return value
        return per_layer(settings, keys, layer)

    special_heads = ("swa_num_attention_heads",) if windowed else ()
    is_multi_query = settings.flag("multi_query") or settings.raw("attn_config.attn_type") == "multiquery_attention"
    special_kv = ("swa_num_key_value_heads",) if windowed else ("num_global_key_value_heads",)
    special_dim = ("swa_head_dim",) if windowed else ("global_head_dim",)
    heads = find(HEADS_KEYS, *special_heads)
    kv_heads = find(KV_HEADS_KEYS, *special_kv)
    if kv_heads is None or (is_multi_query and not settings.flag("new_decoder_architecture")):
        kv_heads = 1 if is_multi_query else heads
    if (shared := _block_heads(settings, layer)) is not None and heads:
        kv_heads = max(1, heads // shared)
    dim = find(HEAD_DIM_KEYS, *special_dim)
    hidden = settings.integer("hidden_size", "n_embd", "d_model", "dim", minimum=1)
    if dim is None and hidden and heads and hidden % heads == 0:
        dim = hidden // heads
    value_dim = find(("v_head_dim",), *(("swa_v_head_dim",) if windowed else ())) or dim
    return heads, kv_heads, dim, value_dim


def _block_heads(settings: Settings, layer: int) -> int | None:
    """Query heads that share a KV head, where config.json describes each layer as a block of its own."""
    blocks = settings.raw("block_configs")
    block = blocks[layer] if isinstance(blocks, list) and layer < len(blocks) else None
    inner = block.get("attention") if isinstance(block, dict) else None
    shared = inner.get("n_heads_in_group") if isinstance(inner, dict) else None
    return shared if isinstance(shared, int) and not isinstance(shared, bool) and shared > 0 else None


def from_config(kind: str, layer: int, settings: Settings) -> tuple[Mixer, ...]:
    """The mixers of a layer from config.json alone."""
    if kind == "none":
        return ()
    if kind == "linear":
        return (_state_from_config(settings),)
    if is_compressed(kind, settings):
        return _compressed(kind, layer, settings)
    settings = at_layer(settings, layer)
    rank = per_layer(settings, ("kv_lora_rank",), layer)
    rope = per_layer(settings, ("qk_rope_head_dim",), layer)
    if kind == "sliding" and settings.raw("swa_kv_lora_rank") is not None:
        rank = per_layer(settings, ("swa_kv_lora_rank",), layer)
        rope = per_layer(settings, ("swa_qk_rope_head_dim",), layer) or rope
    index = settings.integer("index_head_dim", "indexer_head_dim", "sparse_attention_config.sparse_index_dim")
    heads, kv_heads, dim, value_dim = declared_heads(settings, kind, layer)
    if rank:
        if rope is None:
            return (Mixer(kind="unknown", reason="latent attention: config.json has no qk_rope_head_dim"),)
        keeps_index = kind == "indexed" or (index and settings.raw("layer_types") is None)
        fixed = index_key_bytes(index or 0) if keeps_index and _keeps_index(layer, settings) else 0
        return (
            Mixer(
                kind="latent", heads=heads, key_dim=rank + rope, elements_per_token=rank + rope,
                fixed_bytes_per_token=fixed,
            ),
        )  # fmt: skip
    if not (heads and kv_heads and dim and value_dim):
        state = _state_from_config(settings)
        missing = Mixer(kind="unknown", reason="config.json does not give heads and head size")
        return (missing if heads or state.kind == "unknown" else state,)
    elements = kv_heads * (dim + value_dim) + ((index or 0) if kind == "indexed" else 0)
    attention = Mixer(
        kind=_named(heads, kv_heads), heads=heads, kv_heads=kv_heads, key_dim=dim, value_dim=value_dim,
        elements_per_token=elements,
    )  # fmt: skip
    if kind == "cross":
        return (replace(attention, kind="cross", source_tokens=settings.integer(*SOURCE_LENGTH_KEYS)),)
    kept: tuple[Mixer, ...] = (attention,)
    if kind in ("hybrid", "hybrid_sliding"):
        kept = (*kept, _state_from_config(settings))
    if settings.flag("is_encoder_decoder"):
        length = settings.integer(*SOURCE_LENGTH_KEYS)
        kept = (*kept, replace(attention, kind="cross", source_tokens=length))
    return kept


def _keeps_index(layer: int, settings: Settings) -> bool:
    """Whether a layer has index keys of its own; the others reuse an earlier layer's selection."""
    types = settings.raw("indexer_types")
    if isinstance(types, list) and layer < len(types):
        return str(types[layer]) != "shared"
    pattern = settings.raw("index_topk_pattern")
    if isinstance(pattern, str) and layer < len(pattern):
        return pattern[layer] == "F"
    every = settings.integer("index_topk_freq", minimum=1) or 1
    offset = settings.integer("index_skip_topk_offset")
    return max(layer - (2 if offset is None else offset) + 1, 0) % every == 0


def is_compressed(kind: str, settings: Settings) -> bool:
    """Whether a layer keeps one vector for keys and values, and compressed entries further back."""
    return kind in ("compressed_sparse", "heavily_compressed") or (
        kind == "sliding" and settings.raw("compress_ratios", "compress_rates") is not None
    )


def _compressed(kind: str, layer: int, settings: Settings) -> tuple[Mixer, ...]:
    """A window of single key-value vectors, and one entry for every few tokens further back.

    Keys and values are one and the same vector. Sparse layers keep compressed index keys as well.
    """
    dim = settings.integer("head_dim", minimum=1)
    window = settings.integer("sliding_window", minimum=1)
    if not dim or not window:
        return (Mixer(kind="unknown", reason="compressed attention: config.json has no head_dim or sliding_window"),)
    near = Mixer(kind="compressed", kv_heads=1, key_dim=dim, elements_per_token=dim, window=window)
    ratios = settings.raw("compress_ratios")
    rates = settings.raw("compress_rates")
    if isinstance(ratios, list) and layer < len(ratios) and isinstance(ratios[layer], int):
        rate = ratios[layer]
    elif isinstance(rates, dict):
        rate = rates.get(f"{kind}_attention", 0)
    else:
        return (Mixer(kind="unknown", reason="compressed attention: config.json has no compression rates"),)
    if not isinstance(rate, int) or rate < 0:
        return (Mixer(kind="unknown", reason=f"compressed attention: config.json has a rate of {rate!r}"),)
    if kind == "sliding" or not rate:
        return (near,)
    index = settings.integer("index_head_dim") or 0
    far = dim + (index if kind == "compressed_sparse" else 0)
    return (near, Mixer(kind="compressed", kv_heads=1, key_dim=dim, elements_per_token=far, tokens_per_entry=rate))


def _state_from_config(settings: Settings) -> Mixer:
    """The recurrent or convolution state of a layer, from whichever family of keys config.json has."""
    hidden = settings.integer("hidden_size", "n_embd", "d_model", minimum=1) or 0
    cache, lru, kernel = (settings.integer(key) or 0 for key in ("conv_L_cache", "lru_width", "conv1d_width"))
    if found := _delta_from_config(settings):
        return found
    if cache and hidden:
        return Mixer(kind="convolution", convolution_elements=hidden * cache)
    if hidden and (found := _mamba_from_config(settings, hidden)):
        return found
    if lru and kernel:
        return Mixer(kind="recurrent", state_elements=lru, convolution_elements=lru * kernel)
    if settings.raw("attn_type_list", "linear_attn_alpha_factor", "linear_attn_beta_factor") is not None:
        heads, _, dim, value_dim = declared_heads(settings, "linear", 0)
        return _linear(Mixer(kind="attention"), heads, dim, value_dim, settings)
    return Mixer(kind="unknown", reason="config.json has recurrent layers and does not give the size of their state")


def _delta_from_config(settings: Settings) -> Mixer | None:
    get = settings.integer
    values, value_dim = get("linear_num_value_heads"), get("linear_value_head_dim")
    heads = get("linear_attn_config.num_heads", "linear_num_heads")
    dim = get("linear_attn_config.head_dim", "linear_head_dim")
    kernel = get("linear_attn_config.short_conv_kernel_size", "linear_conv_kernel_dim", "short_conv_kernel_size") or 0
    if values and value_dim:
        keys, key_dim = get("linear_num_key_heads") or values, get("linear_key_head_dim") or value_dim
    elif heads and dim:
        keys, values, key_dim, value_dim = heads, heads, dim, dim
    else:
        return None
    return Mixer(
        kind="delta_rule", heads=values, key_dim=key_dim, value_dim=value_dim,
        state_elements=values * key_dim * value_dim, state_element_bytes=state_element_bytes(settings),
        convolution_elements=(2 * keys * key_dim + values * value_dim) * kernel,
    )  # fmt: skip


def _mamba_from_config(settings: Settings, hidden: int) -> Mixer | None:
    """Mamba (one decay for each channel and state) or Mamba-2 (heads)."""
    get = settings.integer
    if not (size := get(*STATE_KEYS)):
        return None
    heads = get("mamba_n_heads", "mamba_num_heads", "n_mamba_heads")
    if heads is None and settings.raw("n_groups") is not None:
        heads = get("num_heads")
    inner = get("mamba_d_ssm") or (get("mamba_expand", "expand") or 2) * hidden
    if heads and (width := get("mamba_head_dim")):
        inner = heads * width
    kernel = get("mamba_d_conv", "conv_kernel", "d_conv") or 4
    groups = get("mamba_n_groups", "n_groups", "mamba_ngroups") or 1
    return Mixer(
        kind="mamba2" if heads else "mamba", heads=heads or inner, key_dim=size,
        value_dim=inner // heads if heads else None, state_elements=inner * size,
        state_element_bytes=state_element_bytes(settings),
        convolution_elements=(inner + 2 * groups * size if heads else inner) * kernel,
    )  # fmt: skip
