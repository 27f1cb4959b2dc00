"""What stands beside the text, and what is stored twice: a text model of width 8 with 16 rows of vocabulary."""

from __future__ import annotations

from dataclasses import replace
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
TOWER = {"eyes.blocks.{0-2}.attn.qkv.weight": (4, 4), "eyes.stem.weight": (4, 3, 2, 2), "bridge.weight": (8, 4)}


def parts(anatomy: Anatomy) -> dict[str, int]:
    return {part.name: part.total_parameters for part in anatomy.components}


def test_a_tower_under_an_unheard_of_name_is_not_active() -> None:
    """In a multimodal model, what is stored outside the text's place is beside it: 48 + 48 of encoder, 32 to join."""
    text = {f"brain.{name.removeprefix('model.')}": shape for name, shape in TEXT.items()}
    anatomy = analyse(tensors(text | TOWER), {"text_config": CONFIG, "vision_config": {}})
    assert (anatomy.total, anatomy.active) == (512, 384)
    assert (parts(anatomy)["other_encoders"], parts(anatomy)["projector"]) == (96, 32)


def test_a_stack_of_another_width_inside_the_text_is_a_tower() -> None:
    """A stack of layers below the text's own root whose tensors have another width serves another modality."""
    anatomy = analyse(tensors(TEXT | {"model.seer.layers.{0-3}.attn.qkv.weight": (4, 4)}), {**CONFIG, "audio": {}})
    assert (anatomy.total, anatomy.active) == (448, 384)


def test_a_tower_on_its_own_is_the_model() -> None:
    """Without a token table there is no text to stand beside, and all parameters are active."""
    anatomy = analyse(tensors({"vision_model.blocks.{0-2}.attn.qkv.weight": (4, 4)}), None)
    assert (anatomy.total, anatomy.active) == (48, 48)


@pytest.mark.parametrize(
    ("extra", "config"),
    [
        ({"mtp.layers.0.proj.weight": (8, 16)}, {}),
        ({"model.layers.2.eh_proj.weight": (8, 16)}, {}),
        ({"model.layers.2.mlp.up_proj.weight": (16, 8)}, {"num_nextn_predict_layers": 1}),
        ({"medusa_head.{0-1}.linear.weight": (8, 8)}, {}),
    ],
)
def test_extra_prediction_layers_are_not_active(extra: dict[str, tuple[int, ...]], config: dict[str, Any]) -> None:
    """Layers that predict further tokens are told by name, by marker, or by lying beyond the declared layers."""
    anatomy = analyse(tensors(TEXT | extra), CONFIG | config)
    assert (anatomy.total, anatomy.active) == (384 + 128, 384)
    assert parts(anatomy)["mtp"] == 128


def test_a_layer_beyond_the_declared_ones_without_a_word_about_it_is_text() -> None:
    """A config that says nothing of extra layers is merely stale, as in merges that repeat layers."""
    anatomy = analyse(tensors(TEXT | {"model.layers.2.mlp.up_proj.weight": (16, 8)}), CONFIG)
    assert anatomy.active == anatomy.total == 512


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (CONFIG, 384),
        (CONFIG | {"tie_word_embeddings": True}, 256),
        ({"vocab_size": 16}, 384),
        ({"tie_word_embeddings": False, "text_config": {"tie_word_embeddings": True}}, 384),
        ({"model_type": "opt"}, 256),
    ],
)
def test_a_stored_head_counts_unless_it_is_a_copy(config: dict[str, Any], total: int) -> None:
    """A head is a copy where config.json says tied and nothing says otherwise, or the architecture ties by itself."""
    anatomy = analyse(tensors(TEXT), config)
    assert (anatomy.total, anatomy.total + anatomy.tied_copy_parameters) == (total, 384)


def test_tables_other_than_the_embedding_are_not_active() -> None:
    """A per-layer table is looked up; the projection beside it is used by every token."""
    extra = {"model.embed_tokens_per_layer.weight": (16, 4), "model.per_layer_embed_projection.weight": (4, 8)}
    anatomy = analyse(tensors(TEXT | extra), CONFIG)
    assert (anatomy.total, anatomy.active) == (384 + 64 + 32, 384 + 32)


