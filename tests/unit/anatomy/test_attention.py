"""Widths are worked by hand from the shapes and configs of the models named; nothing here reads a file."""

from __future__ import annotations

import pytest

from sizer.anatomy.attention import describe_attention
from sizer.headers.gguf_config import config_from_metadata
from sizer.quantization.interface import LogicalTensor

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
}


def tensor(name: str, *shape: int, layers: range | tuple[int, ...] = range(1), component: str = "mixer"):
    """One group of a stack's layers, with its component."""
    parameters = 1
    for size in shape:
        parameters *= size
    return component, LogicalTensor(
        name=name,
        indices=tuple((layer,) for layer in layers),
        shape=shape,
        parameters=parameters,
        storage="BF16",
        stored_bytes=2 * parameters,
    )


def attention(prefix: str, hidden: int, keys: int, layers, queries: int | None = None):
    """Query, key, value and output projections of the usual names."""
    queries = queries or hidden
    return [
        tensor(f"{prefix}.q_proj.weight", queries, hidden, layers=layers),
        tensor(f"{prefix}.k_proj.weight", keys, hidden, layers=layers),
        tensor(f"{prefix}.v_proj.weight", keys, hidden, layers=layers),
        tensor(f"{prefix}.o_proj.weight", hidden, queries, layers=layers),
    ]


TABLE = tensor("model.embed_tokens.weight", 32_000, 4096, component="input_embedding")


def only(spec):
    """The one mixer of a model whose layers are all alike."""
    (group,) = spec.groups
    (mixer,) = group.mixers
    return mixer


def test_grouped_query_widths_come_from_the_headers():
    """Llama-3.1-8B: 8 of 32 heads keep keys and values of 128, 2,048 elements a layer and token."""
    spec = describe_attention(LLAMA, attention("model.layers.*.self_attn", 4096, 1024, range(32)))
    mixer = only(spec)
    assert (mixer.kind, mixer.kv_heads, mixer.key_dim, mixer.elements_per_token) == ("grouped_query", 8, 128, 2048)
    assert (spec.form, spec.layers, spec.basis, spec.reason) == ("decoder", 32, "counted", "")


def test_headers_win_over_a_config_that_disagrees():
    """A checkpoint whose key projection has 512 rows keeps 1,024 elements, whatever config.json says."""
    spec = describe_attention(LLAMA, attention("model.layers.*.self_attn", 4096, 512, range(32)))
    assert only(spec).elements_per_token == 1024


def test_config_alone_is_declared():
    """Without headers the same widths come from config.json, and the basis says so."""
    spec = describe_attention(LLAMA)
    assert (only(spec).elements_per_token, spec.basis) == (2048, "declared")


@pytest.mark.parametrize(
    ("heads", "kv_heads", "kind"), [(32, 32, "multi_head"), (32, 8, "grouped_query"), (32, 1, "multi_query")]
)
def test_kinds_are_named_by_their_heads(heads, kv_heads, kind):
    """As many KV heads as query heads is multi-head, one is multi-query, anything between grouped-query."""
    spec = describe_attention({**LLAMA, "num_attention_heads": heads, "num_key_value_heads": kv_heads})
    assert only(spec).kind == kind


def test_fused_projection_of_multi_query_attention():
    """Falcon-7B: 71 query heads and one KV head of 64 share 4,672 rows, so 128 elements are kept."""
    config = {
        "model_type": "falcon", "architectures": ["FalconForCausalLM"], "hidden_size": 4544,
        "num_hidden_layers": 32, "num_attention_heads": 71, "multi_query": True,
    }  # fmt: skip
    spec = describe_attention(
        config,
        [
            tensor("transformer.h.*.self_attention.query_key_value.weight", 4672, 4544, layers=range(32)),
            tensor("transformer.h.*.self_attention.dense.weight", 4544, 4544, layers=range(32)),
        ],
    )
    assert (only(spec).kind, only(spec).elements_per_token) == ("multi_query", 128)


