"""A folder of two shards of which one is gone: no command takes what is left for the model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.hub import safetensors

CONFIG = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "moe_intermediate_size": 16, "num_experts": 8,
    "num_experts_per_tok": 2, "vocab_size": 100, "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """The folder `whole`, and `half` without its second shard; the paths of both."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    shards = [
        {"model.embed_tokens.weight": (100, 32)},
        {"model.norm.weight": (32,), "lm_head.weight": (100, 32)},
    ]
    for layer, shard in enumerate(shards):
        name = f"model.layers.{layer}"
        shard |= {f"{name}.self_attn.{part}_proj.weight": (32 if part in "qo" else 16, 32) for part in "qkvo"}
        shard[f"{name}.mlp.gate.weight"] = (8, 32)
        for expert in range(8):
            shard |= {f"{name}.mlp.experts.{expert}.{part}_proj.weight": (16, 32) for part in ("gate", "up")}
            shard[f"{name}.mlp.experts.{expert}.down_proj.weight"] = (32, 16)
    files = [f"model-{number}-of-00002.safetensors" for number in ("00001", "00002")]
    weight_map = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
    for folder, kept in (("whole", 2), ("half", 1)):
        path = tmp_path / folder
        path.mkdir()
        (path / "config.json").write_text(json.dumps(CONFIG))
        (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
        for file, shard in list(zip(files, shards, strict=True))[:kept]:
            made = safetensors({name: ("BF16", shape) for name, shape in shard.items()})
            with (path / file).open("wb") as out:
                out.write(made.head)
                out.truncate(made.size)
    return str(tmp_path / "whole"), str(tmp_path / "half")


@pytest.mark.parametrize("command", ["tune", "moe", "diff before", "diff after"])
def test_a_part_of_a_model_is_refused(sizer, folders, command):
    """What needs the whole model ends as `sizer inspect` does, names the missing shard and prints no report."""
    whole, half = folders
    arguments = {
        "tune": ["tune", half, "--on", "rtx-4090"],
        "moe": ["moe", half],
        "diff before": ["diff", half, whole],
        "diff after": ["diff", whole, half],
    }[command]
    inspected = sizer("inspect", half, "--json")
    outcome = sizer(*arguments, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "reading.damaged")
    assert (outcome.code, outcome.json["error"]["code"]) == (inspected.code, inspected.json["error"]["code"])
    assert "model-00002-of-00002.safetensors" in outcome.json["error"]["message"]
    assert "report" not in outcome.json
    assert sizer(*arguments).out == ""


def test_an_incomplete_column_says_why(sizer, folders):
    """`compare` shows no figure of a part as the model's, warns why, and ends with the code that `inspect` gives."""
    whole, half = folders
    outcome = sizer("compare", half, whole, "--json")
    assert (outcome.code, outcome.json["ok"], outcome.json["error"]["code"]) == (5, False, "reading.damaged")
    report = outcome.json["report"]
    assert [(row["key"], row["values"][0]) for row in report["rows"] if row["values"][0] is not None] == [
        ("model_type", "qwen3_moe")
    ]
    total = 2 * 100 * 32 + 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 8 * 32 + 8 * 3 * 16 * 32)
    assert next(row["values"] for row in report["rows"] if row["key"] == "total_parameters") == [None, total]
    assert [notice["code"] for notice in report["warnings"]] == ["reading.damaged"]
    assert "model-00002-of-00002.safetensors" in report["warnings"][0]["message"]
    assert "half: 1 weight file could not be read" in " ".join(sizer("compare", whole, half).out.split())
    assert sizer("compare", whole, whole, "--json").json["report"]["warnings"] == []


def test_the_whole_model_is_taken(sizer, folders):
    """With both shards there, the same commands report."""
    whole, _ = folders
    for arguments in (["tune", whole], ["moe", whole], ["diff", whole, whole], ["compare", whole, whole]):
        assert sizer(*arguments).code == 0


def test_an_uncounted_model_is_not_said_to_fit(sizer, folders):
    """A model without a shard or config.json stands under "Not judged" with the reason; one beside it that fits, fits.

    Alone it leaves the leg empty: exit code 1, and no constraint is blamed.
    """
    whole, half = folders
    nameless = Path(half).parent / "nameless"
    shutil.copytree(whole, nameless)
    (nameless / "config.json").unlink()
    both = sizer("recommend", "--diverse", "no", "--model", half, "--model", str(nameless), "--model", whole)
    fits, _, left = both.out.partition("Models that fit\n")[2].partition("Not judged\n")
    left = " ".join(left.split())
    assert both.code == 0
    assert "whole" in fits
    assert "half" not in fits
    assert "nameless" not in fits
    assert "half: total and active parameters not known: not every file could be read" in left
    assert "nameless: active parameters not known: there is no config.json" in left
    alone = sizer("recommend", "--diverse", "no", "--model", half)
    assert alone.code == 1
    assert "Models that fit" not in alone.out
    report = sizer("recommend", "--diverse", "no", "--model", half, "--json").json["report"]
    assert [candidate["fit"] for candidate in report["candidates"]] == ["unknown"]
    [conflict] = report["conflicts"]
    assert (conflict["text"], conflict["constraints"]) == ("no model could be judged", [])
