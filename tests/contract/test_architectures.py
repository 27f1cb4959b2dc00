"""One suite over the names and shapes of many architectures, counted apart from this project.

`architectures.jsonl` holds one checkpoint a line: names (numbers as ranges), shapes, the config keys that matter,
and its counts. Those with a class name were made by instantiating the class of transformers 5.23 on the meta device
and turning its parameters back to the names that it saves; total and active were counted there from its modules.
Those that begin with `hand:` are written by hand after remote-code families, MLX, GGUF, Megatron and invented names.
Sizes are those of a class's default config, not of any published model.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.anatomy.parameters import Anatomy, analyse
from sizer.quantization.interface import LogicalTensor
from tests.unit.anatomy.names import tensors

ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("architectures.jsonl").read_text("utf-8").splitlines()
]
SMALL = [row for row in ROWS if len(row["tensors"]) <= 40]
JUNK: list[Any] = [None, 0, -3, True, "8", "x", [], [1], ["a"], {}, {"a": 1}, 2.0, 1e30, 10**40, [1, 2, 3]]


@cache
def _groups(number: int) -> tuple[LogicalTensor, ...]:
    stored = ROWS[number]["tensors"]
    shapes = {name: [size for size in sizes if isinstance(size, int)] for name, sizes in stored.items()}
    dtypes = {name: sizes[-1] for name, sizes in stored.items() if sizes and isinstance(sizes[-1], str)}
    return tuple(tensors(shapes, dtypes))


def _is_packed(group: LogicalTensor) -> bool:
    """Whether bitsandbytes would pack it: a matrix of a layer, or fused experts, but not routers and tables."""
    shape, is_weight = group.shape or (), group.name.endswith(".weight") or len(group.shape or ()) == 3
    return (
        len(shape) in (2, 3)
        and min(shape) > 1
        and is_weight
        and group.name.startswith(
            ("model.", "language", "thinker.", "backbone.", "decoder.", "encoder.", "transformer.")
        )
        and re.search(r"\*.*(proj|experts|w[123]|linear|dense|fc\d|qkv)", group.name) is not None
        and re.search(r"embed|norm|conv|head|pos|router|gate\.|bias", group.name) is None
    )


def _check_sums(anatomy: Anatomy) -> None:
    assert sum(part.total_parameters for part in anatomy.components) == anatomy.total
    if anatomy.active is None:
        assert anatomy.reason
        assert anatomy.active_range is not None
        return
    assert sum(part.active_parameters or 0 for part in anatomy.components) == anatomy.active
    assert 0 <= (anatomy.active_compute or 0) <= anatomy.active <= anatomy.total


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row["id"] for row in ROWS])
def test_the_counts_are_those_of_the_modules(number: int) -> None:
    """Total and active equal, to the unit, what the architecture's own modules hold."""
    anatomy = analyse(_groups(number), ROWS[number]["config"])

    assert (anatomy.total, anatomy.active) == (ROWS[number]["total"], ROWS[number]["active"])
    _check_sums(anatomy)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row["id"] for row in ROWS])
def test_a_packing_that_keeps_no_shapes(number: int) -> None:
    """With only the sizes of the matrices in layers, as bitsandbytes stores them, the counts are the same."""
    groups = [replace(group, shape=None) if _is_packed(group) else group for group in _groups(number)]
    anatomy = analyse(groups, ROWS[number]["config"])

    assert (anatomy.total, anatomy.active) == (ROWS[number]["total"], ROWS[number]["active"])


@pytest.mark.parametrize("number", range(0, len(ROWS), 3), ids=[row["id"] for row in ROWS[::3]])
def test_without_a_config_nothing_is_made_up(number: int) -> None:
    """Without config.json the parts still sum, and active is either right or unknown with its bounds."""
    anatomy = analyse(_groups(number), None)

    _check_sums(anatomy)
    if anatomy.active is None and anatomy.active_range is not None:
        assert anatomy.active_range[0] <= anatomy.active_range[1] <= anatomy.total


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_the_order_of_tensors_does_not_matter(data: st.DataObject) -> None:
    """Shuffled tensors give the same counts."""
    number = data.draw(st.sampled_from([ROWS.index(row) for row in SMALL]))
    shuffled = data.draw(st.permutations(_groups(number)))

    anatomy = analyse(shuffled, ROWS[number]["config"])

    assert (anatomy.total, anatomy.active) == (ROWS[number]["total"], ROWS[number]["active"])


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_lying_config_never_breaks_the_sums(data: st.DataObject) -> None:
    """With any values in config.json nothing raises, and the parts sum to total and active."""
    number = data.draw(st.sampled_from([ROWS.index(row) for row in SMALL]))
    keys = [*ROWS[number]["config"], "num_experts", "num_experts_per_tok", "vocab_size", "text_config", "architectures"]
    changes = data.draw(st.dictionaries(st.sampled_from(keys), st.sampled_from(JUNK), max_size=5))

    _check_sums(analyse(_groups(number), {**ROWS[number]["config"], **changes}))