def test_transposed_fused_projection():
    """GPT-2 stores its fused projection as [768, 2304]: 768 keys and 768 values."""
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 768, "n_layer": 12, "n_head": 12}
    spec = describe_attention(
        config,
        [
            tensor("h.*.attn.c_attn.weight", 768, 2304, layers=range(12)),
            tensor("h.*.attn.c_proj.weight", 768, 768, layers=range(12)),
        ],
    )
    assert (only(spec).kind, only(spec).elements_per_token) == ("multi_head", 1536)


def test_latent_attention_keeps_one_vector():
    """DeepSeek-V3 keeps 512 latent and 64 rotary elements a layer, not 128 heads of keys and values."""
    config = {
        **LLAMA, "model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"], "num_hidden_layers": 61,
        "hidden_size": 7168, "num_attention_heads": 128, "num_key_value_heads": 128, "kv_lora_rank": 512,
        "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
    }  # fmt: skip
    layers = range(61)
    placed = [
        tensor("model.layers.*.self_attn.kv_a_proj_with_mqa.weight", 576, 7168, layers=layers),
        tensor("model.layers.*.self_attn.kv_b_proj.weight", 32768, 512, layers=layers),
        tensor("model.layers.*.self_attn.q_b_proj.weight", 24576, 1536, layers=layers),
        tensor("model.layers.*.self_attn.o_proj.weight", 7168, 16384, layers=layers),
    ]
    for spec in (describe_attention(config, placed), describe_attention(config)):
        assert (only(spec).kind, only(spec).elements_per_token) == ("latent", 576)


def test_index_keys_are_kept_beside_the_latent_vector():
    """DeepSeek-V3.2's indexer keeps 128 FP8 elements and one float32 scale a token: 132 bytes."""
    config = {**LLAMA, "model_type": "deepseek_v32", "hidden_size": 7168, "num_hidden_layers": 61}
    placed = [
        tensor("model.layers.*.self_attn.kv_a_proj_with_mqa.weight", 576, 7168, layers=range(61)),
        tensor("model.layers.*.self_attn.indexer.wk.weight", 128, 7168, layers=range(61)),
        tensor("model.layers.*.self_attn.indexer.wq_b.weight", 8192, 1536, layers=range(61)),
    ]
    assert only(describe_attention(config, placed)).fixed_bytes_per_token == 132


def test_hybrid_layers_are_told_apart_by_their_tensors():
    """Qwen3-Next: 12 of 48 layers are attention (2 KV heads of 256), 36 a delta rule (32 heads, 128 x 128)."""
    config = {
        **LLAMA, "model_type": "qwen3_next", "hidden_size": 2048, "num_hidden_layers": 48, "head_dim": 256,
        "num_attention_heads": 16, "num_key_value_heads": 2, "full_attention_interval": 4,
        "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128,
        "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
    }  # fmt: skip
    full = tuple(range(3, 48, 4))
    linear = tuple(layer for layer in range(48) if layer not in full)
    placed = [
        *attention("model.layers.*.self_attn", 2048, 512, full, queries=4096),
        tensor("model.layers.*.linear_attn.A_log", 32, layers=linear),
        tensor("model.layers.*.linear_attn.conv1d.weight", 8192, 1, 4, layers=linear),
        tensor("model.layers.*.linear_attn.in_proj_qkvz.weight", 12288, 2048, layers=linear),
        tensor("model.layers.*.linear_attn.out_proj.weight", 2048, 4096, layers=linear),
    ]
    for spec in (describe_attention(config, placed), describe_attention(config)):
        by_kind = {group.mixers[0].kind: group for group in spec.groups}
        assert by_kind["grouped_query"].layers == full
        assert by_kind["grouped_query"].mixers[0].elements_per_token == 1024
        assert by_kind["delta_rule"].mixers[0].state_elements == 32 * 128 * 128
        assert by_kind["delta_rule"].mixers[0].convolution_elements == 8192 * 4
        assert spec.attention_layers == 12


