"""What each layer keeps between tokens: attention, latent attention, recurrent state, convolution, or nothing.

The headers decide which layers mix tokens and how wide their keys and values are; config.json says what no
tensor shows: windows, layer types, shared caches, head sizes. Where the two do not explain a layer, the
specification is unknown and says why: no layer falls back to a formula that may not apply to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sizer.anatomy import layer_kinds, mixers
from sizer.anatomy.layer_kinds import LayerPlan
from sizer.anatomy.mixer_tensors import Seen, read_mixers
from sizer.anatomy.mixers import SOURCE_LENGTH_KEYS, Mixer
from sizer.anatomy.settings import Settings
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor
from sizer.values import frozen

__all__ = ["AttentionSpec", "LayerGroup", "describe_attention", "unknown_attention"]

_CONTEXT_KEYS = (
    "max_position_embeddings", "model_max_length", "max_seq_len", "n_positions", "max_sequence_length", "n_ctx",
    "max_target_positions", "context_length", "seq_length", "max_length",
)  # fmt: skip
_WIDTH_BYTES = {"float32": 4, "float": 4, "fp32": 4, "float16": 2, "half": 2, "fp16": 2, "bfloat16": 2, "bf16": 2}


@frozen
class LayerGroup:
    """Layers that keep the same."""

    layers: tuple[int, ...]
    """Indices in the text stack, from 0."""
    mixers: tuple[Mixer, ...]
    """What each of them keeps; empty for a layer that only transforms (MLP, experts)."""


@frozen
class AttentionSpec:
    """What the text stack keeps between tokens, layer by layer."""

    form: str
    """`decoder`, `encoder` (nothing is kept), `encoder_decoder`, or `unknown`."""
    layers: int | None
    """Layers of the stack that generates; None where unknown."""
    groups: tuple[LayerGroup, ...]
    context_tokens: int | None
    """The longest context that config.json claims."""
    element_bytes: int
    """Bytes of one element of the model's own dtype: convolution states are held in it."""
    cache_element_bytes: int
    """Bytes of one element of a cache of dtype `auto`: the model's own, or 1 where its quantisation says so."""
    hidden_size: int | None
    vocabulary_size: int | None
    basis: str
    """`counted` (widths from the headers) or `declared` (config.json alone)."""
    reason: str = ""
    """Why the cache is not known; `""` where it is."""
    notices: tuple[Notice, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether every layer is explained."""
        return not self.reason

    @property
    def attention_layers(self) -> int:
        """Layers that add to a cache with every token, window or not."""
        return sum(len(g.layers) for g in self.groups if any(m.grows and not m.is_shared for m in g.mixers))


def describe_attention(
    config: dict[str, Any] | None, placed: Sequence[tuple[str, LogicalTensor]] = ()
) -> AttentionSpec:
    """What each layer of the text stack keeps between tokens.

    `placed` are the logical tensors with their component (`Anatomy.components_of`); without them config.json
    alone is used, and the result is `declared`.
    """
    settings = Settings(config)
    hidden = settings.integer("hidden_size", "n_embd", "d_model", "dim", "hidden_dim", minimum=1)
    seen = read_mixers(placed, settings)
    form, unclear = _form(settings, placed, seen)
    plan = layer_kinds.plan_layers(settings, seen.layer_count)
    common: dict[str, Any] = {
        "form": form,
        "context_tokens": settings.integer(*_CONTEXT_KEYS, minimum=1),
        "element_bytes": (width := _element_bytes(settings, placed)),
        "cache_element_bytes": 1 if settings.raw("quantization_config.kv_cache_scheme.num_bits") == 8 else width,
        "hidden_size": hidden or seen.hidden_size,
        "vocabulary_size": settings.integer("vocab_size", "n_vocab", "padded_vocab_size", minimum=1),
        "basis": "counted" if seen.layers else "declared",
    }
    if unclear:
        return AttentionSpec(layers=plan.count or len(seen.layers) or None, groups=(), reason=unclear, **common)
    if form == "encoder":
        return AttentionSpec(layers=plan.count or len(seen.layers) or None, groups=(), **common)
    if not seen.layers and settings.is_missing:
        return AttentionSpec(layers=None, groups=(), reason="there are no layers to read and no config.json", **common)
    count = plan.count if plan.count is not None else seen.layer_count
    if not count:
        return AttentionSpec(layers=None, groups=(), reason="the number of layers is not known", **common)
    joined = _join(count, plan, seen, settings)
    if form == "encoder_decoder" and not any(mixer.kind == "cross" for _, kept in joined for mixer in kept):
        joined = [(layer, (*kept, *_of_the_source(kept, settings))) for layer, kept in joined]
    reason = next((mixer.reason for _, kept in joined for mixer in kept if mixer.kind == "unknown"), plan.reason)
    if not reason and not any(kept for _, kept in joined):
        reason = "no layer was found that mixes tokens"
    notices = tuple(dict.fromkeys([*plan.notices, *_notices(plan, seen, settings)]))
    return AttentionSpec(layers=count, groups=_grouped(joined), reason=reason, notices=notices, **common)


def unknown_attention(reason: str) -> AttentionSpec:
    """The specification of something whose cache is not known, and why."""
    return AttentionSpec(
        form="unknown", layers=None, groups=(), context_tokens=None, element_bytes=2, cache_element_bytes=2,
        hidden_size=None, vocabulary_size=None, basis="unknown", reason=reason,
    )  # fmt: skip


_GENERATES = ("CausalLM", "LMHead", "ConditionalGeneration", "TextGeneration", "Text2Text", "TextToText", "Seq2Seq")
_READS_ONLY = re.compile(
    r"For(MaskedLM|PreTraining|\w*Classification|\w*QuestionAnswering|MultipleChoice|\w*Retrieval|CTC|\w*Detection|"
    r"\w*Segmentation|\w*Matching|\w*Recognition)$|Encoder$|RewardModel$|"
    r"(Vision|Audio|Image|Video)\w*(Model|Transformer)$"
)


def _form(settings: Settings, placed: Sequence[tuple[str, LogicalTensor]], seen: Seen) -> tuple[str, str]:
    """Whether the model writes text, and from what; for `unknown`, why."""
    names = settings.config.get("architectures")
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    generates = any(word in name for name in names for word in _GENERATES)
    reads_only = not generates and any(_READS_ONLY.search(name) for name in names)
    if not reads_only and (settings.flag("is_encoder_decoder") or (seen.has_cross_attention and seen.has_encoder)):
        return "encoder_decoder", ""
    both_ways = settings.raw("use_bidirectional_attention") is True or settings.raw("is_causal") is False
    if reads_only or ((seen.is_encoder_stack or both_ways) and not generates and not settings.flag("is_decoder")):
        if seen.is_encoder_stack and not names and not settings.text("model_type"):
            return "unknown", "its layers are called an encoder, and config.json does not say whether they write text"
        return "encoder", ""
    if not seen.layers and names and not generates and not settings.flag("is_decoder"):
        return "unknown", f"no headers were read, and {names[0]} does not say whether it writes text"
    if seen.layers and not generates and not _has_table(placed, settings.vocabulary_size):
        return "unknown", "it has no table of tokens and no output head: whether it writes text is not known"
    return "decoder", ""


def _has_table(placed: Sequence[tuple[str, LogicalTensor]], vocabulary_size: int | None) -> bool:
    """Whether a tensor has a row for every token."""
    return any(
        component in ("input_embedding", "output_head") or (vocabulary_size and vocabulary_size in (group.shape or ()))
        for component, group in placed
    )


def _element_bytes(settings: Settings, placed: Sequence[tuple[str, LogicalTensor]]) -> int:
    """Bytes of the dtype a runtime computes in: config.json's, else that of the unpacked tensors, else 2."""
    stated = settings.text("dtype", "torch_dtype")
    if stated and (width := _WIDTH_BYTES.get(stated.removeprefix("torch."))):
        return width
    plain = [(g.total, g.storage) for _, g in placed if g.storage in ("F32", "F16", "BF16")]
    if plain and max(plain)[1] == "F32" and all(storage == "F32" for _, storage in plain):
        return 4
    return 2


def _join(count: int, plan: LayerPlan, seen: Seen, settings: Settings) -> list[tuple[int, tuple[Mixer, ...]]]:
    """Each layer with what it keeps: the headers' widths under config.json's windows and sharing."""
    out: list[tuple[int, tuple[Mixer, ...]]] = []
    last_attention: tuple[Mixer, ...] = ()
    for layer in range(count):
        kind = plan.kinds[layer] if plan.kinds else "full"
        found = seen.layers.get(layer)
        if mixers.is_compressed(kind, settings):
            kept = mixers.from_config(kind, layer, settings)
        elif found is None:
            kept = mixers.from_config(kind, layer, settings) * plan.mixers_per_layer if not seen.layers else ()
        else:
            kept = tuple(mixers.resolve(mixer, kind, layer, settings) for mixer in found)
        attention = tuple(mixer for mixer in kept if mixer.grows)
        if kind in ("hybrid", "hybrid_sliding") and not attention and seen.layers:
            attention = last_attention or seen.any_attention  # one block's weights serve several layers
            kept = (*kept, *attention)
        last_attention = attention or last_attention
        window = plan.windows[layer] if plan.windows else None
        kept = tuple(_under(mixer, kind, window, is_shared=layer in plan.shared) for mixer in kept)
        out.append((layer, kept))
    return out


def _under(mixer: Mixer, kind: str, window: int | None, *, is_shared: bool) -> Mixer:
    """The mixer with its window and whether it reads another layer's cache."""
    if not mixer.grows or mixer.kind == "cross":
        return mixer
    if kind in ("sliding", "hybrid_sliding", "chunked") and mixer.window is None:
        mixer = replace(mixer, window=window, is_chunked=kind == "chunked")
    return replace(mixer, is_shared=True) if is_shared else mixer


def _of_the_source(kept: Iterable[Mixer], settings: Settings) -> Iterable[Mixer]:
    """What a decoder without projections of its own for the source keeps of it: its own projections read it.

    Source: transformers 5.23, modeling_t5gemma2.py, `T5Gemma2MergedAttention`.
    """
    source = settings.integer(*SOURCE_LENGTH_KEYS)
    return [
        replace(mixer, kind="cross", window=None, is_chunked=False, source_tokens=source)
        for mixer in kept
        if mixer.grows and not mixer.is_shared
    ]


def _grouped(joined: Iterable[tuple[int, tuple[Mixer, ...]]]) -> tuple[LayerGroup, ...]:
    by_mixers: dict[tuple[Mixer, ...], list[int]] = {}
    for layer, kept in joined:
        by_mixers.setdefault(kept, []).append(layer)
    return tuple(LayerGroup(layers=tuple(layers), mixers=kept) for kept, layers in by_mixers.items())


def _notices(plan: LayerPlan, seen: Seen, settings: Settings) -> Iterable[Notice]:
    yield from settings.notices
    if seen.layers and settings.is_missing:
        yield Notice(
            code="attention.no_config",
            message="no config.json was read: windows and layer types are not known, every layer that has keys and "
            "values is counted with the whole context (an upper bound)",
        )
    if seen.layers and plan.count and (more := len(set(seen.layers) - set(range(plan.count)))):
        yield Notice(
            code="attention.layers",
            message=f"config.json declares {plan.count} layers, the headers hold {more} more; they are left out of "
            "the cache",
        )
