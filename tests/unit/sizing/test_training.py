"""Tuning: each formula by hand and against figures of the papers that it comes from."""

from __future__ import annotations

import pytest

from sizer.anatomy.attention import describe_attention
from sizer.anatomy.parameters import analyse
from sizer.quantization.interface import LogicalTensor
from sizer.sizing.hardware import parse_target
from sizer.sizing.training import TuningSettings, adapter_parameters, estimate_tuning


def tensor(name, count, *shape):
    """`count` tensors of one shape, numbered by layer where there are several."""
    parameters = 1
    for size in shape:
        parameters *= size
    indices = tuple((layer,) for layer in range(count)) if "*" in name else ((),)
    return LogicalTensor(
        name=name, indices=indices, shape=shape, parameters=parameters, storage="BF16", stored_bytes=2 * parameters
    )


def dense(layers, hidden, inner, kv, vocabulary, *, tied=False):
    """A Llama-shaped model and what it keeps."""
    stack = "model.layers.*"
    tensors = [
        tensor("model.embed_tokens.weight", 1, vocabulary, hidden),
        tensor(f"{stack}.self_attn.q_proj.weight", layers, hidden, hidden),
        tensor(f"{stack}.self_attn.k_proj.weight", layers, kv, hidden),
        tensor(f"{stack}.self_attn.v_proj.weight", layers, kv, hidden),
        tensor(f"{stack}.self_attn.o_proj.weight", layers, hidden, hidden),
        tensor(f"{stack}.mlp.gate_proj.weight", layers, inner, hidden),
        tensor(f"{stack}.mlp.up_proj.weight", layers, inner, hidden),
        tensor(f"{stack}.mlp.down_proj.weight", layers, hidden, inner),
        tensor(f"{stack}.input_layernorm.weight", layers, hidden),
        tensor(f"{stack}.post_attention_layernorm.weight", layers, hidden),
        tensor("model.norm.weight", 1, hidden),
    ]
    if not tied:
        tensors.append(tensor("lm_head.weight", 1, vocabulary, hidden))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
        "num_hidden_layers": layers, "num_attention_heads": hidden // 128, "num_key_value_heads": kv // 128,
        "head_dim": 128, "vocab_size": vocabulary, "tie_word_embeddings": tied,
    }  # fmt: skip
    anatomy = analyse(tensors, config)
    return anatomy, describe_attention(config, anatomy.components_of)


LLAMA_31_8B = dense(32, 4096, 14336, 1024, 128_256)
LLAMA_65B = dense(80, 8192, 22016, 8192, 32_000)


def methods(model, **settings):
    """The methods of a tuning by name."""
    report = estimate_tuning("x", "x", *model, TuningSettings(**settings))
    return {method.method: method for method in report.methods}


def test_full_tuning_takes_16_bytes_a_parameter():
    """arXiv 1910.02054, section 3.1: Adam in mixed precision keeps 16 bytes; 8.03 B parameters are 128.5 GB."""
    full = methods(LLAMA_31_8B)["full"]
    total = LLAMA_31_8B[0].total
    assert total == 8_030_261_248
    assert full.weights_bytes + full.gradients_bytes + full.optimizer_bytes == 16 * total


def test_adapters_of_llama():
    """41,943,040 parameters: rank 16 on all seven matrices of 32 layers, as every log of such a run prints it."""
    rows_and_columns = 8192 + 5120 + 5120 + 8192 + 3 * (4096 + 14336)
    assert 16 * rows_and_columns * 32 == 41_943_040
    assert adapter_parameters(LLAMA_31_8B[0], 16) == 41_943_040


def test_65_billion_parameters_on_48_gb():
    """arXiv 2305.14314, abstract: 16-bit tuning of 65 B takes more than 780 GB, QLoRA fits a 48 GB GPU."""
    found = methods(LLAMA_65B, tokens_per_example=512, rank=64, targets=(parse_target("rtx-a6000"),))
    assert found["full"].total_bytes[0] > 780e9
    assert found["qlora"].total_bytes[0] < 48 * 2**30
    assert [found[name].places[0].fits for name in ("full", "lora", "qlora")] == ["no", "no", "tight"]