def test_state_space_layers():
    """Mamba keeps channels x states (5,120 x 16); Mamba-2 heads x head width x states (64 x 64 x 128)."""
    one = describe_attention(
        {"model_type": "mamba", "architectures": ["MambaForCausalLM"], "hidden_size": 2560, "num_hidden_layers": 64},
        [
            tensor("backbone.layers.*.mixer.A_log", 5120, 16, layers=range(64)),
            tensor("backbone.layers.*.mixer.D", 5120, layers=range(64)),
            tensor("backbone.layers.*.mixer.conv1d.weight", 5120, 1, 4, layers=range(64)),
            tensor("backbone.layers.*.mixer.out_proj.weight", 2560, 5120, layers=range(64)),
        ],
    )
    assert (only(one).kind, only(one).state_elements, only(one).convolution_elements) == ("mamba", 81_920, 20_480)
    two = describe_attention(
        {
            "model_type": "nemotron_h", "hidden_size": 2688, "num_hidden_layers": 1, "ssm_state_size": 128,
            "hybrid_override_pattern": "M",
        },
        [
            tensor("backbone.layers.*.mixer.A_log", 64),
            tensor("backbone.layers.*.mixer.D", 64),
            tensor("backbone.layers.*.mixer.conv1d.weight", 6144, 1, 4),
            tensor("backbone.layers.*.mixer.out_proj.weight", 2688, 4096),
            TABLE,
        ],
    )  # fmt: skip
    assert (only(two).kind, only(two).state_elements) == ("mamba2", 64 * 64 * 128)


def test_a_layer_without_a_mixer_keeps_nothing():
    """A layer of a hybrid that holds only experts adds nothing to the cache."""
    config = {**LLAMA, "num_hidden_layers": 2}
    placed = [
        *attention("model.layers.*.self_attn", 4096, 1024, (0,)),
        tensor("model.layers.*.mlp.down_proj.weight", 4096, 14336, layers=(0, 1), component="dense_ffn"),
    ]
    spec = describe_attention(config, placed)
    assert [(group.layers, len(group.mixers)) for group in spec.groups] == [((0,), 1), ((1,), 0)]


@pytest.mark.parametrize(
    ("keys", "kinds"),
    [
        ({"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 128}, "SF"),
        ({"sliding_window_pattern": 3, "sliding_window": 4096}, "SSF"),
        ({"sliding_window_pattern": "LLLG", "sliding_window": 4096}, "SSSF"),
        ({"hybrid_layer_pattern": [0, 1, 1, 0], "sliding_window_size": 128}, "FSSF"),
        ({"model_type": "gemma2", "sliding_window": 4096}, "SFSF"),
        ({"model_type": "mistral", "sliding_window": 4096}, "SSSS"),
        ({"model_type": "mistral", "sliding_window": None}, "FFFF"),
        ({"model_type": "phimoe", "sliding_window": 131072}, "FFFF"),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False, "max_window_layers": 2}, "FFFF"),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 2}, "FFSS"),
        ({"attention_chunk_size": 8192, "no_rope_layers": [1, 1, 1, 0]}, "SSSF"),
        ({"model_type": "llama4", "attention_chunk_size": 8192, "no_rope_layers": []}, "SSSF"),
        ({"attention_windows": [128, 0, 128, 0]}, "SFSF"),
        ({"global_attn_every_n_layers": 3, "local_attention": 128}, "FSSF"),
        ({"local_layer_ids": [0, 2], "sliding_window_size": 512}, "SFSF"),
    ],
)
def test_windows_in_all_the_ways_configs_say_them(keys, kinds):
    """Which layers have a window is read from a list, a pattern, an interval, indices, or the model's class."""
    spec = describe_attention({**LLAMA, "num_hidden_layers": len(kinds), **keys})
    found = {layer: g.mixers[0].window is not None for g in spec.groups for layer in g.layers}
    assert "".join("S" if found[layer] else "F" for layer in range(len(kinds))) == kinds


