"""config.json read with care: nested where multimodal models nest, typed, and never trusted over headers.

A config is remote data. A value of the wrong type is ignored and said so; nothing is ever evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sizer.notices import Notice

__all__ = ["Settings"]

# Where multimodal configs keep their language model, most specific first.
_TEXT_CONFIGS = (
    "text_config",
    "language_config",
    "llm_config",
    "language_model_config",
    "lm_config",
    "llm",
    "decoder_config",
    "decoder",
    "text_model_config",
    "model_config",
    "text_cfg",
    "llm_cfg",
)
_OUTER_CONFIGS = ("thinker_config", "model_cfg")
_NESTED_GROUPS = ("ffn_config", "attn_config", "moe", "moe_config", "ssm_cfg", "attn_cfg")
# Words in the names of configs that describe another modality.
_TOWER_WORDS = frozenset({
    "acoustic", "audio", "clip", "code2wav", "codec", "image", "perception", "sam", "siglip", "speech", "talker",
    "token2wav", "video", "vision", "visual", "vit", "vqgan", "vqvae",
})  # fmt: skip
_DEEPEST = 4
_LARGEST = 2**48
"""No size in a config is larger; tokenizers write 1e30 for "no limit"."""
_VOCABULARY_KEYS = ("vocab_size", "n_vocab", "padded_vocab_size", "vocabulary_size", "vocab")


class Settings:
    """The fields of one config.json that describe the text model.

    Lookups go through the language model's own config first, then the root. `notices` collects the values
    that had to be ignored, and what was read otherwise.
    """

    def __init__(self, config: dict[str, Any] | None) -> None:
        self.config: dict[str, Any] = config if isinstance(config, dict) else {}
        self.is_missing = not self.config
        self.notices: list[Notice] = []
        self._scopes = list(self._find_scopes())
        for key, value in self.config.items():
            is_model = key.endswith(("_config", "_cfg")) and (
                key in (*_TEXT_CONFIGS, *_OUTER_CONFIGS) or _names_a_tower(key)
            )
            if is_model and not isinstance(value, dict | None):
                self._say_ignored(key, value, "an object")
        for key, kind, words in (("architectures", list, "a list of names"), ("model_type", str, "a name")):
            if not isinstance(self.config.get(key), kind | None):
                self._say_ignored(key, self.config[key], words)

    def _find_scopes(self) -> Iterator[dict[str, Any]]:
        """Configs that describe the text, most specific first; last those that only their vocabulary tells."""
        outers = [self.config]
        outers += [inner for key in _OUTER_CONFIGS if isinstance(inner := self.config.get(key), dict)]
        for outer in reversed(outers):
            for key in _TEXT_CONFIGS:
                if isinstance(inner := outer.get(key), dict):
                    yield inner
            yield outer
        yield from _text_like(self.config, _DEEPEST)

    @property
    def has_towers(self) -> bool:
        """Whether a nested config describes another modality than text."""
        return any(
            isinstance(value, dict) and (_names_a_tower(key) or ("encoder" in key and not _has_vocabulary(value)))
            for scope in self._scopes
            for key, value in scope.items()
        )

    def raw(self, *keys: str) -> Any:
        """The first value that is present and not null, over scopes then keys; None if there is none.

        A key may name a value one level down: `ffn_config.moe_top_k`.
        """
        for scope in self._scopes:
            for key in keys:
                value: Any = scope
                for step in key.split("."):
                    value = value.get(step) if isinstance(value, dict) else None
                if value is not None:
                    return value
        return None

    def raw_beside(self, anchors: tuple[str, ...], keys: tuple[str, ...]) -> Any:
        """As `raw`, in the config that also has one of the anchors: a window at the root of a config whose language
        model is nested is another part's.
        """
        scope = next((scope for scope in self._scopes if any(scope.get(key) is not None for key in anchors)), None)
        return None if scope is None else next((scope[key] for key in keys if scope.get(key) is not None), None)

    def integer(self, *keys: str, minimum: int = 0) -> int | None:
        """An integer of at least `minimum`; None (with a notice if a value of another kind stood there)."""
        value = self.raw(*keys)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= _LARGEST:
            self._ignored(keys, value)
            return None
        return int(value)

    def integers(self, *keys: str) -> int | list[int] | None:
        """An integer, or a list of integers (per layer, or per modality); None where neither stands there."""
        value = self.raw(*keys)
        if isinstance(value, list) and value and all(map(_is_size, value)):
            return [int(v) for v in value]
        if isinstance(value, list):
            self._ignored(keys, value)
            return None
        return self.integer(*keys)

    def flag(self, *keys: str) -> bool | None:
        """A boolean; None where there is none."""
        value = self.raw(*keys)
        return value if isinstance(value, bool) else None

    def flags(self, *keys: str) -> set[bool]:
        """Every boolean under these keys, over all scopes: two where a multimodal config contradicts itself."""
        found = [(key, scope.get(key)) for scope in self._scopes for key in keys]
        for key, value in found:
            if not isinstance(value, bool | None):
                self._say_ignored(key, value, "true or false")
        return {value for _, value in found if isinstance(value, bool)}

    def text(self, *keys: str) -> str | None:
        """A text; None where there is none."""
        value = self.raw(*keys)
        return value if isinstance(value, str) else None

    @property
    def model_types(self) -> list[str]:
        """`model_type` of the language model and of the root, in that order."""
        found = [scope.get("model_type") for scope in self._scopes]
        return list(dict.fromkeys(value for value in found if isinstance(value, str)))

    @property
    def architectures(self) -> list[str]:
        """Class names of the checkpoint's own architecture."""
        value = self.config.get("architectures")
        return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

    @property
    def vocabulary_size(self) -> int | None:
        """Rows of the token table."""
        return self.integer(*_VOCABULARY_KEYS)

    def items(self) -> Iterator[tuple[str, Any]]:
        """All key-value pairs of the scopes and the groups in them, most specific first."""
        for scope in self._scopes:
            yield from scope.items()
            for group in _NESTED_GROUPS:
                if isinstance(inner := scope.get(group), dict):
                    yield from inner.items()

    def paths(self) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        """All values of the scopes and of the groups in them, by path (`moe.top_k`), with the group they stand in."""
        for scope in self._scopes:
            yield from _paths(scope, "", _DEEPEST)

    def _ignored(self, keys: tuple[str, ...], value: Any) -> None:
        self._say_ignored(next((key for key in keys if self.raw(key) is not None), keys[0]), value, "a usable number")

    def _say_ignored(self, key: str, value: Any, expected: str) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        notice = Notice(code="config.type", message=f"config.json: `{key}` is {shown}, not {expected}; ignored")
        if notice not in self.notices:
            self.notices.append(notice)


def _paths(group: dict[str, Any], above: str, depth: int) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for key, value in group.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):  # one for each layer
            for inner in dict.fromkeys(name for item in value for name in item):  # layers of one kind have keys of it
                yield f"{above}{key}.{inner}", [item[inner] for item in value if inner in item], value[0]
        elif not isinstance(value, dict):
            yield above + key, value, group
        elif depth and not _names_a_tower(key):
            yield from _paths(value, f"{above}{key}.", depth - 1)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _text_like(config: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and depth and not _names_a_tower(key):
            if _has_vocabulary(value):
                yield value
            yield from _text_like(value, depth - 1)


def _names_a_tower(key: str) -> bool:
    return not _TOWER_WORDS.isdisjoint(re.split(r"[^a-z0-9]+", key.lower()))


def _has_vocabulary(config: dict[str, Any]) -> bool:
    return any(key in config for key in _VOCABULARY_KEYS)
