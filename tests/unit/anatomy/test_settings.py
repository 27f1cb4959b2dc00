"""A config.json whose values are of a wrong type: each that would have been used is named, and ignored."""

from __future__ import annotations

from typing import Any

import pytest

from sizer.anatomy.parameters import analyse
from tests.unit.anatomy.names import tensors

TEXT = {"model.embed_tokens.weight": (16, 8), "lm_head.weight": (16, 8)}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"text_config": "llama"}, "`text_config` is 'llama', not an object"),
        ({"llm_config": [{"vocab_size": 16}]}, "`llm_config` is [{'vocab_size': 16}], not an object"),
        ({"thinker_config": 3}, "`thinker_config` is 3, not an object"),
        ({"vision_config": True}, "`vision_config` is True, not an object"),
        ({"architectures": "LlamaForCausalLM"}, "`architectures` is 'LlamaForCausalLM', not a list of names"),
        ({"model_type": 7}, "`model_type` is 7, not a name"),
        ({"tie_word_embeddings": "true"}, "`tie_word_embeddings` is 'true', not true or false"),
        ({"text_config": {"tie_word_embeddings": 1}}, "`tie_word_embeddings` is 1, not true or false"),
    ],
)
def test_a_value_of_a_wrong_type_is_named(config: dict[str, Any], said: str) -> None:
    """Nested configs that are no objects, and flags and names that are none, are ignored with a warning."""
    anatomy = analyse(tensors(TEXT), config)

    (notice,) = anatomy.notices
    assert (notice.code, notice.message) == ("config.type", f"config.json: {said}; ignored")
    assert anatomy.total == 256


@pytest.mark.parametrize(
    "config",
    [{"text_config": None}, {"text_config": {}, "vision_config": None}, {"decoder": "x"}, {"generation_config": "y"}],
)
def test_other_values_are_not_complained_of(config: dict[str, Any]) -> None:
    """Null is no value, and keys that describe no model may hold anything."""
    assert analyse(tensors(TEXT), config).notices == ()