def test_qlora_packs_the_matrices_of_the_layers_only():
    """4.127 bits for the matrices, 2 bytes for embedding, head and norms, and 2 for each adapter parameter."""
    matrices = 32 * (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 4096 * 14336)
    rest = LLAMA_31_8B[0].total - matrices
    assert methods(LLAMA_31_8B)["qlora"].weights_bytes == round(matrices * 4.127 / 8) + 2 * rest + 2 * 41_943_040


def test_activations():
    """arXiv 2205.05198: 2 bytes a token, width and layer where layers are computed again, 34 where they are kept."""
    low, high = methods(LLAMA_31_8B, tokens_per_example=2048, batch=4)["lora"].activations_bytes
    tokens = 4 * 2048
    assert low == 2 * tokens * 4096 * 32 + 6 * tokens * 128_256
    assert high == 34 * tokens * 4096 * 32 + 10 * tokens * 128_256


def test_operations_and_time():
    """6 operations a parameter and token: 7.5 B x 30 M tokens x 6 at 45 % of 989.4 TFLOP/s are 51 minutes."""
    h100 = parse_target("h100")
    full = methods(LLAMA_31_8B, targets=(h100,))["full"]
    compute = 8_030_261_248 - 128_256 * 4096
    assert full.operations == (6.0 * compute * 30e6, 8.0 * compute * 30e6)
    fast, slow = full.places[0].hours
    assert fast == pytest.approx(6 * compute * 30e6 / (h100.device.bf16_flops * 0.45) / 3600)
    assert slow == pytest.approx(8 * compute * 30e6 / (h100.device.bf16_flops * 0.15) / 3600)


def test_several_devices_split_the_states():
    """128 GB of states are 16 GB on each of 8 devices, and the activations of its own batch."""
    [place] = methods(LLAMA_31_8B, targets=(parse_target("8xh100"),))["full"].places
    low, _ = methods(LLAMA_31_8B)["full"].activations_bytes
    assert place.needed_bytes_per_device[0] == 16 * 8_030_261_248 // 8 + low + 500_000_000
    assert place.fits == "yes"


def test_a_place_is_found():
    """Without a place the smallest and, where it is another one, the cheapest that hold it are found."""
    for method in methods(LLAMA_31_8B).values():
        assert [place.chosen for place in method.places] in (["smallest"], ["smallest", "cheapest"])
        for place in method.places:
            assert place.needed_bytes_per_device[0] <= place.available_bytes_per_device
        assert method.places[-1].usd[0] < method.places[-1].usd[1]


def test_as_printed(sizer, monkeypatch, tmp_path):
    """The three methods stand side by side; a place of one's own is judged for each."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    outcome = sizer("tune", "meta-llama/Llama-3.1-8B", "--offline", "--on", "rtx-4090")
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert lines[0] == "Tuning meta-llama/Llama-3.1-8B (8.03 B total)"
    assert lines[1] == "10,000 examples of 1,000 tokens, 3 epochs: 30.00 M tokens"
    assert next(line for line in lines if line.startswith("trained")).split() == [
        "trained", "8.03", "B", "41.94", "M", "41.94", "M",
    ]  # fmt: skip
    assert "full, NVIDIA RTX 4090 24 GB does not fit" in lines
    assert "QLoRA, NVIDIA RTX 4090 24 GB fits" in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [40, 60, 120])
def test_it_stays_within_the_screen(sizer, monkeypatch, tmp_path, width):
    """No line is wider than the screen."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", str(width))
    lines = sizer("tune", "openai/gpt-oss-20b", "--offline").out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--examples", "0", "usage.range"), ("--rank", "x", "usage.number"), ("--on", "abacus", "usage.device")],
)
def test_bad_input_is_named(sizer, option, value, code):
    """What cannot be is refused before anything is read."""
    outcome = sizer("tune", "Qwen/Qwen3-0.6B", option, value, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, code)


def test_one_reason_for_all_methods_stands_once(sizer, tmp_path):
    """Without a config.json no method knows its activations: that is one line, not three."""
    from safetensors.numpy import save_file

    numpy = pytest.importorskip("numpy")
    layer = {f"model.layers.0.self_attn.{name}_proj.weight": numpy.zeros((8, 8)) for name in "qkvo"}
    save_file(layer, tmp_path / "model.safetensors")
    shown = sizer("tune", tmp_path).out
    assert shown.count("is not known") == 1
    assert "full, LoRA, QLoRA: " in shown
