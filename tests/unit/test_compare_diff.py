"""`sizer compare` on shipped bundles and `sizer diff` on folders made for it."""

from __future__ import annotations

import json

import pytest

from tests.hub import safetensors

MOE, OTHER = "Qwen/Qwen3-30B-A3B", "openai/gpt-oss-20b"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8, "num_hidden_layers": 3,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 16, "vocab_size": 10,
    "rope_scaling": {"factor": 8.0, "rope_type": "llama3"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))


def model(folder, *, layers=3, dtype="BF16", **config):
    """A small model on disk; returns its path."""
    tensors = {"model.embed_tokens.weight": (dtype, (10, 8)), "lm_head.weight": (dtype, (10, 8))}
    for layer in range(layers):
        name = f"model.layers.{layer}"
        tensors |= {
            f"{name}.self_attn.q_proj.weight": (dtype, (8, 8)),
            f"{name}.self_attn.k_proj.weight": (dtype, (4, 8)),
            f"{name}.self_attn.v_proj.weight": (dtype, (4, 8)),
            f"{name}.self_attn.o_proj.weight": (dtype, (8, 8)),
            f"{name}.mlp.up_proj.weight": (dtype, (16, 8)),
            f"{name}.mlp.down_proj.weight": (dtype, (8, 16)),
        }
    folder.mkdir()
    file = safetensors(tensors)
    with (folder / "model.safetensors").open("wb") as out:
        out.write(file.head)
        out.truncate(file.size)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": layers} | config))
    return str(folder)


def test_figures_and_ratios(sizer):
    """Qwen3-30B-A3B beside gpt-oss-20b: 128 and 32 experts are a ratio of 1/4, 98,304 and 49,152 bytes of 1/2."""
    report = sizer("compare", MOE, OTHER, "--offline", "--json").json["report"]
    rows = {row["key"]: row for row in report["rows"]}
    assert rows["total_parameters"]["values"] == [30_532_122_624, 20_914_757_184]
    assert (rows["routed_experts"]["values"], rows["routed_experts"]["ratios"]) == ([128, 32], [1.0, 0.25])
    assert (rows["kv_cache_bytes_per_token"]["values"], rows["kv_cache_bytes_per_token"]["ratios"]) == (
        [98_304, 49_152],
        [1.0, 0.5],
    )
    assert (rows["keeps"]["differs"], rows["class_by_total"]["differs"]) == (False, True)
    assert rows["class_by_total"]["ratios"] == [None, None]


def test_what_a_model_does_not_have_is_zero_and_a_difference(sizer):
    """A dense model has no experts: its rows differ from a mixture's, which has no dense FFN; nothing is unknown."""
    outcome = sizer("compare", MOE, "Qwen/Qwen3-0.6B", "--offline", "--json")
    rows = {row["key"]: row for row in outcome.json["report"]["rows"]}
    for key in ("routed_experts", "experts_per_token", "moe_layers", "part.routed_experts", "part.dense_ffn"):
        assert (0 in rows[key]["values"], rows[key]["differs"]) == (True, True)
    assert rows["shared_experts"]["values"] == [0, 0]
    shown = sizer("compare", MOE, "Qwen/Qwen3-0.6B", "--offline").out
    assert "* experts " in shown
    assert "not known" not in shown


def test_a_dash_is_explained_where_there_is_one(sizer):
    """What the catalog does not know is a dash, as is the speed of a model that does not fit; the last line says so."""
    assert "- not known" in sizer("compare", MOE, "Qwen/Qwen3-8B", "--offline").out
    shown = " ".join(sizer("compare", MOE, OTHER, "--offline", "--on", "rtx-4090").out.split())
    assert "no ceiling (-) where a model does not fit" in shown
    assert "; - not known" not in shown


def test_a_place_is_compared_too(sizer):
    """With --on every model has its fit and its ceiling there; a model that does not fit has none."""
    report = sizer("compare", MOE, OTHER, "--offline", "--on", "rtx-4090", "--json").json["report"]
    rows = {row["key"]: row["values"] for row in report["rows"]}
    assert rows["fits.rtx-4090"] == ["no", "yes"]
    assert rows["speed.rtx-4090"][0] is None
    assert rows["speed.rtx-4090"][1] > 0


