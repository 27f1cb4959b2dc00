"""Groups stored tensors into modules that are alike, in one pass.

A number is a run of digits between `.`, `_` and the ends of a name: `experts.expert_3.wi` and
`experts.expert_4.wi` are alike, `w1` and `fc1_latent` keep their digits. Nothing is decoded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sizer.headers.interface import StoredTensor
from sizer.quantization.format import Kind, Module, join

__all__ = ["Repeated", "group_modules", "template_of"]

_NUMBER = re.compile(r"(?<![^._])[0-9]{1,18}(?![^._])")
_ORDINALS = ("_scale_2", "_factor_2", "_zero_point_2")  # `weight_scale_2` is one name, not the second of several

# Leaves that are the state of the parameter one level up: `q_proj.weight.absmax` belongs to `q_proj`.
# bitsandbytes: bitsandbytes/functional.py, QuantState.as_dict; optimum-quanto: tensor/qbits/qbits.py.
_PARAMETER_STATE = frozenset(
    {"absmax", "quant_map", "nested_absmax", "nested_quant_map", "_data", "_scale", "_shift", "_zeropoint"}
)
# The same for parameters that are no `weight` of their own module: `experts.down_proj` and `experts.down_proj.SCB`.
# bitsandbytes: bitsandbytes/nn/modules.py, Linear8bitLt._save_to_state_dict.
_ROW_STATE = frozenset({"SCB", "SCBt", "CB", "weight_format"})
# Parents that are a parameter, not a module: their leaves belong one level further up.
_PARAMETER_PARENTS = frozenset({"weight", "centroids", "res_centroids", "outlier_centroids", "meta"})
_UNUSUAL_PARENTS = (*_PARAMETER_PARENTS, ".quant_state", "._data")

Numbers = tuple[int, ...]
Repeated = dict[tuple[str, Kind], int]
"""How many tensors had a name that was met before, by name template and kind."""


def template_of(name: str) -> tuple[str, Numbers]:
    """`layers.3.w1.weight` -> (`layers.*.w1.weight`, (3,))."""
    return _NUMBER.sub("*", name), tuple(map(int, _NUMBER.findall(name)))


def group_modules(stored: Iterable[StoredTensor]) -> tuple[list[Module], Repeated]:
    """Modules that are alike, sorted by path, and the tensors whose name was met before.

    About a microsecond a tensor and one more a module: leaves, shapes and the levels of a name are looked up,
    not parsed again, and what a module holds so far is one integer.
    """
    contents, templates = _Contents(), _Templates()
    held, kinds, after = contents.held, contents.simple, contents.after
    for name, dtype, shape, size_bytes in stored:
        parent, _, leaf = name.rpartition(".")
        state = held.get(parent)
        kind = kinds.get((leaf, dtype, shape, size_bytes))
        if kind is None or (state is None and parent.endswith(_UNUSUAL_PARENTS)):
            contents.add(parent, leaf, Kind(dtype, shape, size_bytes))
        else:
            state = state or 0
            following = after[state].get(kind)
            held[parent] = contents.follow(state, kind) if following is None else following

    alike: dict[tuple[str, int], list[Numbers]] = {}
    for parent, state in held.items():
        if state:
            template, numbers = templates.of(parent)
            alike.setdefault((template, state), []).append(numbers)
    for (parent, own), state in contents.numbered.items():
        template, numbers = templates.of(parent)
        alike.setdefault((template, state), []).append(numbers + own)
    return _merge(alike, contents)


class _Templates:
    """Name templates of parents, each level computed once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Numbers]] = {"": ("", ())}
        self._joined: dict[tuple[str, str], tuple[str, Numbers]] = {}
        """What a template and one more piece lead to: the longer template, and the numbers of the piece."""

    def of(self, path: str) -> tuple[str, Numbers]:
        """Template and numbers of a dotted path."""
        parent, dot, piece = path.rpartition(".")
        above = self._known.get(parent)
        if above is None:
            above = self._known[parent] = self.of(parent) if parent.count(".") < 60 else template_of(parent)
        joined = self._joined.get((above[0], piece))
        if joined is None:
            below, numbers = template_of(piece)
            joined = self._joined[above[0], piece] = f"{above[0]}.{below}" if dot else below, numbers
        return (joined[0], above[1] + joined[1]) if joined[1] else (joined[0], above[1])