def test_a_window_without_its_layers_is_unknown():
    """A family that nobody knows, with a window and no word about its layers, has no silent fallback."""
    spec = describe_attention({**LLAMA, "model_type": "brand_new", "sliding_window": 4096})
    assert not spec.is_known
    assert spec.reason == "config.json sets a window of 4,096 tokens and does not say for which layers"


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"layer_types": ["full_attention", "wavelet_attention"]}, "wavelet_attention"),
        ({"model_type": "brand_new", "decay_low_rank_dim": 64}, "decay_low_rank_dim"),
        ({"total_ut_steps": 4}, "total_ut_steps"),
        ({"model_type": "brand_new", "layer_types": ["linear_attention"]}, "state"),
    ],
)
def test_what_is_not_understood_is_unknown(keys, word):
    """An unknown layer word, a sign of another mechanism or a looped model is unknown, and the reason names it."""
    spec = describe_attention({**LLAMA, "num_hidden_layers": 2, **keys})
    assert not spec.is_known
    assert word in spec.reason


def test_unknown_mixer_tensors_are_unknown():
    """Layers whose mixer holds nothing that is known are unknown, and the reason names its tensors."""
    spec = describe_attention(
        {**LLAMA, "num_hidden_layers": 1},
        [tensor("model.layers.*.attention.spectral_gate_map.weight", 4096, 4096)],
    )
    assert not spec.is_known


def test_shared_layers_keep_nothing():
    """The last 15 of 35 layers of Gemma-3n read an earlier layer's keys and values."""
    config = {
        **LLAMA, "model_type": "gemma3n_text", "num_hidden_layers": 35, "num_kv_shared_layers": 15,
        "sliding_window": 512, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256,
    }  # fmt: skip
    spec = describe_attention(config)
    shared = [layer for g in spec.groups for layer in g.layers if g.mixers[0].is_shared]
    assert sorted(shared) == list(range(20, 35))
    assert spec.attention_layers == 20


def test_one_attention_block_that_serves_many_layers():
    """Zamba-2 stores its shared attention once; every hybrid layer keeps a cache of its own."""
    config = {
        "model_type": "zamba2", "architectures": ["Zamba2ForCausalLM"], "hidden_size": 64, "num_hidden_layers": 4,
        "num_attention_heads": 4, "mamba_d_state": 16, "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"],
    }  # fmt: skip
    placed = [
        tensor("model.layers.*.mamba.A_log", 8, layers=range(4)),
        tensor("model.layers.*.mamba.D", 8, layers=range(4)),
        tensor("model.layers.*.mamba.conv1d.weight", 160, 1, 4, layers=range(4)),
        tensor("model.layers.*.mamba.out_proj.weight", 64, 128, layers=range(4)),
        *attention("model.layers.*.shared_transformer.self_attn", 128, 128, (1,), queries=128),
    ]
    assert describe_attention(config, placed).attention_layers == 2


def test_encoders_keep_nothing():
    """BERT has no cache: it does not generate."""
    config = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "hidden_size": 768, "num_hidden_layers": 12}
    placed = [
        tensor(f"bert.encoder.layer.*.attention.self.{name}.weight", 768, 768, layers=range(12))
        for name in ("query", "key", "value")
    ]
    spec = describe_attention(config, placed)
    assert (spec.form, spec.groups, spec.is_known) == ("encoder", (), True)


def test_encoder_decoders_keep_the_source_too():
    """A T5 decoder layer keeps its own keys and values and those of the source: 2 x 12 heads x 64 each."""
    config = {
        "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True,
        "d_model": 768, "d_kv": 64, "num_heads": 12, "num_layers": 12, "num_decoder_layers": 12,
    }  # fmt: skip
    placed = []
    for stack, modules in (("encoder", ["0.SelfAttention"]), ("decoder", ["0.SelfAttention", "1.EncDecAttention"])):
        for module in modules:
            number, name = module.split(".")
            for leaf in "qkvo":
                component, group = tensor(f"{stack}.block.*.layer.*.{name}.{leaf}.weight", 768, 768)
                indices = tuple((layer, int(number)) for layer in range(12))
                placed.append((component, _with(group, indices)))
    spec = describe_attention(config, placed)
    (group,) = spec.groups
    assert [(mixer.kind, mixer.elements_per_token) for mixer in group.mixers] == [("multi_head", 1536), ("cross", 1536)]


