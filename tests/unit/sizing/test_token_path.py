"""`sizer moe`: one token's way, on shipped header bundles, held to the counts and to the models' own papers."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from sizer.api import ReadingSettings, inspect, token_path
from sizer.render.views import moe as view

BUNDLES = [
    "Qwen/Qwen3-0.6B", "Qwen/Qwen3-30B-A3B", "Qwen/Qwen3.5-397B-A17B", "deepseek-ai/DeepSeek-V3.2",
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct", "moonshotai/Kimi-K2-Instruct", "openai/gpt-oss-20b",
    "bench/Llama-3.1-8B-GPTQ-Int4",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))


def path_of(reference):
    """The report on a shipped bundle."""
    return token_path(reference, ReadingSettings(offline=True))


def passed(path):
    """Every step that a token passes, each layer's as often as there are layers."""
    return [*path.before, *(step for kind in path.layers for step in kind.steps for _ in kind.layers), *path.after]


@pytest.mark.parametrize("reference", BUNDLES)
def test_the_steps_sum_to_the_counts(reference):
    """What is held sums to total; what is read to active compute and one row of an embedding that is not tied."""
    path, report = path_of(reference), inspect(reference, ReadingSettings(offline=True))
    steps = passed(path)
    assert sum(step.held_parameters for step in (*steps, *path.unused)) == report.total_parameters
    row = sum(step.read_parameters for step in path.before)
    assert path.read_parameters == sum(step.read_parameters for step in steps)
    assert path.read_parameters - row == report.active_compute_parameters
    assert path.asleep_parameters == path.total_parameters - path.read_parameters


def test_a_mixture_by_its_own_numbers():
    """Qwen3-30B-A3B (arXiv 2505.09388, table 2): 48 layers, 8 of 128 experts of 3 x 2048 x 768, one row of 2,048."""
    path = path_of("Qwen/Qwen3-30B-A3B")
    [kind] = path.layers
    assert (len(kind.layers), kind.routed_experts, kind.experts_per_token) == (48, 128, 8)
    steps = {step.part: step for step in kind.steps}
    assert steps["routed_experts"].read_parameters == 8 * 3 * 2048 * 768
    assert steps["routed_experts"].held_parameters == 128 * 3 * 2048 * 768
    assert steps["router"].read_parameters == 128 * 2048
    assert path.before[0].read_parameters == 2048


def test_dense_layers_before_the_mixture():
    """DeepSeek-V3.2 has 3 dense layers, then 58 with 8 of 256 experts; the extra prediction layer stays asleep."""
    path = path_of("deepseek-ai/DeepSeek-V3.2")
    assert [(len(kind.layers), kind.layers[0], kind.routed_experts) for kind in path.layers] == [
        (3, 0, None),
        (58, 3, 256),
    ]
    assert [(step.part, step.read_parameters) for step in path.unused] == [("mtp", 0)]


def test_layers_that_alternate():
    """Llama 4 Maverick: every second layer is a mixture, of 1 of 128 experts beside a shared one."""
    path = path_of("meta-llama/Llama-4-Maverick-17B-128E-Instruct")
    assert [(kind.layers[:3], kind.experts_per_token) for kind in path.layers] == [((0, 2, 4), None), ((1, 3, 5), 1)]
    assert "shared_experts" in {step.part for step in path.layers[1].steps}


def test_a_dense_model_sleeps_nowhere():
    """Qwen3-0.6B reads all of its 596,049,920 parameters; its tied table is read as the head, not before."""
    path = path_of("Qwen/Qwen3-0.6B")
    assert (path.read_parameters, path.asleep_parameters, path.batches) == (596_049_920, 0, ())
    assert [step.read_parameters for step in path.before] == [0]


def test_more_tokens_wake_more_experts():
    """E (1 - (1 - k/E)^B) for 4 of 32: 4, then 32 (1 - (7/8)^8) = 21.0 at 8 tokens, and nearly all at 64."""
    batches = {batch.tokens: batch.distinct_experts for batch in path_of("openai/gpt-oss-20b").batches}
    assert batches[1] == pytest.approx(4)
    assert batches[8] == pytest.approx(32 * (1 - (7 / 8) ** 8))
    assert 31.9 < batches[64] < 32


def test_the_still_picture(sizer):
    """In a pipe the whole way is printed once, with as many squares filled as experts are picked."""
    outcome = sizer("moe", "openai/gpt-oss-20b", "--offline")
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert lines[0] == "openai/gpt-oss-20b: one token through 24 layers, 24 of them mixtures of experts"
    grid = next(line for line in lines if line.strip() and set(line.strip()) == {"■", "·"})
    assert (grid.count("■"), grid.count("·")) == (4, 28)
    assert lines[-2] == "One token reads 3.61 B of 20.91 B parameters (17.3 %), 3.71 GB of 13.76 GB."
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_stays_within_the_screen(sizer, monkeypatch, width):
    """No line is wider than the screen."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = sizer("moe", "deepseek-ai/DeepSeek-V3.2", "--offline").out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width


def test_it_moves_at_a_terminal(monkeypatch):
    """A frame for the embedding, each layer and the head is drawn, and what was read only grows; then the still."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    path = path_of("openai/gpt-oss-20b")
    target = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    view.animate(path, target)
    text = target.file.getvalue()
    assert [f"layer {number} of 24" in text for number in (1, 12, 24)] == [True, True, True]
    assert text.rstrip().endswith("sleep, but must be in memory.")


def test_an_adapter_is_no_model_to_follow(sizer, tmp_path):
    """A folder without a whole model ends with 5 and says what its format is."""
    import json
    import struct

    header = json.dumps({"base.layers.0.lora_A.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    (tmp_path / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"\x00" * 4)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "a/b"}')
    outcome = sizer("moe", str(tmp_path), "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "anatomy.no_model")
