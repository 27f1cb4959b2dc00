"""The report on a checkpoint: what is counted, what is only declared or estimated, what stays unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sizer.headers.interface import Header, StoredTensor
from sizer.inspection import inspect_checkpoint
from sizer.sources.interface import Checkpoint, FileEntry, HubFacts, Part, Reading

CONFIG = {"model_type": "x", "vocab_size": 100, "num_experts_per_tok": 2, "num_local_experts": 4}


def header(**tensors: tuple[str, tuple[int, ...]]) -> Header:
    """A header of these tensors, two bytes an element."""
    stored = []
    for name, (dtype, shape) in tensors.items():
        count = 1
        for size in shape:
            count *= size
        stored.append(StoredTensor(name.replace("__", "."), dtype, shape, 2 * count))
    return Header(
        path="model.safetensors",
        format="safetensors",
        tensors=tuple(stored),
        metadata={},
        header_bytes=8,
        file_bytes=None,
    )


def checkpoint(*headers: Header, config=CONFIG, **changes) -> Checkpoint:
    base = Checkpoint(
        reference="org/x",
        repository="org/x",
        commit=None,
        format="safetensors",
        parts=(Part(headers=headers, config=config),),
        reading=Reading(files=len(headers)),
    )
    return replace(base, **changes)


MOE = header(
    model__embed_tokens__weight=("BF16", (100, 8)),
    model__layers__0__self_attn__q_proj__weight=("BF16", (8, 8)),
    model__layers__0__mlp__gate__weight=("BF16", (4, 8)),
    **{f"model__layers__0__mlp__experts__{i}__up_proj__weight": ("BF16", (16, 8)) for i in range(4)},
    model__norm__weight=("BF16", (8,)),
    lm_head__weight=("BF16", (100, 8)),
)


def test_a_mixture_by_hand():
    """800 + 64 + 32 + 4 x 128 + 8 + 800 = 2,216 in all; two experts less when active; one table less in compute."""
    report = inspect_checkpoint(checkpoint(MOE))
    assert report.total_parameters == 2216
    assert report.active_parameters == 2216 - 2 * 128
    assert report.active_compute_parameters == 2216 - 2 * 128 - 800
    assert report.active_without_embeddings_parameters == 2216 - 2 * 128 - 1600
    assert report.weights_bytes == 2 * 2216
    assert [(row.storage, row.bytes) for row in report.storage] == [("BF16", 4432)]
    assert report.experts is not None
    assert (report.experts.routed_experts, report.experts.experts_per_token, report.experts.moe_layers) == (4, 2, 1)


def test_no_config_leaves_active_unknown_within_bounds():
    """Without a top-k the total is counted and the active count is unknown, between one and all of the experts."""
    report = inspect_checkpoint(checkpoint(MOE, config=None))
    assert report.total_parameters == 2216
    assert report.active_parameters is None
    assert report.active_parameters_basis == "unknown"
    assert report.active_parameters_range == (2216 - 3 * 128, 2216)
    assert "config.json" in report.active_parameters_reason


def test_a_dense_model_without_config_is_read_from_its_names():
    """Names that show a dense decoder give its active count, with a warning that there is no config.json."""
    dense = header(
        model__embed_tokens__weight=("BF16", (100, 8)),
        model__layers__0__self_attn__q_proj__weight=("BF16", (8, 8)),
        model__layers__0__mlp__up_proj__weight=("BF16", (16, 8)),
    )
    report = inspect_checkpoint(checkpoint(dense, config=None))
    assert report.total_parameters == report.active_parameters == 800 + 64 + 128
    assert [notice.code for notice in report.warnings] == ["config.missing"]


def test_names_that_say_nothing_leave_active_unknown():
    """Without config.json and without known names the total is counted and the active count is not guessed."""
    report = inspect_checkpoint(checkpoint(header(w=("BF16", (4, 4))), config=None))
    assert report.total_parameters == 16
    assert report.active_parameters is None
    assert report.active_parameters_range == (0, 16)


@pytest.mark.parametrize("top_k", [0, -1, 5, True, "2", 1.5, [], [5], ["2"], {"a": 1}])
def test_a_top_k_that_cannot_be_is_not_used(top_k):
    """A top-k of the wrong type or size is refused with a reason; the total stays."""
    report = inspect_checkpoint(checkpoint(MOE, config=CONFIG | {"num_experts_per_tok": top_k}))
    assert report.total_parameters == 2216
    assert report.active_parameters is None
    assert report.active_parameters_reason


def test_an_unusable_value_is_named_by_its_own_key():
    """Of several keys for one thing, the notice names the one that config.json has."""
    report = inspect_checkpoint(checkpoint(MOE, config=CONFIG | {"num_local_experts": "4"}))
    message = next(notice.message for notice in report.warnings if notice.code == "config.type")
    assert "`num_local_experts` is '4'" in message


def test_headers_win_over_config():
    """A config that declares more experts than the files hold is named, and the headers are used."""
    report = inspect_checkpoint(checkpoint(MOE, config=CONFIG | {"num_local_experts": 8}))
    assert report.active_parameters == 2216 - 2 * 128
    assert [notice.code for notice in report.warnings] == ["config.experts"]


def test_a_partly_read_checkpoint_has_no_total():
    """What could not be read is not counted as nothing: the total is unknown, the part that was read is shown."""
    report = inspect_checkpoint(checkpoint(MOE, reading=Reading(files=1, complete=False)))
    assert report.total_parameters is None
    assert "2,216" in report.total_parameters_reason
    assert (report.weights_bytes, report.weights_bytes_basis) == (None, "unknown")
    assert sum(part.total_parameters for part in report.components) == 2216


def test_an_adapter_under_another_name():
    """A file of nothing but LoRA matrices is an adapter, with the base that GGUF metadata names."""
    lora = header(blk__0__attn_q__weight__lora_a=("F16", (4, 8)), blk__0__attn_q__weight__lora_b=("F16", (8, 4)))
    lora = replace(lora, metadata={"general.base_model.0.name": "Base 8B"})
    report = inspect_checkpoint(checkpoint(lora))
    assert (report.format, report.base_model, report.total_parameters) == ("adapter", "Base 8B", 64)
    assert (report.active_parameters, report.active_parameters_basis) == (None, "unknown")


def test_an_adapter_is_not_the_model():
    """An adapter reports its own size and its base, and no active count."""
    lora = header(base_model__model__layers__0__q_proj__lora_A__weight=("BF16", (8, 64)))
    report = inspect_checkpoint(checkpoint(lora, format="adapter", base_model="org/base"))
    assert report.total_parameters == 512
    assert report.active_parameters is None
    assert "org/base" in report.active_parameters_reason
    assert [part.name for part in report.components] == ["adapter"]


def test_pickled_weights_are_estimated_from_their_size():
    """4,000 bytes of .bin at two bytes a parameter are about 2,000 parameters: estimated, never counted."""
    part = Part(config={"torch_dtype": "float16"}, unread=(FileEntry(path="pytorch_model.bin", size_bytes=4000),))
    report = inspect_checkpoint(checkpoint(parts=(part,), format="bin"))
    assert (report.total_parameters, report.total_parameters_basis) == (2000, "estimated")
    assert (report.weights_bytes, report.weights_bytes_basis) == (4000, "declared")


def test_the_hubs_figure_is_declared():
    """Where no header can be read, the Hub's own total is shown as declared."""
    part = Part(config={}, unread=(FileEntry(path="pytorch_model.bin", size_bytes=4000),))
    report = inspect_checkpoint(checkpoint(parts=(part,), format="bin", hub=HubFacts(total_parameters=1234)))
    assert (report.total_parameters, report.total_parameters_basis) == (1234, "declared")


def test_nothing_known_is_unknown():
    """No weights and no config give no number."""
    report = inspect_checkpoint(checkpoint(parts=(Part(),), format="none"))
    assert report.total_parameters is None
    assert report.total_parameters_basis == "unknown"
    assert report.total_parameters_reason


def test_a_diffusion_pipeline_has_components_and_no_active_count():
    """Each component of a pipeline is a row; no text token runs through it."""
    parts = (
        Part(name="unet", headers=(header(conv_in__weight=("F32", (4, 4, 3, 3))),), config={"_diffusers_version": "1"}),
        Part(name="vae", headers=(header(decoder__weight=("F32", (4, 4))),), config={"_diffusers_version": "1"}),
    )
    report = inspect_checkpoint(checkpoint(parts=parts, format="pipeline"))
    assert [(part.name, part.total_parameters) for part in report.components] == [("unet", 144), ("vae", 16)]
    assert report.total_parameters == 160
    assert report.active_parameters is None
