"""Which tensors are parameters of the text stack, and which stand beside it.

Beside the text stand towers (vision, audio, other encoders), projectors, extra prediction layers and adapters.
Words of names tell most of them. What no word tells, the place of the token table does: in a multimodal model the
text lives where its token table lives, and what is stored elsewhere serves another modality.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sizer.anatomy.settings import Settings
from sizer.anatomy.unnamed_parts import find_prediction_layers, tower_widths
from sizer.anatomy.vocabulary import vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor
from sizer.values import frozen

__all__ = [
    "TOWERS", "Placed", "find_token_table", "is_positional", "is_shared", "module_of", "place_beside", "say_unnamed",
    "without_buffers",
]  # fmt: skip

TOWERS = frozenset({"vision", "audio", "other_encoders", "projector"})
"""Components that serve another modality than text."""

Placed = tuple[str, LogicalTensor]
"""A group and its component; `""` stands for the text stack."""

_INTEGERS = frozenset({"I64", "I32", "I16", "I8", "U64", "U32", "U16", "BOOL"})
_COLOURS, _SMALLEST_PATCH = 3, 4
_LAYER_KEYS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers", "block_count")


@frozen
class _TextRoot:
    segments: tuple[str, ...]
    """What the names of the text stack begin with."""
    shape: tuple[int, ...]
    """Shape of its token table: vocabulary x width."""

    def holds(self, segments: Sequence[str]) -> bool:
        return tuple(segments[: len(self.segments)]) == self.segments


def module_of(name: str) -> list[str]:
    """The segments of a tensor's module: its name less `.weight` or `.bias`."""
    segments = name.split(".")
    return segments[:-1] if len(segments) > 1 and segments[-1] in ("weight", "bias") else segments


def find_token_table(groups: Iterable[LogicalTensor], vocabulary_size: int | None) -> LogicalTensor | None:
    """The table that is looked up by token: by its word, else by its rows; None where there is none.

    Of several the shared one comes first, then one with the vocabulary's rows, then the largest.
    """
    words, groups = vocabulary(), list(groups)
    outside = [group for group in groups if len(group.shape or ()) == 2 and "*" not in group.name]
    named = [group for group in outside if _is_named_table(group)]
    if not named:  # in a list of all modules: `sequential.0.word_embeddings`
        named = [group for group in groups if _is_named_table(group) and _rows(group) == vocabulary_size]
    if not named:
        named = [group for group in outside
                 if _rows(group) == vocabulary_size and not words.head.any(module_of(group.name))]  # fmt: skip
        widths = {group.shape for group in groups if len(group.shape or ()) == 1 and "*" in group.name}
        named = [group for group in named if (group.shape or ())[1:] in widths] or named
    return max(
        named,
        key=lambda group: (is_shared(group), _rows(group) == vocabulary_size, group.parameters),
        default=None,
    )


def _is_named_table(group: LogicalTensor) -> bool:
    """Whether the group is a table that is looked up by token, by its name and shape."""
    words, module = vocabulary(), module_of(group.name)
    return (
        len(group.shape or ()) == 2
        and group.count == 1
        and words.input_embedding.has(module[-1])
        and not is_positional(module)
    )


def is_positional(module: Sequence[str]) -> bool:
    """Whether a module holds positions: by its name, or by a module around it unless its own name speaks of tokens
    (`token_position_embeddings.token_embedding`)."""
    words = vocabulary()
    is_around = words.position_embedding.any(module[:-1]) and not words.token_table.has(module[-1])
    return is_around or words.position_embedding.has(module[-1])


def is_shared(table: LogicalTensor) -> bool:
    """Whether the name says that encoder and decoder share this table."""
    return bool(re.search(r"(^|\.)shared([._]|$)", table.name))


def _rows(group: LogicalTensor) -> int:
    return (group.shape or (0,))[0]


def without_buffers(tensors: Iterable[LogicalTensor]) -> tuple[list[LogicalTensor], int]:
    """Parameters only, and how many stored elements were buffers."""
    kept, dropped = [], 0
    for group in tensors:
        if _is_buffer(group):
            dropped += group.total
        else:
            kept.append(group)
    return kept, dropped


def _is_buffer(group: LogicalTensor) -> bool:
    words, segments, shape = vocabulary(), group.name.split("."), group.shape
    if group.storage in _INTEGERS or words.buffers.has(segments[-1]):
        return True
    if words.buffer_leaves.has(segments[-1]) or words.buffer_leaves.has(".".join(segments[-2:])):
        return True
    if len(segments) > 1 and words.buffers.any(segments[-3:-1]):
        return True
    if shape == () and words.constants.has(segments[-1]):
        return True
    # a causal mask saved under the name of a bias: [1, 1, n, n] in an attention module
    return segments[-1] == "bias" and shape is not None and len(shape) == 4 and shape == (1, 1, shape[2], shape[2])


