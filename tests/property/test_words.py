"""Patterns of the vocabulary mean what a shell means by them."""

from __future__ import annotations

import fnmatch

from hypothesis import given
from hypothesis import strategies as st

from sizer.anatomy.vocabulary import Words

TEXT = st.text("ab_*?", max_size=6)


@given(st.lists(TEXT, max_size=4), TEXT)
def test_words_are_shell_patterns(patterns: list[str], segment: str) -> None:
    """A segment is one of the words if and only if one of the patterns matches it."""
    assert Words(patterns).has(segment) is any(fnmatch.fnmatchcase(segment, pattern) for pattern in patterns)
