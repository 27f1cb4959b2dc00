"""Tables of memory layers addressed by product keys, beside a text model of width 8 with 16 rows of vocabulary."""

from __future__ import annotations

from typing import Any

import pytest

from sizer.anatomy.parameters import Anatomy, analyse
from tests.unit.anatomy.names import tensors

CONFIG: dict[str, Any] = {"vocab_size": 16, "num_hidden_layers": 2, "tie_word_embeddings": False}
# embedding 128, head 128, two layers of 64: 384
TEXT = {
    "model.embed_tokens.weight": (16, 8),
    "lm_head.weight": (16, 8),
    "model.layers.{0-1}.self_attn.o_proj.weight": (8, 8),
}


def count(extra: dict[str, tuple[int, ...]]) -> Anatomy:
    return analyse(tensors(TEXT | extra), CONFIG)


def lookups(anatomy: Anatomy) -> int:
    return sum(part.total_parameters for part in anatomy.components if part.name == "lookup_tables")


# keys of 2 heads x 2 x 16 vectors of 4: 256 parameters, which address 256 rows
@pytest.mark.parametrize(
    ("memory", "table"),
    [
        ({"feed_forward.keys": (64, 4), "feed_forward.values.weight": (256, 8)}, 2048),
        ({"pkm.keys": (2, 16, 2, 4), "pkm.values.weight": (256, 8)}, 2048),
        ({"mlp.memory.sub_keys.{0-1}.weight": (32, 4), "mlp.memory.value_table": (256, 8)}, 2048),
        ({"mem.product_keys": (2, 2, 16, 4), "mem.values.{0-3}.weight": (256, 2)}, 2048),
        ({"mlp.keys": (2, 16, 2, 4), "mlp.down_embed.weight": (256, 8), "mlp.up_embed.weight": (256, 8)}, 4096),
    ],
)
def test_a_table_with_more_rows_than_keys_is_read_by_row(memory: dict[str, tuple[int, ...]], table: int) -> None:
    """Values, or experts of one neuron, that pairs of keys address are lookup tables; the keys are active."""
    anatomy = count({f"model.layers.1.{name}": shape for name, shape in memory.items()})

    assert (anatomy.total, anatomy.active) == (384 + 256 + table, 384 + 256)
    assert lookups(anatomy) == table


def test_a_table_that_several_layers_share_is_read_by_row() -> None:
    """Values that are stored once, outside the layers whose keys address them, are a lookup table."""
    anatomy = count({"model.layers.{0-1}.memory.keys": (64, 4), "model.store.values.weight": (256, 8)})

    assert (anatomy.total, anatomy.active, lookups(anatomy)) == (384 + 512 + 2048, 384 + 512, 2048)


def test_a_memory_under_words_that_nobody_uses_is_seen_by_its_shapes() -> None:
    """32 x 32 rows as wide as the layer beside 2 x 32 vectors of another length are read by row, and it is said."""
    names = {"handles": (2, 32, 4), "goods.weight": (1024, 8)}
    anatomy = count({f"model.layers.1.trove.{name}": shape for name, shape in names.items()})

    assert (anatomy.total, anatomy.active, lookups(anatomy)) == (384 + 256 + 8192, 384 + 256, 8192)
    assert [notice.code for notice in anatomy.notices] == ["parts.unnamed"]


@pytest.mark.parametrize(
    "names",
    [
        {"memory.keys": (256, 4), "memory.values": (256, 8)},
        {"feed_forward.keys.weight": (32, 8), "feed_forward.values.weight": (8, 32)},
        {"self_attn.memory_keys": (2, 4, 64), "self_attn.memory_values": (2, 4, 64)},
        {"self_attn.kv_b.weight": (1024, 8), "self_attn.q_b.weight": (64, 4)},
        {"trove.goods.weight": (1024, 8), "trove.asker.weight": (64, 8)},
    ],
)
def test_a_memory_whose_rows_are_all_weighed_is_active(names: dict[str, tuple[int, ...]]) -> None:
    """A table with a key for each row, keys that attend, and matrices without keys beside them are used whole."""
    anatomy = count({f"model.layers.1.{name}": shape for name, shape in names.items()})

    assert anatomy.active == anatomy.total