def place_beside(tensors: Iterable[LogicalTensor], settings: Settings) -> list[Placed]:
    """Each group with its component, `""` for the text stack. Groups are split where only some layers are MTP."""
    placed = list(_place_by_words(list(tensors), settings))
    table = find_token_table((group for c, group in placed if c == ""), settings.vocabulary_size)
    if table is None:  # no text: a tower or a draft on its own is the model
        return [("" if component in TOWERS | {"mtp"} else component, group) for component, group in placed]
    placed = [("" if _is_in_expert(component, group) else component, group) for component, group in placed]
    placed = list(_place_predictions(placed, table.shape[-1] if table.shape else 0, settings))
    is_multimodal = settings.has_towers or any(
        component in TOWERS or _cuts_patches(group) for component, group in placed
    )
    if not is_multimodal or True in settings.flags("is_encoder_decoder"):  # what a decoder reads is part of it
        return placed
    return list(_place_by_root(placed, _text_root(table, placed), settings))


def _is_in_expert(component: str, group: LogicalTensor) -> bool:
    """Whether a model's experts are adapters (`experts.3.lora_A`): then they are routed as others are."""
    words, segments = vocabulary(), group.name.split(".")
    is_expert = words.indexed_experts.any(segments) or any(map(words.numbered_expert.has, segments))
    return component == "adapter" and is_expert and not words.shared_experts.any(segments)


def _cuts_patches(group: LogicalTensor) -> bool:
    """Whether the kernel cuts patches from images of three colours: [width, 3, 14, 14], or with time before."""
    shape = group.shape or ()
    return len(shape) in (4, 5) and shape[1] == _COLOURS and shape[-1] == shape[-2] >= _SMALLEST_PATCH


def _place_by_words(groups: Sequence[LogicalTensor], settings: Settings) -> Iterable[Placed]:
    words = vocabulary()
    extra = _extra_layers(groups, settings)
    for group in groups:
        segments = group.name.split(".")
        first = next((i for i, segment in enumerate(segments) if "*" in segment), len(segments))
        above = segments[: max(first, 1)]
        if any(len(segment) == 1 for segment in above):  # `v` and `a` are towers at the root of whole parts alone
            above = [s for i, s in enumerate(above) if len(s) > 1 or (i == 0 and len(segments) > 2)]
        component = next((c for c, roots, anywhere in words.beside
                          if roots.any(above) or anywhere.any(segments)), "")  # fmt: skip
        numbers = extra.get(".".join(segments[:first])) if component == "" else None
        if numbers:
            inside = tuple(index for index in group.indices if index[0] in numbers)
            outside = tuple(index for index in group.indices if index[0] not in numbers)
            yield from [("mtp", replace(group, indices=inside))] if inside else []
            yield from [("", replace(group, indices=outside))] if outside else []
        else:
            yield component, group


def _place_predictions(placed: Sequence[Placed], width: int, settings: Settings) -> Iterable[Placed]:
    """Groups of the text that are prediction layers by their shapes, split off."""
    found = find_prediction_layers((group for component, group in placed if component == ""), width)
    say_unnamed("prediction layers", [stack if n is None else f"{stack}.{n}" for stack, n in found], settings)
    for component, group in placed:
        stack = group.name.partition(".*")[0]
        numbers = {number for name, number in found if name == stack} if "*" in group.name else set()
        own = tuple(index for index in group.indices if index[0] in numbers) if numbers else ()
        if any(number is None and group.name.startswith(f"{module}.") for module, number in found):
            own = group.indices
        if component == "" and own:
            yield "mtp", replace(group, indices=own)
            taken = set(own)
            rest = tuple(index for index in group.indices if index not in taken)
            yield from [("", replace(group, indices=rest))] if rest else []
        else:
            yield component, group


def _text_root(table: LogicalTensor, placed: Sequence[Placed]) -> _TextRoot:
    """Where the text stack is: beside its token table, or above where no layers of its width stand beside it."""
    module = module_of(table.name)[:-1]
    while module and vocabulary().input_embedding.has(module[-1]):
        module = module[:-1]
    if module and module[-1] == "encoder":  # an encoder that shares its table with the decoder beside it
        module = module[:-1]
    shape = table.shape or (0, 0)
    layers = [group for component, group in placed if component == "" and _is_layer(group)]
    layers = [group for group in layers if _has_width(group, shape[-1])]
    root = _TextRoot(segments=tuple(module), shape=shape)
    while layers and not any(root.holds(group.name.split(".")) for group in layers):
        root = _TextRoot(segments=root.segments[:-1], shape=shape)
    return root


