"""The component of each tensor of the text stack, and which tensors are second copies of the token table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sizer.anatomy.experts import ExpertLayers
from sizer.anatomy.parts import Placed, find_token_table, is_positional, is_shared, module_of
from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import vocabulary
from sizer.quantization.interface import LogicalTensor
from sizer.values import frozen

__all__ = ["Unique", "head_is_tied", "table_parameters", "text_components", "without_copies"]


@frozen
class Unique:
    """Groups that are counted, and those that hold the same numbers again."""

    placed: list[Placed]
    copies: list[LogicalTensor]


def text_components(
    groups: Sequence[LogicalTensor], layers: ExpertLayers, vocabulary_size: int | None
) -> Iterable[Placed]:
    """The groups of the text stack that hold no routed experts, each with its component."""
    table = find_token_table(groups, vocabulary_size)
    for group in groups:
        if group is table:
            yield "input_embedding", group
        else:
            component = _component(group, layers, vocabulary_size)
            if component == "other" and table is not None and _is_wider(group, table):
                component = "lookup_tables"
            shapes = ((), ()) if table is None else (table.shape, (table.shape or ())[::-1])  # a kernel is transposed
            is_like_table = len(group.shape or ()) == 2 and group.shape in shapes and "*" not in group.name
            yield ("output_head" if is_like_table and component in ("mixer", "other") else component), group


_TALL, _TALLEST_MATRIX = 16, 1 << 17
"""Rows to a column, and rows, that a table in a layer has and no matrix that is multiplied with."""


def _is_wider(group: LogicalTensor, table: LogicalTensor) -> bool:
    """Whether the group has a row for each token too, and wider ones: all layers' embeddings side by side."""
    shape, own = group.shape or (), table.shape or (0, 0)
    return "*" not in group.name and len(shape) == 2 and shape[0] == own[0] and own[1] < shape[1] < shape[0]


def _component(group: LogicalTensor, layers: ExpertLayers, vocabulary_size: int | None) -> str:
    words, module = vocabulary(), module_of(group.name)
    in_layer = "*" in group.name
    if words.shared_experts.any(module):
        return "shared_experts"
    if ".".join(module) in layers.unnamed.selectors:
        return "router"
    if words.router_only.any(module) or (words.router.any(module) and _has_row_per_expert(group, layers)):
        return "router"
    if is_positional(module):
        return "mixer" if in_layer else "input_embedding"
    if _is_lookup(group, module, vocabulary_size):
        return "lookup_tables"
    if words.norm.any(module[-2:]):
        return "norms"
    if not in_layer or len(module) == 1 or _has_row_per_token(group, vocabulary_size):
        if words.input_embedding.has(module[-1]):
            return "input_embedding"
        if words.head.any(module):
            return "output_head"
    for segment in module:
        if words.mixer.has(segment):
            return "mixer"
        if in_layer and words.dense_ffn.has(segment):
            return "dense_ffn"
    return "other"


def _has_row_per_token(group: LogicalTensor, vocabulary_size: int | None) -> bool:
    """Whether the group is one matrix with a row for each token: in a list of all modules, `sequential.44.linear`."""
    return group.count == 1 and len(group.shape or ()) == 2 and (group.shape or ())[0] == vocabulary_size


def _has_row_per_expert(group: LogicalTensor, layers: ExpertLayers) -> bool:
    counts = {*layers.experts.values(), *layers.router_rows.values()}
    is_row = len(group.shape or ()) == 2 and 1 in (group.shape or ()) and bool(counts)  # stored with each expert
    return is_row or any(size in counts for size in group.shape or ())


def _is_lookup(group: LogicalTensor, module: Sequence[str], vocabulary_size: int | None) -> bool:
    """Whether the group is a table of which a token reads a few rows: per-layer embeddings, n-gram memories."""
    words, shape, rows = vocabulary(), group.shape or (), vocabulary_size or 0
    if len(shape) != 2 or shape[0] <= shape[1]:
        return False
    if words.lookup.any(module):  # a projection beside the table has few rows; the table may be cut into many
        return 2 * shape[0] >= rows or shape[0] >= _TALL * shape[1]
    name = next((segment for segment in reversed(module) if segment != "*"), "")  # `value_embeds.3` is one of several
    if not rows or shape[0] < rows or words.input_embedding.has(name) or words.head.any(module):
        return False
    if "embed" in name:  # a second table of the vocabulary, or a larger one
        return True
    is_layer = words.mixer.any(module) or words.dense_ffn.any(module) or re.search(r"head|logit|proj|out", name)
    is_tall = shape[0] == rows or shape[0] >= _TALLEST_MATRIX
    return "*" in group.name and not is_layer and is_tall and shape[0] >= _TALL * shape[1]


def without_copies(placed: Sequence[Placed], settings: Settings, family_default: bool | None) -> Unique:
    """What is counted once: not a tied head that is stored anyway, nor an encoder's own copy of a shared table."""
    tables = [group for component, group in placed if _is_table(component, group)]
    main = find_token_table(tables, settings.vocabulary_size)
    is_tied = _declared_tied(settings, family_default)
    unique = Unique(placed=[], copies=[])
    biases: set[tuple[int, ...] | None] = set()
    for component, group in placed:
        is_like_table = main is not None and group is not main and group.shape == main.shape and group.count == 1
        is_copy = False
        if component == "input_embedding" and is_like_table and main is not None:
            is_copy = is_shared(main) and bool(re.search("encoder|decoder", group.name))
        elif component == "output_head" and is_tied and main is not None:
            is_bias = group.shape == (main.shape or ())[:1]
            is_copy = is_like_table or (is_bias and group.shape in biases)  # `cls.predictions.decoder.bias`
            biases |= {group.shape} if is_bias else set()
        if is_copy:
            unique.copies.append(group)
        else:
            unique.placed.append((component, group))
    return unique


def _declared_tied(settings: Settings, family_default: bool | None) -> bool:
    """What config.json says of head and embedding; where it contradicts itself, the files are right."""
    stated = settings.flags(*vocabulary().keys.tied)
    return False not in stated if stated else bool(family_default)


def head_is_tied(placed: Sequence[Placed], settings: Settings) -> bool:
    """Whether the token table is the output head: no head of its own is stored, and the architecture has one."""
    rows = {(group.shape or (0,))[0] for component, group in placed if _is_table(component, group)}
    shapes = [group.shape or () for component, group in placed if component == "output_head"]
    if any(len(shape) == 2 and (rows & {*shape} or shape[0] > shape[1]) for shape in shapes):
        return False
    names = settings.architectures
    return not names or any(re.search("LM|Generation|PreTraining", name) for name in names)


def table_parameters(placed: Iterable[Placed]) -> int:
    """Parameters of the token tables: of the input embedding, those that are looked up by token."""
    return sum(group.total for component, group in placed if _is_table(component, group))


def _is_table(component: str, group: LogicalTensor) -> bool:
    is_matrix = len(group.shape or ()) == 2 and group.count == 1
    return component == "input_embedding" and is_matrix and not is_positional(module_of(group.name))