def test_buffers_are_no_parameters() -> None:
    """Rotary tables, causal masks, index tables and constants of an activation count nothing."""
    stored = tensors(
        TEXT | {
            "model.layers.{0-1}.self_attn.rotary_emb.inv_freq": (4,),
            "model.layers.{0-1}.self_attn.bias": (1, 1, 6, 6),
            "model.layers.{0-1}.mlp.act_fn.beta": (),
        }
    )  # fmt: skip
    index = replace(tensors({"model.position_ids": (1, 32)})[0], storage="I64")
    anatomy = analyse([*stored, index], CONFIG)
    assert (anatomy.total, anatomy.buffers) == (384, 8 + 72 + 2 + 32)


def test_a_reward_model_and_an_embedder_have_no_tied_head() -> None:
    """Without a head over the vocabulary, the token table is only looked up: active compute leaves it out."""
    body = {name: shape for name, shape in TEXT.items() if name != "lm_head.weight"}
    reward = analyse(tensors(body | {"score.weight": (1, 8)}), {"architectures": ["LlamaForSequenceClassification"]})
    assert (reward.active, reward.active_compute) == (264, 136)
    writer = analyse(tensors(body), {"architectures": ["LlamaForCausalLM"]})
    assert (writer.active, writer.active_compute) == (256, 256)


def test_an_adapter_is_counted_as_such() -> None:
    """LoRA matrices beside a model are its adapter."""
    anatomy = analyse(tensors(TEXT | {"model.layers.{0-1}.self_attn.o_proj.lora_A.weight": (2, 8)}), CONFIG)
    assert parts(anatomy)["adapter"] == 32


def test_numbered_tables_of_the_vocabulary_are_lookup_tables() -> None:
    """`value_embeds.3` adds a row of a table to the values of a layer: 2 x 16 x 4 of which a token reads one each."""
    anatomy = analyse(tensors(TEXT | {"value_embeds.{0-1}.weight": (16, 4)}), CONFIG)
    assert (anatomy.total, anatomy.active) == (512, 384)
    assert parts(anatomy)["lookup_tables"] == 128


@pytest.mark.parametrize(
    "name",
    ["model.layers.{0-1}.moe.tokens_per_expert", "in_proj.in_features_buffer", "in_proj.mask", "decoder.version",
     "pos_embed.pos_embed", "latents_mean"],
)  # fmt: skip
def test_counters_and_masks_are_no_parameters(name: str) -> None:
    """What training counts, and masks and versions of modules, is stored and not learned."""
    anatomy = analyse(tensors(TEXT | {name: (4,)}), CONFIG)
    assert anatomy.total == 384
    assert anatomy.buffers == (8 if "{" in name else 4)


def test_the_encoder_of_a_speech_model_under_a_name_of_its_own() -> None:
    """Mistral's own format keeps a Whisper encoder beside the text's table: all but the table hears."""
    text = {name.replace("model.embed_tokens", "mm_whisper_embeddings.tok_embeddings"): shape
            for name, shape in TEXT.items()}  # fmt: skip
    hears = {"mm_whisper_embeddings.whisper_encoder.transformer.layers.{0-2}.attention.wq.weight": (4, 4)}
    anatomy = analyse(tensors(text | hears), CONFIG)
    assert (anatomy.total, anatomy.active) == (432, 384)


@pytest.mark.parametrize("name", ["model.layers.{0-1}.token_table.weight", "model.layers.{0-1}.recall.bigram.table"])
def test_tables_in_layers_are_lookup_tables(name: str) -> None:
    """A matrix of a layer with a row for each token, or with far more, and few columns, is read by row."""
    wide = {"model.embed_tokens.weight": (4096, 8), "lm_head.weight": (4096, 8),
            "model.layers.{0-1}.mlp.up_proj.weight": (4096, 8)}  # fmt: skip
    rows = 4096 if "token" in name else 131_101
    anatomy = analyse(tensors(wide | {name: (rows, 4)}), {**CONFIG, "vocab_size": 4096})
    assert (anatomy.total, anatomy.active) == (4 * 4096 * 8 + 2 * rows * 4, 4 * 4096 * 8)


def test_a_byte_vocabulary_makes_no_tables_of_matrices() -> None:
    """With 256 tokens every matrix has a row for each; none of those in layers is a table."""
    stack = {"model.embed_tokens.weight": (256, 64), "model.layers.{0-1}.thing.first.weight": (256, 64),
             "model.layers.{0-1}.thing.second.weight": (2048, 64),
             "model.layers.{0-1}.exit_head.weight": (256, 8)}  # fmt: skip
    anatomy = analyse(tensors(stack), {**CONFIG, "vocab_size": 256})
    assert anatomy.active == anatomy.total