def _with(group: LogicalTensor, indices: tuple[tuple[int, ...], ...]) -> LogicalTensor:
    return LogicalTensor(
        name=group.name, indices=indices, shape=group.shape, parameters=group.parameters, storage=group.storage,
        stored_bytes=group.stored_bytes,
    )  # fmt: skip


def test_keys_that_serve_as_values_are_kept_twice():
    """Gemma-4's full layers have no value projection: 2 heads of 512 are kept as keys and again as values."""
    config = {
        **LLAMA, "model_type": "gemma4_text", "num_hidden_layers": 1, "num_attention_heads": 16, "head_dim": 256,
        "num_key_value_heads": 8, "global_head_dim": 512, "num_global_key_value_heads": 2, "hidden_size": 2816,
        "layer_types": ["full_attention"],
    }  # fmt: skip
    placed = [
        tensor("model.layers.*.self_attn.q_proj.weight", 8192, 2816),
        tensor("model.layers.*.self_attn.k_proj.weight", 1024, 2816),
        tensor("model.layers.*.self_attn.o_proj.weight", 2816, 8192),
    ]
    mixer = only(describe_attention(config, placed))
    assert (mixer.kv_heads, mixer.key_dim, mixer.elements_per_token) == (2, 512, 2048)


def test_nested_text_config_is_read():
    """A multimodal config's language model is described, its tower is not."""
    spec = describe_attention(
        {"model_type": "some_vl", "text_config": LLAMA, "vision_config": {"num_hidden_layers": 7}}
    )
    assert spec.layers == 32


def test_no_config_counts_every_layer_and_says_so():
    """Without config.json the headers give an upper bound, with a notice."""
    spec = describe_attention(None, [*attention("model.layers.*.self_attn", 4096, 1024, range(32)), TABLE])
    assert only(spec).elements_per_token == 2048
    assert [notice.code for notice in spec.notices] == ["attention.no_config"]


def test_nothing_to_read_is_unknown():
    """Neither headers nor config: the reason says so."""
    assert describe_attention(None).reason == "there are no layers to read and no config.json"


@pytest.mark.parametrize("value", [None, [], "x", -1, 1.5, {"a": 1}, True, 10**30])
@pytest.mark.parametrize(
    "key", ["num_hidden_layers", "layer_types", "sliding_window", "num_key_value_heads", "head_dim"]
)
def test_a_hostile_config_never_raises(key, value):
    """Any value in any key gives a specification, known or not."""
    spec = describe_attention({**LLAMA, key: value})
    assert spec.form == "decoder"


