"""What a model's files hold, as the numbers that claims are compared with."""

from __future__ import annotations

from sizer.anatomy.parameters import analyse
from sizer.catalog.claims import Statements, reconcile
from sizer.catalog.measure import counts_of
from sizer.quantization.interface import LogicalTensor, StoredGroup


def logical(name: str, shape: tuple[int, ...], storage: str, stored_bytes: int) -> LogicalTensor:
    """One logical tensor without numbers in its name, or with layer 0."""
    parameters = 1
    for size in shape:
        parameters *= size
    return LogicalTensor(
        name=name,
        indices=((0,),) if "*" in name else ((),),
        shape=shape,
        parameters=parameters,
        storage=storage,
        stored_bytes=stored_bytes,
    )


def test_what_files_hold_beside_parameters_is_told_apart() -> None:
    """A packed weight, its scales and a second copy of a tied head sum to the elements stored, with their reason."""
    anatomy = analyse(
        [
            logical("model.embed_tokens.weight", (1_000, 16), "BF16", 32_000),
            logical("lm_head.weight", (1_000, 16), "BF16", 32_000),
            logical("model.layers.*.mlp.up_proj.weight", (64, 16), "NVFP4", 576),
        ],
        {"tie_word_embeddings": True, "vocab_size": 1_000, "num_hidden_layers": 1},
    )
    counts = counts_of(
        anatomy,
        [
            StoredGroup("weight", (1_000, 16), 32_000, 2),
            StoredGroup("weight", (64, 8), 512, 1),
            StoredGroup("weight_scale", (64, 1), 64, 1),
        ],
    )
    assert (counts.total, counts.tied_copy, counts.scales, counts.packing_gain) == (17_024, 16_000, 64, 512)
    assert (counts.stored_elements, counts.weights_bytes) == (32_576, 64_576)
    (found,) = reconcile(counts, Statements(hub_total=32_576))
    assert "packed" in found.reason
    assert "tied head twice" in found.reason
    assert "scales" in found.reason