def test_a_model_that_cannot_be_read_is_taken_from_the_catalog(sizer):
    """Offline, Qwen3-8B has no headers: the catalog's counts are shown, and the view marks it."""
    outcome = sizer("compare", MOE, "Qwen/Qwen3-8B", "--offline")
    assert "~Qwen3-8B" in outcome.out.splitlines()[0]
    report = sizer("compare", MOE, "qwen/qwen3-8b", "--offline", "--json").json["report"]
    assert [model["known_from"] for model in report["models"]] == ["headers", "catalog"]
    rows = {row["key"]: row["values"] for row in report["rows"]}
    assert rows["active_parameters"][1] == 8_190_735_360
    assert rows["weights_bytes"][1] is None


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_comparison_stays_within_the_screen(sizer, monkeypatch, width):
    """No line is wider than the screen, with four models either."""
    monkeypatch.setenv("COLUMNS", str(width))
    names = (MOE, OTHER, "Qwen/Qwen3-0.6B", "deepseek-ai/DeepSeek-V3.2")
    lines = sizer("compare", *names, "--offline").out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert sum("* total" in line for line in lines) == {40: 3, 60: 3, 80: 2, 120: 1}[width]


def test_one_reference_is_not_enough(sizer):
    """A single model is refused, with what to run instead."""
    outcome = sizer("compare", MOE, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "usage.arguments")


def test_the_same_twice_is_the_same(sizer, tmp_path):
    """20 tensors of equal name, shape and storage, and an equal config: no difference."""
    one, two = model(tmp_path / "one"), model(tmp_path / "two")
    report = sizer("diff", one, two, "--json").json["report"]
    assert (report["is_same"], report["same_tensors"], report["changes"], report["config"]) == (True, 20, [], [])
    assert "No difference in 20 tensors" in sizer("diff", one, two).out


def test_layers_that_were_added(sizer, tmp_path):
    """Two more layers are six groups of two tensors, 2 x 448 parameters; config.json says so too."""
    one, two = model(tmp_path / "one"), model(tmp_path / "two", layers=5)
    report = sizer("diff", one, two, "--json").json["report"]
    assert [(change["change"], change["numbers"], change["tensors"]) for change in report["changes"]] == [
        ("added", "3-4", 2)
    ] * 6
    added = report["after"]["total_parameters"] - report["before"]["total_parameters"]
    assert added == 2 * (8 * 8 + 2 * 4 * 8 + 8 * 8 + 2 * 8 * 16)
    assert report["config"] == [{"key": "num_hidden_layers", "before": 3, "after": 5}]


def test_another_storage_and_another_shape(sizer, tmp_path):
    """FP32 in place of BF16 is repacked; a wider vocabulary is reshaped; a nested key is named with its path."""
    one = model(tmp_path / "one")
    two = model(tmp_path / "two", dtype="F32", rope_scaling={"factor": 4.0, "rope_type": "llama3"})
    report = sizer("diff", one, two, "--json").json["report"]
    assert {change["change"] for change in report["changes"]} == {"repacked"}
    assert sum(change["tensors"] for change in report["changes"]) == 20
    assert report["config"] == [{"key": "rope_scaling.factor", "before": 8.0, "after": 4.0}]
    assert report["after"]["weights_bytes"] == 2 * report["before"]["weights_bytes"]
    turned = sizer("diff", two, one)
    assert "  = model.layers.*.mlp.up_proj.weight [0-2] (3 tensors)" in turned.out
    assert "F32 16x8 -> BF16 16x8" in turned.out
    assert "~ rope_scaling.factor: 4.0 -> 8.0" in turned.out


def test_a_packed_twin_holds_the_same_tensors(sizer):
    """Llama-3.1-8B and its GPTQ twin: the same 291 logical tensors, 224 of them repacked, nothing added or removed."""
    report = sizer("diff", "meta-llama/Llama-3.1-8B", "bench/Llama-3.1-8B-GPTQ-Int4", "--offline", "--json").json[
        "report"
    ]
    assert (report["before"]["tensors"], report["after"]["tensors"], report["same_tensors"]) == (291, 291, 67)
    assert {change["change"] for change in report["changes"]} == {"repacked"}
    assert sum(change["tensors"] for change in report["changes"]) == 224


def test_a_null_in_a_config_is_as_good_as_nothing(sizer, tmp_path):
    """A key that one side sets to null and the other leaves out is no difference."""
    one, two = model(tmp_path / "one"), model(tmp_path / "two", sliding_window=None)
    assert sizer("diff", one, two, "--json").json["report"]["config"] == []