def test_a_tower_is_seen_by_the_kernel_that_cuts_patches() -> None:
    """No word says vision and config.json has no known section: [4, 3, 14, 14] reads images all the same."""
    retina = {
        "retina.layers.{0-2}.attn.qkv.weight": (4, 4),
        "retina.stem.weight": (4, 3, 14, 14),
        "bridge.weight": (8, 4),
    }
    mind = {f"mind.{name.removeprefix('model.')}": shape for name, shape in TEXT.items()}
    anatomy = analyse(tensors(mind | retina), {"mind_config": CONFIG})
    assert (anatomy.total, anatomy.active) == (384 + 48 + 2352 + 32, 384)


OPEN_CLIP: dict[str, Any] = {"model_cfg": {"vision_cfg": {"width": 4}, "text_cfg": {"vocab_size": 16, "width": 8}}}


@pytest.mark.parametrize(
    ("text", "config"),
    [
        (
            {"token_embedding.weight": (16, 8), "transformer.resblocks.{0-1}.attn.in_proj_weight": (24, 8),
             "text_projection": (8, 8)},
            OPEN_CLIP,
        ),
        (
            {"text.token_embedding.weight": (16, 8), "text.transformer.resblocks.{0-1}.attn.in_proj_weight": (24, 8),
             "text.text_projection": (8, 8)},
            OPEN_CLIP,
        ),
        (
            {"text.transformer.embeddings.word_embeddings.weight": (16, 8), "text.proj.0.weight": (8, 8),
             "text.transformer.encoder.layer.{0-1}.attention.query.weight": (24, 8)},
            OPEN_CLIP,
        ),
        (
            {"text_model.embeddings.token_embedding.weight": (16, 8), "text_projection.weight": (8, 8),
             "text_model.encoder.layers.{0-1}.self_attn.qkv.weight": (24, 8)},
            {"text_config": {"vocab_size": 16}, "vision_config": {}},
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("has_config", [True, False])
def test_the_text_of_a_pair_of_towers_is_all_of_its_modules(
    text: dict[str, tuple[int, ...]], config: dict[str, Any], has_config: bool
) -> None:
    """Table 128, two layers of 192 and the projection 64 are the text's; the tower of 48 is not active."""
    towers = {"visual.transformer.resblocks.{0-2}.attn.in_proj_weight": (4, 4)}
    anatomy = analyse(tensors(text | towers), config if has_config else None)

    assert (anatomy.total, anatomy.active) == (128 + 384 + 64 + 48, 128 + 384 + 64)


def test_towers_that_only_open_clip_s_config_states_are_not_the_text() -> None:
    """A tower under an unheard-of name is beside the text because `vision_cfg` says that there is one."""
    text = {"text.token_embedding.weight": (16, 8), "text.blocks.{0-1}.attn.in_proj_weight": (24, 8)}
    tower = {"eyes.blocks.{0-2}.attn.in_proj_weight": (4, 4)}

    assert analyse(tensors(text | tower), OPEN_CLIP).active == 128 + 384
    assert analyse(tensors(text | tower), None).active == 128 + 384 + 48


def test_a_tied_head_under_an_unheard_of_name() -> None:
    """config.json says that the head is the embedding: a second table of its shape is a copy, whatever its name."""
    text = {name.replace("lm_head", "press"): shape for name, shape in TEXT.items()}
    anatomy = analyse(tensors(text), {**CONFIG, "tie_word_embeddings": True})
    assert (anatomy.total, anatomy.tied_copy_parameters) == (256, 128)


def test_wider_rows_for_each_token_are_a_lookup_table() -> None:
    """Beside the table of the layers' width, one of wider rows holds the embeddings of all layers."""
    text = {"hike.words.weight": (16, 8), "hike.pockets.weight": (16, 12), "hike.step.{0-1}.norm_a.weight": (8,),
            "hike.step.{0-1}.map.o_proj.weight": (8, 8)}  # fmt: skip
    anatomy = analyse(tensors(text), {**CONFIG, "tie_word_embeddings": True})
    assert (parts(anatomy)["lookup_tables"], anatomy.active) == (192, 128 + 16 + 128)


def test_layers_whose_numbers_are_glued() -> None:
    """Two layers `blk0` and `blk1` of four tensors each are a stack, as `layers.0` and `layers.1` are."""
    names = ("attn.q_proj", "attn.o_proj", "mlp.up_proj", "mlp.down_proj")
    text = {f"dec.blk{layer}.{name}.weight": (8, 8) for layer in range(2) for name in names}
    anatomy = analyse(tensors({"dec.embed.weight": (16, 8)} | text), CONFIG)
    assert {group.name: group.count for _, group in anatomy.components_of}["dec.blk.*.attn.q_proj.weight"] == 2


@pytest.mark.parametrize("name", ["v.kernel", "road.look.v.weight"])
def test_a_single_letter_is_no_tower(name: str) -> None:
    """`v` is the root of a vision tower in GGUF files, and a projection or a head elsewhere."""
    assert "vision" not in parts(analyse(tensors(TEXT | {name: (8, 8)}), CONFIG))


def test_the_encoder_that_a_decoder_reads_is_part_of_it() -> None:
    """A model of speech or handwriting to text: without its encoder the decoder has nothing to write."""
    text = {f"decoder.{name.removeprefix('model.')}": shape for name, shape in TEXT.items() if "lm_head" not in name}
    hears = {"encoder.layers.{0-2}.self_attn.q_proj.weight": (4, 4), "encoder_projector.weight": (8, 4)}
    config = {"is_encoder_decoder": True, "encoder_config": {}, "decoder": CONFIG}
    anatomy = analyse(tensors(text | hears), config)
    assert anatomy.active == anatomy.total == 256 + 48 + 32


def test_glued_layers_of_which_some_have_experts() -> None:
    """Every second of four layers has experts: `track1` and `track3` are layers as the others show."""
    names = ("attn.q_proj", "attn.o_proj", "norm.a", "norm.b")
    text = {f"track{layer}.{name}.weight": (8, 8) for layer in range(4) for name in names}
    moe = {f"track{layer}.moe.experts.{{0-3}}.up_proj.weight": (6, 8) for layer in (1, 3)}
    anatomy = analyse(tensors({"embed.weight": (16, 8)} | text | moe), {**CONFIG, "num_experts_per_tok": 1})
    assert (anatomy.experts.moe_layers, anatomy.active) == (2, 128 + 16 * 64 + 2 * 48)


def test_a_table_cut_into_parts_is_a_lookup_table() -> None:
    """512 parts of an n-gram table are read by row, though each has fewer rows than the vocabulary."""
    text = TEXT | {"model.embed_tokens.weight": (4096, 8), "lm_head.weight": (4096, 8)}
    cut = {
        "model.layers.1.ple.ngram_embedding.shard_{0-9}.weight": (1024, 4),
        "model.layers.1.ple.ngram_proj.weight": (8, 4),
    }
    anatomy = analyse(tensors(text | cut), {**CONFIG, "vocab_size": 4096})
    assert parts(anatomy)["lookup_tables"] == 10 * 1024 * 4


@pytest.mark.parametrize(
    ("table", "head"),
    [
        ("model.embed_tokens.weight", "lm_head.weight"),
        ("model.embed_tokens.embedding", "lm_head.kernel"),
        ("transformer.vocab_embedding.weight", "lm_head.weight"),
        ("sequential.0.word_embeddings.weight", "sequential.3.final_linear.weight"),
        ("decoder.token_embedder.embedding", "decoder.logits_dense.kernel"),
        ("model.token_position_embeddings.pp_block.token_embedding.weight", "model.lm_head.pp_block.weight"),
    ],
)
def test_table_and_head_are_told_apart_whatever_the_tool_calls_them(table: str, head: str) -> None:
    """An untied table of 128 is looked up, not multiplied with; a tied head that is stored all the same is its copy."""
    shape = (8, 16) if head.endswith("kernel") else (16, 8)
    named = {table: (16, 8), head: shape, "model.layers.{0-1}.self_attn.o_proj.weight": (8, 8)}
    anatomy = analyse(tensors(named), CONFIG)
    assert (anatomy.total, anatomy.active_compute, anatomy.active_without_embeddings) == (384, 256, 128)
    if shape == (16, 8):
        tied = analyse(tensors(named), CONFIG | {"tie_word_embeddings": True})
        assert (tied.total, tied.active_compute, tied.tied_copy_parameters) == (256, 256, 128)


def test_a_head_within_a_tower_of_sound_is_of_the_tower() -> None:
    """The last convolution of a speech tokenizer is called `head`; it is not what predicts text."""
    sound = {"model.acoustic_tokenizer.encoder.head.conv.weight": (2, 4, 3), "model.speech_scaling_factor": ()}
    anatomy = analyse(tensors(TEXT | sound), CONFIG)
    assert (anatomy.total, anatomy.active, parts(anatomy)["audio"]) == (384 + 24, 384, 24)
