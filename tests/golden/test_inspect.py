"""Whole outputs of `sizer inspect` on shipped header bundles, at 80 columns and without colour.

To accept a change, look at it and run with SIZER_UPDATE_GOLDEN=1.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent

CASES = {
    "moe": ["Qwen/Qwen3-30B-A3B"],
    "moe-shared-mtp-fp8": ["deepseek-ai/DeepSeek-V3.2"],
    "moe-fused-vision": ["meta-llama/Llama-4-Maverick-17B-128E-Instruct"],
    "moe-mxfp4": ["openai/gpt-oss-20b"],
    "moe-nvfp4": ["nvidia/Qwen3-235B-A22B-NVFP4"],
    "tied-head-stored": ["Qwen/Qwen3-0.6B"],
    "dense-gptq": ["bench/Llama-3.1-8B-GPTQ-Int4"],
    "several": ["meta-llama/Llama-3.1-8B", "moonshotai/Kimi-K2-Instruct", "bench/Llama-3.1-8B-bnb-4bit"],
}


def check(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("SIZER_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", CASES)
def test_text(name, sizer, monkeypatch, tmp_path):
    """The view is the one that was looked at and accepted."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    outcome = sizer("inspect", *CASES[name], "--offline")
    assert outcome.code == 0
    check(f"{name}.txt", "\n".join(line.rstrip() for line in outcome.out.splitlines()) + "\n")


@pytest.mark.parametrize("name", ["moe", "several"])
def test_json(name, sizer, monkeypatch, tmp_path):
    """The document is the one that was looked at and accepted."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    outcome = sizer("inspect", *CASES[name], "--offline", "--json")
    assert outcome.json["ok"] is True
    check(f"{name}.json", outcome.out)


@pytest.mark.parametrize("width", [20, 40, 60])
@pytest.mark.parametrize("name", ["moe", "several"])
def test_narrow(name, width, sizer, monkeypatch, tmp_path):
    """On a narrow terminal no number is cut, and no line is longer than the terminal."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    arguments = ("inspect", *CASES[name], "--offline")
    wanted = {"moe": ["30,532,122,624", "3,353,032,704"], "several": ["8.03 B", "1.03 T", "32.86 B", "16.06 GB"]}
    monkeypatch.setenv("COLUMNS", str(width))
    lines = sizer(*arguments).out.splitlines()
    assert max(len(line) for line in lines) <= width
    words = " ".join(line.strip() for line in lines)
    assert [number for number in wanted[name] if number not in words] == []
