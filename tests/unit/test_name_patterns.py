"""The safe matcher agrees with `re` where it understands a pattern, and never takes long."""

from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.quantization.patterns import NamePattern

NAMES = [
    "",
    "lm_head",
    "model.layers.0.self_attn.q_proj",
    "model.layers.12.mlp.experts.7.down_proj",
    "model.layers.12.mlp.shared_experts.up_proj",
    "model.layers.3.mlp.gate",
    "model.layers.3.mlp.gate_proj",
    "model.visual.blocks.26.attn.qkv",
]


@pytest.mark.parametrize(
    "pattern",
    [
        ".*self_attn.*",
        ".*shared_experts.*",
        r".*mlp\.(gate|up|gate_up|down)_proj.*",
        ".*mlp.gate$",
        "^lm_head$",
        "model.layers.*.mlp",
        r"model\.layers\.\d+\.mlp\.experts\.[0-9]{1,3}\.(?:down|up)_proj",
        "(visual|vision_tower).*",
        "model.(visual|language_model)?.*qkv",
        "[^.]*\\.layers\\.1[0-9]\\..*",
        "a*?b|lm_.+",
        "",
        "x{2,}|(m|mo)odel.*",
    ],
)
def test_agrees_with_re(pattern: str) -> None:
    """Patterns as configurations have them match the names that `re.match` matches."""
    ours = NamePattern(pattern)

    assert ours.is_understood
    assert [ours.matches(name) for name in NAMES] == [re.match(pattern, name) is not None for name in NAMES]


@pytest.mark.parametrize(
    "pattern", ["(?=a)b", "(?<!a)b", r"(a)\1", "a{", "(", "[a", "*a", "a)", r"\bmodel", "a" * 1001]
)
def test_what_is_not_understood_matches_nothing(pattern: str) -> None:
    """Look-around, back-references and broken patterns are refused, not guessed."""
    ours = NamePattern(pattern)

    assert not ours.is_understood
    assert not any(ours.matches(name) for name in NAMES)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.*+?|()[]{}^$\\d0123,-", max_size=14), st.text(alphabet="ab01.", max_size=8))
def test_agrees_with_re_on_random_patterns(pattern: str, name: str) -> None:
    """Whatever is understood means what `re` says it means."""
    ours = NamePattern(pattern)
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            theirs = re.compile(pattern)
    except re.error:
        return
    if ours.is_understood:
        assert ours.matches(name) == (theirs.match(name) is not None)


def test_a_pattern_that_stops_re_is_linear() -> None:
    """A pattern that takes `re` exponential time takes this matcher milliseconds."""
    start = time.perf_counter()

    assert not NamePattern("(a|a|a?)*" * 5 + "$").matches("a" * 5000 + "b")
    assert time.perf_counter() - start < 20