class _Contents:
    """What each module holds so far, as a state: 0 is empty, and a further tensor leads to a further state."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        """State of each module by its path."""
        self.numbered: dict[tuple[str, Numbers], int] = {}
        """State of modules whose leaves have numbers (`wi_0`, `wi_0_scale`), which are part of the module."""
        self.simple: dict[tuple[str, str, Numbers, int], int] = {}
        """Kinds whose leaf says all: (leaf, dtype, shape, bytes) to their number."""
        self.after: list[dict[int, int]] = [{}]
        """For each state, the state that a further kind leads to."""
        self._before: list[tuple[int, int]] = [(0, 0)]
        """For each state, the state before and the kind that led here."""
        self._homes: dict[str, tuple[str, str]] = {}
        """Module and head of parents that are no modules themselves."""
        self._kinds: list[tuple[str, Kind]] = []
        self._numbers: dict[tuple[str, Kind], int] = {}

    def follow(self, state: int, kind: int) -> int:
        """The state after one more tensor."""
        following = self.after[state].get(kind)
        if following is None:
            following = self.after[state][kind] = len(self.after)
            self.after.append({})
            self._before.append((state, kind))
        return following

    def add(self, parent: str, leaf: str, kind: Kind) -> None:
        """Put a tensor in its module that is not simple, or the first of its kind or module."""
        module, head = self._homes.get(parent) or _home(parent, leaf)
        if module != parent or head:
            leaf = head + leaf
            if parent.endswith(_UNUSUAL_PARENTS):
                self._homes[parent] = module, head
        elif any(mark.isdigit() for mark in leaf) and not leaf.endswith(_ORDINALS):
            template, numbers = template_of(leaf)
            if numbers:
                state = self.numbered.get((module, numbers), 0)
                self.numbered[module, numbers] = self.follow(state, self._number(template, kind))
                return
        number = self._number(leaf, kind)
        if not head and leaf not in _PARAMETER_STATE:
            self.simple[leaf, *kind] = number
        self.held[module] = self.follow(self.held.get(module, 0), number)

    def tensors(self, state: int) -> Iterator[tuple[str, Kind]]:
        """The leaves and kinds of a state, the last one first."""
        while state:
            state, number = self._before[state]
            yield self._kinds[number]

    def _number(self, leaf: str, kind: Kind) -> int:
        number = self._numbers.get((leaf, kind))
        if number is None:
            number = self._numbers[leaf, kind] = len(self._kinds)
            self._kinds.append((leaf, kind))
        return number


def _home(parent: str, leaf: str) -> tuple[str, str]:
    """The module that a tensor belongs to, and what stands before its leaf there."""
    path, head = parent, ""
    for state in (".quant_state", "._data"):
        if path.endswith(state):
            path, head = path[: -len(state)], f"{state[1:]}."
    module, dot, piece = path.rpartition(".")
    if dot and (head or piece in _PARAMETER_PARENTS or leaf in _PARAMETER_STATE):
        return module, f"{piece}.{head}"
    return parent, ""


def _merge(alike: dict[tuple[str, int], list[Numbers]], contents: _Contents) -> tuple[list[Module], Repeated]:
    """Modules from states: the order in which tensors were met does not matter, and a name counts once."""
    merged: dict[tuple[str, frozenset[tuple[str, Kind]]], list[Numbers]] = {}
    repeated: Repeated = {}
    for (template, state), numbers in alike.items():
        held = list(contents.tensors(state))
        tensors = dict(held)
        if len(tensors) < len(held):
            for leaf, kind in _again(held[::-1]):
                key = join(template, leaf), kind
                repeated[key] = repeated.get(key, 0) + len(numbers)
        merged.setdefault((template, frozenset(tensors.items())), []).extend(numbers)
    modules = [
        Module(path=template, tensors=dict(sorted(tensors)), indices=tuple(sorted(numbers)))
        for (template, tensors), numbers in merged.items()
    ]
    modules = _fold_row_state(modules)
    modules.sort(key=lambda module: (module.path, module.indices[0], *module.tensors))
    return modules, repeated


def _fold_row_state(modules: list[Module]) -> list[Module]:
    """Modules that hold nothing but the row statistics of a parameter one level up, put into the module of that."""
    states = [module for module in modules if "SCB" in module.tensors and {*module.tensors} <= _ROW_STATE]
    if not states:
        return modules
    rows = {(state.path, numbers): state.tensors for state in states for numbers in state.indices}
    paths = {state.path for state in states}
    folded: list[Module] = []
    for module in modules:
        if any(module is state for state in states):
            continue
        carriers = [leaf for leaf, kind in module.tensors.items() if kind.dtype in ("I8", "U8")]
        carriers = [leaf for leaf in carriers if join(module.path, leaf) in paths]
        alike: dict[tuple[tuple[str, Kind], ...], list[Numbers]] = {}
        for numbers in module.indices:
            own = dict(module.tensors)
            for leaf in carriers:
                found = rows.pop((join(module.path, leaf), numbers), {})
                own |= {f"{leaf}.{name}": kind for name, kind in found.items()}
            alike.setdefault(tuple(sorted(own.items())), []).append(numbers)
        folded += [replace(module, tensors=dict(own), indices=tuple(numbers)) for own, numbers in alike.items()]
    for state in states:
        if left := tuple(numbers for numbers in state.indices if (state.path, numbers) in rows):
            folded.append(replace(state, indices=left))
    return folded


def _again(held: list[tuple[str, Kind]]) -> Iterator[tuple[str, Kind]]:
    """The tensors of a module whose leaf was met before."""
    met: set[str] = set()
    for leaf, kind in held:
        if leaf in met:
            yield leaf, kind
        met.add(leaf)