def test_a_tower_alone_writes_no_text():
    """Layers of attention without a table of tokens may be an image's or a sound's: no cache is claimed for them."""
    spec = describe_attention(
        {"model_type": "pixtral", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
        attention("transformer.layers.*.attention", 1024, 1024, range(24)),
    )
    assert (spec.form, spec.is_known) == ("unknown", False)
    assert "no table of tokens" in spec.reason


@pytest.mark.parametrize(
    "name",
    ["LlamaForSequenceClassification", "Qwen2ForTokenClassification", "ColQwen2ForRetrieval", "VoxtralEncoder",
     "Glm4vVisionModel"],
)  # fmt: skip
def test_what_only_reads_keeps_nothing(name):
    """A classifier or an encoder on a decoder's layers reads its input once: there is nothing to keep for more."""
    placed = [*attention("model.layers.*.self_attn", 4096, 1024, range(32)), TABLE]
    spec = describe_attention(LLAMA | {"architectures": [name]}, placed)
    assert (spec.form, spec.groups, spec.is_known) == ("encoder", (), True)


def test_an_encoder_by_name_alone_is_not_known():
    """Megatron calls the layers of a GPT an encoder: without architecture and type nobody knows."""
    placed = [*attention("language_model.encoder.layers.*.self_attention", 4096, 1024, range(4)), TABLE]
    spec = describe_attention({"num_layers": 4, "vocab_size": 32_000}, placed)
    assert spec.form == "unknown"


def test_another_part_s_window_is_not_the_text_s():
    """A window at the root of a config whose language model is nested is the projector's: the text attends to all."""
    text = {key: value for key, value in LLAMA.items() if key != "architectures"}
    config = {"architectures": ["GraniteSpeechForConditionalGeneration"], "window_size": 15, "text_config": text}
    spec = describe_attention(config)
    assert spec.is_known
    assert only(spec).window is None


def test_a_list_that_is_too_short():
    """30 layer types for 32 layers say nothing about two of them; a round that repeats is fine."""
    config = LLAMA | {"layer_types": ["full_attention"] * 30}
    assert describe_attention(config).reason == "config.json: `layer_types` lists 30 layers, there are 32"
    assert describe_attention(LLAMA | {"layer_types": ["full_attention"] * 2}).is_known


def test_absurd_numbers_are_ignored():
    """A tokenizer's 1e30 is no context, and 10^100 layers are no layers."""
    assert describe_attention(LLAMA | {"max_position_embeddings": 1e30}).context_tokens is None
    assert not describe_attention(LLAMA | {"num_hidden_layers": 10**100}).is_known


@pytest.mark.parametrize(
    ("architecture", "layers", "window", "sliding"),
    [("gpt-oss", 24, 128, 12), ("gemma2", 26, 4096, 13), ("gemma3", 34, 1024, 29), ("olmo2", 32, 4096, 24)],
)
def test_gguf_names_of_architectures(architecture, layers, window, sliding):
    """GGUF states the window and not its layers: the architecture does, under its name there."""
    metadata = {
        "general.architecture": architecture, f"{architecture}.block_count": layers,
        f"{architecture}.attention.head_count": 32, f"{architecture}.attention.head_count_kv": 8,
        f"{architecture}.attention.key_length": 64, f"{architecture}.attention.sliding_window": window,
        f"{architecture}.embedding_length": 2880, f"{architecture}.vocab_size": 32_000,
    }  # fmt: skip
    spec = describe_attention(config_from_metadata(metadata))
    windows = {mixer.window: len(group.layers) for group in spec.groups for mixer in group.mixers}
    assert windows == {window: sliding, None: layers - sliding}


def test_gguf_llama4_has_the_chunk_of_its_class():
    """GGUF's Llama 4 states no chunk: three of four layers keep 8,192 tokens, as the class has it."""
    metadata = {
        "general.architecture": "llama4", "llama4.block_count": 48, "llama4.attention.head_count": 40,
        "llama4.attention.head_count_kv": 8, "llama4.attention.key_length": 128, "llama4.embedding_length": 5120,
    }  # fmt: skip
    spec = describe_attention(config_from_metadata(metadata))
    windows = {(mixer.window, mixer.is_chunked): len(group.layers) for group in spec.groups for mixer in group.mixers}
    assert windows == {(8192, True): 36, (None, False): 12}


def heads_of(config):
    """KV heads of each layer that config.json alone gives; 0 for a layer that keeps nothing."""
    spec = describe_attention(config)
    assert spec.is_known, spec.reason
    return [
        sum(mixer.kv_heads or 0 for group in spec.groups if layer in group.layers for mixer in group.mixers)
        for layer in range(spec.layers)
    ]


def test_heads_that_differ_from_layer_to_layer():
    """DeciLM lists KV heads by layer; OpenELM too; Nemotron-NAS says how many share one, or that a block has none."""
    base = {"hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 3, "vocab_size": 32_000}
    assert heads_of(base | {"model_type": "deci", "num_key_value_heads_per_layer": [4, 2, 1]}) == [4, 2, 1]
    blocks = [
        {"attention": {"n_heads_in_group": 8, "no_op": False}},
        {"attention": {"n_heads_in_group": None, "no_op": True}},
        {"attention": {"n_heads_in_group": 16, "no_op": False}},
    ]
    assert heads_of(base | {"model_type": "nemotron-nas", "block_configs": blocks}) == [4, 0, 2]
    openelm = {"model_type": "openelm", "model_dim": 1280, "num_transformer_layers": 2, "head_dim": 64}
    assert heads_of(openelm | {"num_query_heads": [12, 20], "num_kv_heads": [3, 5]}) == [3, 5]


def test_multi_query_by_a_word():
    """MPT says multi-query with a word in a nested config: one KV head of 128."""
    config = {"model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32, "vocab_size": 50_432}
    assert heads_of(config) == [32] * 32
    assert heads_of(config | {"attn_config": {"attn_type": "multiquery_attention"}}) == [1] * 32


@pytest.mark.parametrize("model_type", ["retnet", "hyena", "gla", "hgrn2", "rwkv8", "xlstm"])
def test_a_type_that_is_not_attention_by_name(model_type):
    """Heads in the config of a type that names another mixer are not taken for attention's."""
    config = {"model_type": model_type, "hidden_size": 2048, "num_hidden_layers": 24, "num_heads": 8}
    spec = describe_attention(config)
    assert not spec.is_known
    assert spec.reason


def test_without_headers_a_bare_model_may_be_an_encoder():
    """Many .bin repositories are encoders: BertModel may be one, BertForMaskedLM is."""
    config = {"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    assert describe_attention(config | {"architectures": ["BertModel"]}).form == "unknown"
    assert describe_attention(config | {"architectures": ["BertForMaskedLM"]}).form == "encoder"


def test_a_decoder_that_reads_the_source_with_its_own_projections():
    """T5Gemma 2 merges both attentions: each layer keeps 2 x 4 heads x 256 of the text and of the source."""
    config = {"architectures": ["T5Gemma2ForConditionalGeneration"], "is_encoder_decoder": True, "vocab_size": 32_000}
    config["decoder"] = {"num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256}
    placed = []
    for stack in ("encoder", "decoder"):
        placed += attention(f"model.{stack}.layers.*.self_attn", 2304, 1024, range(2), queries=2048)
    (group,) = describe_attention(config, [*placed, TABLE]).groups
    kinds = [(mixer.kind, mixer.elements_per_token) for mixer in group.mixers]
    assert kinds == [("grouped_query", 2048), ("cross", 2048)]


def test_a_number_of_layers_beside_a_list_of_them():
    """The list stands in the text's own config, the number in another part's: there are as many as the list has."""
    text = {key: value for key, value in LLAMA.items() if key != "num_hidden_layers"}
    text["layers_block_type"] = ["attention", "moe", "attention"]
    config = {"text_config": text, "word_timestamp_config": {"vocab_size": 23_863, "num_hidden_layers": 2}}
    config["architectures"] = ["SpeechForConditionalGeneration"]
    spec = describe_attention(config)
    assert (spec.layers, spec.attention_layers) == (3, 2)


def test_a_short_convolution_after_the_feed_forward():
    """A convolution of 4 inputs on each of 64 channels keeps 256 elements, whatever module its name begins with."""
    placed = [
        *attention("model.layers.*.attn", 64, 64, range(2)),
        tensor("model.layers.*.mlp_sconv.weight", 64, 1, 4, layers=range(2), component="dense_ffn"),
        tensor("model.layers.*.mlp_norm.weight", 64, layers=range(2), component="norms"),
        TABLE,
    ]
    (group,) = describe_attention(LLAMA | {"hidden_size": 64, "num_hidden_layers": 2}, placed).groups
    assert [mixer.convolution_elements for mixer in group.mixers if mixer.kind == "convolution"] == [256]


def test_a_layer_s_own_entry():
    """`per_layer_config` may call layer 5 `05`: its heads are twice as wide."""
    config = LLAMA | {"num_hidden_layers": 6, "head_dim": 128, "per_layer_config": {"05": {"head_dim": 256}}}
    spec = describe_attention(config)
    assert {mixer.key_dim: group.layers for group in spec.groups for mixer in group.mixers} == {
        128: (0, 1, 2, 3, 4),
        256: (5,),
    }
