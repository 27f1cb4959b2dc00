"""What config.json and the files beside it declare about the packing. Claims: the tensors decide first.

Nothing here trusts a type or a value: a configuration may be missing, nested, or belong to another model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from sizer.quantization.format import Scheme
from sizer.quantization.patterns import NamePattern
from sizer.quantization.projections import Sides, read_sides
from sizer.values import frozen

__all__ = ["Declared", "read_declared"]

_NOTHING: Mapping[str, object] = {}
_LONGEST_TEXT = 1_000_000
_SECTIONS = ("quantization_config", "compression_config", "quantization")
_MLX_KEYS = frozenset({"bits", "group_size", "mode"})
_NESTED = ("text_config", "language_config", "llm_config", "thinker_config")
_BITS = ("bits", "w_bit", "num_bits", "nbits", "weight_bits")
_GROUP = ("group_size", "q_group_size", "weight_group_size")
_HEADS = ("num_attention_heads", "num_key_value_heads")
_ALGORITHMS = {"NVFP4": 4, "MXFP4": 4, "FP8": 8, "MXFP8": 8, "INT8": 8, "W4A16": 4, "W4A8": 4, "INT4": 4, "W8A": 8}
_BY_NAME = ("extra_config", "quantized_layers", "config_for_layers", "modules")
_WIDTH_KEYS = ("_size", "_dim", "_rank", "_width", "dim", "width", "channels", "d_model", "d_ff", "n_embd", "n_inner")


@frozen
class Declared:
    """The method and the schemes that a configuration names."""

    method: str = ""
    """`gptq`, `awq`, `fp8`, `modelopt`, `mlx`, ... in lower case; empty where none is named."""
    schemes: tuple[Scheme, ...] = ()
    """Schemes of the model as a whole, the likeliest first."""
    by_name: Mapping[str, Scheme] = field(default_factory=dict)
    """Schemes of single modules, by full name."""
    by_target: tuple[tuple[str | NamePattern, Scheme], ...] = ()
    """Schemes of groups of modules by name, pattern or class, where there are several."""
    widths: frozenset[int] = frozenset()
    """Layer dimensions that the configuration names."""
    sides: Mapping[str, Sides] = field(default_factory=dict)
    """Outputs and inputs that the configuration gives as a sum, by the last word of a module."""
    transforms: frozenset[str] = frozenset()
    """Names of the submodules that keep rotations of a module's inputs or outputs (`R4_input`)."""
    unusable: tuple[str, ...] = ()
    """Sections that are no object, by key: what they say is not known."""

    @property
    def differs_by_name(self) -> bool:
        """Whether modules may have different schemes."""
        return bool(self.by_name or self.by_target)

    @property
    def differs_by_number(self) -> bool:
        """Whether modules whose names differ in numbers only may have different schemes."""
        return bool(self.by_name) or any(
            any(mark.isdigit() for mark in target) if isinstance(target, str) else target.may_tell_numbers_apart
            for target, _ in self.by_target
        )

    def schemes_of(self, name: str) -> tuple[Scheme, ...]:
        """The schemes of one module, the likeliest first: its own, its group's, its class's, then all others.

        A group names modules (`lm_head`), patterns of names (`re:.*mlp.*`) or classes (`Linear`), in that order:
        compressed-tensors, utils/match.py.
        """
        own = self.by_name.get(name)
        if own is not None:
            return own, *self.schemes
        named = [scheme for target, scheme in self.by_target if target == name]
        named += [scheme for target, scheme in self.by_target if not isinstance(target, str) and target.matches(name)]
        classes = [scheme for target, scheme in self.by_target if isinstance(target, str) and target[:1].isupper()]
        return *named, *classes, *self.schemes


def read_declared(
    config: Mapping[str, Any] | None, documents: Mapping[str, Any], metadata: Mapping[str, object] = _NOTHING
) -> Declared:
    """What the configuration, the documents beside it and the files' metadata declare; empty where they say nothing.

    Single files carry their configuration as JSON text (nunchaku: `config` and `quantization_config`).
    """
    embedded = {key: parsed for key in ("config", *_SECTIONS) if isinstance(parsed := _json(metadata.get(key)), dict)}
    config = config or embedded.get("config") or {}
    sections = [*_sections(config, documents), *_sections(embedded, {})]
    method = next((found for section, default in sections if (found := _method(section) or default)), "")
    schemes: dict[Scheme, None] = {}
    by_target: list[tuple[str | NamePattern, Scheme]] = []
    by_name: dict[str, Scheme] = {}
    for section, _ in sections:
        for scheme in _schemes(section):
            schemes[scheme] = None
        by_name.update(_by_name(section))
        by_target += _by_target(section)
    return Declared(
        method=method,
        schemes=tuple(schemes),
        by_name=by_name,
        by_target=tuple(by_target) if len({scheme for _, scheme in by_target}) > 1 else (),
        widths=frozenset(_widths(config, depth=0)),
        sides=_sides(config) if method.startswith("exl") else {},
        transforms=frozenset(name for section, _ in sections for name in _transforms(section)),
        unusable=tuple(_unusable(config)),
    )


def _sides(config: Mapping[str, Any]) -> dict[str, Sides]:
    holders = (*(config.get(key) for key in _NESTED), config)
    return read_sides(holder for holder in holders if isinstance(holder, Mapping))


