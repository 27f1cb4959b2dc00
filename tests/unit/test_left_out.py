"""Tables that do not find room for all their columns say which are missing."""

from __future__ import annotations

from typing import Any

import pytest

SMALL = "Qwen/Qwen3-0.6B"
# command line: what is left out at 48 columns
LINES = {
    "devices h100": "usable, bandwidth, TFLOP/s, an hour",
    "fit --on rtx-4090 --limit 2": "weights' format, tokens/s, longest context",
    f"inspect {SMALL} --offline": "shares",
    f"inspect {SMALL} openai/gpt-oss-20b --offline --on rtx-4090": "tokens/s",
    f"compare {SMALL} openai/gpt-oss-20b --offline": "ratio",
    "catalog --family grok": "licence",
    "landscape --family grok": "share",
    f"moe {SMALL} --offline": "what each part does",
    "route": "saved a month",
}


@pytest.mark.parametrize("line", LINES)
def test_what_is_left_out_is_named(line: str, sizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow screen a line names the columns that are missing, within the width; on a wide one there is none."""
    monkeypatch.setenv("COLUMNS", "48")
    narrow = sizer(*line.split()).out
    assert f"Left out at this width, see --json: {LINES[line]}" in " ".join(narrow.split())
    monkeypatch.setenv("COLUMNS", "120")
    assert "Left out at this width" not in sizer(*line.split()).out