def _place_by_root(placed: Sequence[Placed], root: _TextRoot, settings: Settings) -> Iterable[Placed]:
    """In a multimodal model: what is stored outside the text's place, and stacks of another width inside it."""
    foreign = _foreign_stacks(placed, root)
    stacks = {_child(group, ()) for component, group in placed if component == "" and _is_layer(group)}
    bridges = _bridges(placed, root, settings)
    for component, group in placed:
        segments = group.name.split(".")
        is_table = _is_named_table(group) and group.shape == root.shape
        if component == "" and (is_table or vocabulary().text.any(group.name.partition(".*")[0].split("."))):
            pass
        elif component == "" and root.holds(segments):
            child = _child(group, root.segments)
            component = "projector" if child in bridges else "other_encoders" if child in foreign else ""
        elif component == "" and not _is_head(group, root):
            component = "other_encoders" if _child(group, ()) in stacks else "projector"
        yield component, group


def _bridges(placed: Sequence[Placed], root: _TextRoot, settings: Settings) -> set[str]:
    """Modules beside the text's layers that read what a tower gives (one, two or four side by side) and nothing of
    the text's width but their own.
    """
    words, width = vocabulary(), root.shape[-1]
    towers = tower_widths(group for component, group in placed if component in TOWERS)
    given = {many * size for size in towers for many in (1, 2, 4)} - {width}
    bridges, others = set[str](), set[str]()
    for component, group in placed:
        module, shape = module_of(group.name), group.shape or ()
        if component != "" or len(shape) < 2 or not root.holds(module):
            continue
        is_told = words.dense_ffn.any(module) or words.mixer.any(module) or words.input_embedding.any(module)
        is_bridge = shape[0] in given | {width} and shape[-1] in given and len(shape) == 2 and not is_told
        reads_text = shape[-1] == width != shape[0]
        (bridges if is_bridge else others if reads_text else set()).add(_child(group, root.segments))
    found = bridges - others
    say_unnamed("projectors", [".".join([*root.segments, child]) for child in found], settings)
    return found


def say_unnamed(what: str, modules: Iterable[str], settings: Settings) -> None:
    """Leave a warning that shapes alone say what these modules are."""
    if shown := ", ".join(f"`{module}`" for module in sorted(modules)):
        message = f"no word says so, but shapes do: {shown} are counted as {what}, which text does not use"
        settings.notices.append(Notice(code="parts.unnamed", message=message))


def _is_head(group: LogicalTensor, root: _TextRoot) -> bool:
    return "*" not in group.name and (group.shape == root.shape or vocabulary().head.any(group.name.split(".")))


def _foreign_stacks(placed: Iterable[Placed], root: _TextRoot) -> set[str]:
    """Stacks of layers beside the text's own whose parameters have not the width of the token table."""
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    layered: set[str] = set()
    for component, group in placed:
        if component == "" and root.holds(group.name.split(".")):
            child = _child(group, root.segments)
            totals[child][0] += group.total
            totals[child][1] += group.total if _has_width(group, root.shape[-1]) else 0
            layered |= {child} if _is_layer(group) else set()
    alike = {child for child in layered if 2 * totals[child][1] >= totals[child][0]}
    own = max(alike or layered, key=lambda child: totals[child][0], default="")
    return layered - alike - {own}


def _has_width(group: LogicalTensor, width: int) -> bool:
    """Whether the width is one of the dimensions; where a packing keeps none, whether it divides the parameters."""
    return group.parameters % width == 0 if group.shape is None and width else width in (group.shape or ())


def _is_layer(group: LogicalTensor) -> bool:
    """Whether the group stands in a numbered layer and mixes positions: attention, convolution, recurrence."""
    segments = group.name.split(".")
    return "*" in group.name and vocabulary().mixer.any(segments)


def _child(group: LogicalTensor, root: Sequence[str]) -> str:
    """The segment below a root."""
    segments = group.name.split(".")
    return segments[len(root)] if len(segments) > len(root) else ""


def _extra_layers(groups: Iterable[LogicalTensor], settings: Settings) -> dict[str, set[int]]:
    """Layers of the main stack that are extra prediction layers, by stack: `{"model.layers": {61}}`.

    They hold a marker (a projection that joins embedding and hidden state), or they lie beyond
    `num_hidden_layers` in a config that says there are such layers.
    """
    words = vocabulary()
    extra: dict[str, set[int]] = defaultdict(set)
    seen: dict[str, set[int]] = defaultdict(set)
    for group in groups:
        segments = group.name.split(".")
        first = next((i for i, segment in enumerate(segments) if segment == "*"), None)
        if first is None:
            continue
        stack = ".".join(segments[:first])
        numbers = {index[0] for index in group.indices}
        seen[stack] |= numbers
        if words.mtp_markers.any(segments[first + 1 :]):
            extra[stack] |= numbers
    declared = settings.integer(*_LAYER_KEYS)
    if declared and any((settings.integer(key) or 0) > 0 for key in words.keys.extra_layers):
        for stack, numbers in seen.items():
            if max(numbers) >= declared and set(range(declared)) <= numbers:
                extra[stack] |= {number for number in numbers if number >= declared}
    return extra