def _transforms(section: Mapping[str, Any]) -> Iterator[str]:
    """`<scheme>_<location>` of each scheme: compressed-tensors, transform/factory/base.py."""
    transforms = section.get("transform_config")
    groups = transforms.get("config_groups") if isinstance(transforms, Mapping) else None
    for name, scheme in groups.items() if isinstance(groups, Mapping) else ():
        applied = scheme.get("apply") if isinstance(scheme, Mapping) else None
        for step in applied if isinstance(applied, list) else ():
            if isinstance(step, Mapping):
                yield f"{name}_{step.get('location')}"


def _unusable(config: Mapping[str, Any]) -> Iterator[str]:
    for holder in (config, *(config.get(key) for key in _NESTED)):
        if isinstance(holder, Mapping):
            yield from (key for key in _SECTIONS if not isinstance(holder.get(key), Mapping | None))


def _sections(config: Mapping[str, Any], documents: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each mapping that describes a quantisation, with the method that its place implies."""
    for holder in (config, *(config.get(key) for key in _NESTED)):
        if isinstance(holder, Mapping):
            for key in _SECTIONS:
                section = holder.get(key)
                if isinstance(section, Mapping):
                    is_mlx = key == "quantization" and not _MLX_KEYS.isdisjoint(section)  # other tools use the name too
                    yield section, "mlx" if is_mlx else ""
    for file, inner, method in (
        ("hf_quant_config.json", "quantization", "modelopt"),
        ("quantize_config.json", "", "gptq"),
        ("quant_config.json", "", "awq"),
    ):
        document = documents.get(file)
        section = document.get(inner) if inner and isinstance(document, Mapping) else document
        if isinstance(section, Mapping):
            yield section, method


def _method(section: Mapping[str, Any]) -> str:
    named = section.get("quant_method")
    return named.lower() if isinstance(named, str) else ""


def _integer(section: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        value = section.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and -1 <= value <= 1 << 31:
            return value
    return None


def _scheme(section: Mapping[str, Any]) -> Scheme | None:
    bits, group = _integer(section, _BITS), _integer(section, _GROUP)
    mode = next((section[key] for key in ("mode", "type") if isinstance(section.get(key), str)), "")
    algorithm = section.get("quant_algo")
    if isinstance(algorithm, str):
        mode = mode or algorithm.lower()
        bits = bits or next((width for name, width in _ALGORITHMS.items() if algorithm.upper().startswith(name)), None)
    if section.get("load_in_4bit") is True:
        bits = 4
    if section.get("load_in_8bit") is True:
        bits = 8
    if bits is not None and not 1 <= bits <= 16:
        bits = None
    outputs, inputs = _integer(section, ("out_features",)), _integer(section, ("in_features",))
    shape = (outputs, inputs) if outputs and inputs and outputs > 0 and inputs > 0 else None
    return Scheme(bits, group, mode, shape) if bits is not None or group is not None or mode or shape else None


def _schemes(section: Mapping[str, Any]) -> Iterator[Scheme]:
    groups = section.get("config_groups")
    if isinstance(groups, Mapping):
        for entry in groups.values():
            weights = entry.get("weights") if isinstance(entry, Mapping) else None
            if isinstance(weights, Mapping) and (found := _scheme(weights)):
                yield found
    nested = section.get("quant_config")
    for holder in (section, nested if isinstance(nested, Mapping) else {}):
        weights = holder.get("weight_quant_params")
        if isinstance(weights, Mapping) and (found := _scheme(weights)):
            yield found
    if found := _scheme(section):
        yield found


def _by_target(section: Mapping[str, Any]) -> Iterator[tuple[str | NamePattern, Scheme]]:
    """Targets of config_groups: a name, a class (`Linear`), or a pattern after `re:`."""
    groups = section.get("config_groups")
    for entry in groups.values() if isinstance(groups, Mapping) else ():
        weights = entry.get("weights") if isinstance(entry, Mapping) else None
        targets = entry.get("targets") if isinstance(entry, Mapping) else None
        scheme = _scheme(weights) if isinstance(weights, Mapping) else None
        for target in targets if scheme and isinstance(targets, list) else ():
            if scheme and isinstance(target, str):
                yield NamePattern(target[3:]) if target.startswith("re:") else target, scheme


def _by_name(section: Mapping[str, Any]) -> Iterator[tuple[str, Scheme]]:
    """Entries whose key may be a module's name: MLX keeps them beside the defaults, others under a key of their own."""
    for holder in (section, *(section.get(key) for key in _BY_NAME)):
        if isinstance(holder, Mapping):
            for name, entry in holder.items():
                if isinstance(entry, Mapping) and isinstance(name, str) and (found := _scheme(entry)):
                    yield name, found


def _widths(config: Mapping[str, Any], depth: int) -> Iterator[int]:
    for key, value in config.items():
        if isinstance(value, Mapping) and depth < 3:
            yield from _widths(value, depth + 1)
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 32 and key.endswith(_WIDTH_KEYS):
            yield value
            if key == "head_dim":
                for heads in (_integer(config, (name,)) for name in _HEADS):
                    yield value * (heads or 0)
    hidden, heads = _integer(config, ("hidden_size", "n_embd")), _integer(config, _HEADS[:1])
    if hidden and heads and hidden % heads == 0:
        yield hidden // heads * (_integer(config, _HEADS[1:]) or 0)


def _json(text: object) -> Any:
    """The value of a JSON text; None for anything else, or one that is long or broken."""
    if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
