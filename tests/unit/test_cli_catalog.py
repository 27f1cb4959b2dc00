"""`sizer catalog` from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sizer.catalog.models import load_catalog

MINE = """\
models:
- id: me/Mine-3B
  family: Mine
  basis: declared
  total_parameters: 3_000_000_000
  total_precision: 1_000_000_000
  source: me
  checked: 2026-11-24
  licence: mine-only
"""


def test_the_issue_s_example(sizer: Any) -> None:
    """`--max-active 8B --license apache-2.0 --sort active` lists only such models, smallest first."""
    outcome = sizer("catalog", "--max-active", "8B", "--license", "apache-2.0", "--sort", "active", "--json")
    models = outcome.json["report"]["models"]
    actives = [model["active_parameters"] for model in models]
    assert outcome.code == 0
    assert len(models) > 20
    assert actives == sorted(actives)
    assert actives[-1] <= 8_000_000_000
    assert {model["licence"] for model in models} == {"apache-2.0"}


def test_a_list_fits_80_columns(sizer: Any) -> None:
    """No line of the whole list is wider than 80 columns, and every id stands in one piece."""
    outcome = sizer("catalog")
    assert max(len(line.rstrip()) for line in outcome.out.splitlines()) <= 80
    assert "meta-llama/Llama-4-Maverick-17B-128E-Instruct " in outcome.out


def test_a_short_list_as_printed(sizer: Any) -> None:
    """Declared figures are marked and show no more digits than they have; the licence comes where there is room."""
    outcome = sizer("catalog", "--family", "grok")
    assert [line.rstrip() for line in outcome.out.splitlines()] == [
        "model               total   active  context  licence",
        "xai-org/grok-1     ~314 B  unknown           apache-2.0",
        "xai-org/grok-2  ~269.52 B   ~115 B           grok-2-community",
        "",
        f"2 of {len(load_catalog())} models; ~ is declared, not counted",
    ]


def test_one_entry_in_full(sizer: Any) -> None:
    """`show` says the answer in one line, then every figure with its basis and source."""
    outcome = sizer("catalog", "show", "qwen3-30b-a3b")
    assert outcome.out.splitlines()[0] == "Qwen/Qwen3-30B-A3B: 30.53 B total, 3.35 B active per token"
    for text in (
        "30,532,122,624 (counted)", "3,353,032,704 (counted)", "8 of 128 per token", "30.5 B total, 3.3 B active",
        "SLM by active (speed, cost), LLM by total (memory)", "apache-2.0", "2025-04-27",
    ):  # fmt: skip
        assert text in outcome.out


def test_show_may_be_left_out(sizer: Any) -> None:
    """`sizer catalog NAME` shows the entry, as `sizer catalog show NAME` does."""
    assert sizer("catalog", "Qwen3-8B").out == sizer("catalog", "show", "Qwen3-8B").out


def test_a_rounded_figure_shows_its_precision(sizer: Any) -> None:
    """A figure stated in billions says that it is rounded, and is not given digits it does not have."""
    out = sizer("catalog", "show", "xai-org/grok-1").out
    assert "xai-org/grok-1: 314 B total, active unknown" in out
    assert "314,000,000,000 (declared, rounded to 1 B)" in out


def test_json_has_every_field(sizer: Any) -> None:
    """An unknown figure is null in JSON, not absent."""
    model = sizer("catalog", "show", "facebook/nllb-moe-54b", "--json").json["report"]["model"]
    assert model["active_parameters"] is None
    assert model["licence"] is None
    assert (model["active_precision"], model["modality"]) == (1, "text")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("catalog", []),
        ("catalog", ["--moe", "--sort", "total"]),
        ("catalog show", ["show", "Qwen3-8B"]),
        ("catalog verify", ["verify", "gpt-oss-20b", "grok-1", "--offline"]),
    ],
)
def test_reports_follow_their_schema(sizer: Any, command: str, arguments: list[str]) -> None:
    """What `--json` prints is valid under the schema that `sizer schema` prints for the command it names."""
    document = sizer("catalog", *arguments, "--json").json
    assert document["command"] == command
    jsonschema.validate(document, sizer("schema", command).json)


def test_a_users_catalog_is_merged(sizer: Any, tmp_path: Path) -> None:
    """`--catalog FILE` adds the user's models to the list and to `show`."""
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    listed = sizer("catalog", "--catalog", path, "--license", "mine-only", "--json").json["report"]["models"]
    assert [model["id"] for model in listed] == ["me/Mine-3B"]
    assert "3 B total" in sizer("catalog", "--catalog", path, "show", "mine-3b").out
    assert "3 B total" in sizer("catalog", "show", "mine-3b", "--catalog", path).out


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["show", "Qwen4-8B"], 3, "catalog.unknown"),
        (["Qwen4-8B"], 3, "catalog.unknown"),
        (["--license", "apache2"], 2, "usage.choice"),
        (["--sort", "size"], 2, "usage.choice"),
        (["--max-active", "8Q"], 2, "usage.number"),
        (["--moe", "--dense"], 2, "usage.arguments"),
        (["--catalog", "no-such-file.yaml"], 3, "file.missing"),
        (["shwo", "Qwen3-8B"], 2, "usage.arguments"),
    ],
)
def test_bad_input_is_a_typed_error(sizer: Any, arguments: list[str], code: int, error: str) -> None:
    """What cannot be done ends with its exit code and one JSON document with its error code and a hint."""
    outcome = sizer("catalog", *arguments, "--json")
    assert outcome.code == code
    assert outcome.json["ok"] is False
    assert outcome.json["error"]["code"] == error
    assert outcome.json["error"]["hint"]


WRONG = """\
models:
- id: openai/gpt-oss-20b
  family: gpt-oss
  basis: counted
  total_parameters: 20_914_757_185
  active_parameters: 4_187_440_704
  source: nobody
  checked: 2026-11-24
  routed_experts: 64
  experts_per_token: 4
"""


def test_verify_counts_again(sizer: Any) -> None:
    """Entries with a shipped header bundle are counted again without a network, and come out the same."""
    outcome = sizer("catalog", "verify", "gpt-oss-20b", "Qwen3-0.6B", "--offline")
    assert outcome.code == 0
    assert outcome.out.strip() == "2 of 2 entries checked, all the same"


def test_verify_reports_every_difference(sizer: Any, tmp_path: Path) -> None:
    """A total that is off by one and a wrong number of experts are both reported, with exit code 1."""
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG)
    outcome = sizer("catalog", "verify", "gpt-oss-20b", "--offline", "--catalog", path)
    assert outcome.code == 1
    assert [line.rstrip() for line in outcome.out.splitlines()] == [
        "1 of 1 entry checked, 1 different",
        "",
        "Different",
        "  openai/gpt-oss-20b",
        "    total parameters: 20,914,757,185 listed, 20,914,757,184 counted",
        "    routed experts: 64 listed, 32 counted",
    ]


def test_verify_names_what_it_could_not_check(sizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What cannot be reached is named with the reason, and is no success, alone or beside a checked entry."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    alone = sizer("catalog", "verify", "Qwen/Qwen3-8B", "--offline", "--json")
    (check,) = alone.json["report"]["checks"]
    assert (check["status"], check["code"], alone.code) == ("not checked", "hub.offline", 3)
    beside = sizer("catalog", "verify", "Qwen/Qwen3-8B", "gpt-oss-20b", "--offline")
    assert beside.code == 3
    assert "`Qwen/Qwen3-8B`" in beside.out
    assert beside.out.splitlines()[0] == "1 of 2 entries checked, all the same; 1 not checked, which is no pass"


def test_add_puts_a_counted_entry_in_its_place(sizer: Any, tmp_path: Path) -> None:
    """`add` counts the repository and writes a sorted, counted entry; comments and other lines stay."""
    path = tmp_path / "mine.yaml"
    path.write_text("# ours\n" + MINE.replace("me/Mine-3B", "zz/Mine-3B"))
    outcome = sizer("catalog", "add", "openai/gpt-oss-20b", "--catalog", path, "--offline", "--json")
    assert outcome.code == 0
    assert str(path) in outcome.err
    model = outcome.json["report"]["model"]
    assert (model["basis"], model["total_parameters"], model["active_parameters"]) == (
        "counted",
        20_914_757_184,
        4_187_440_704,
    )
    assert (model["family"], model["routed_experts"], model["experts_per_token"]) == ("gpt-oss", 32, 4)
    assert (model["context_tokens"], model["kv_cache_bytes_per_token"]) == (131_072, 24 * 2 * 8 * 64 * 2)
    text = path.read_text()
    assert text.startswith("# ours\nmodels:\n- id: openai/gpt-oss-20b\n")
    assert text.endswith(MINE.replace("me/Mine-3B", "zz/Mine-3B").removeprefix("models:\n"))
    assert sizer("catalog", "verify", "gpt-oss-20b", "--offline", "--catalog", path).code == 0


def test_add_goes_to_the_checkout_s_own_catalog(sizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file, a source checkout's own catalog is edited."""
    own = tmp_path / "data" / "model_catalog.yaml"
    own.parent.mkdir()
    own.write_text("models:\n")
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr("sizer.catalog.edit.data_path", lambda name: tmp_path / "data" / name)
    assert sizer("catalog", "add", "Qwen/Qwen3-0.6B", "--offline").code == 0
    assert "total_parameters: 596_049_920" in own.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["openai/gpt-oss-20b", "--task", "poetry"], 2, "usage.choice"),
        (["zz/Mine-3B"], 3, "hub.offline"),
        (["not a reference"], 2, "usage.reference"),
    ],
)
def test_what_cannot_be_added(
    sizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, error: str
) -> None:
    """A repository that cannot be read, or an unknown task, is a typed error, and no file is made."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    path = tmp_path / "mine.yaml"
    outcome = sizer("catalog", "add", *arguments, "--catalog", path, "--offline", "--json")
    assert (outcome.code, outcome.json["error"]["code"], path.exists()) == (code, error, False)


def test_a_second_add_is_refused(sizer: Any, tmp_path: Path) -> None:
    """A model that the file has is not added again, and the file stays as it is."""
    path = tmp_path / "mine.yaml"
    sizer("catalog", "add", "Qwen/Qwen3-0.6B", "--catalog", path, "--offline")
    before = path.read_text()
    outcome = sizer("catalog", "add", "Qwen/Qwen3-0.6B", "--catalog", path, "--offline")
    assert (outcome.code, path.read_text()) == (2, before)
    assert "line 2" in outcome.err


def test_narrow(sizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal no name and no number is cut."""
    monkeypatch.setenv("COLUMNS", "40")
    lines = sizer("catalog", "--family", "qwen3", "--max-total", "31B", "--min-total", "30B").out.splitlines()
    assert max(len(line) for line in lines) <= 40
    words = " ".join(line.strip() for line in lines)
    assert "Qwen/Qwen3-30B-A3B: 30.53 B total, 3.35 B active" in words
    assert "…" not in words


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("Qwen/Qwen3-30B-A3", "did you mean `Qwen/Qwen3-30B-A3B`? Or run once"),
        ("gpt-oss", "did you mean `openai/gpt-oss-20b`? Or run once"),
        ("nobody/Nothing", "or one of: "),
    ],
)
def test_offline_a_shipped_model_of_a_similar_name_is_proposed(sizer, monkeypatch, tmp_path, reference, hint):
    """A slip in a name is answered with the name that was meant; without one, all shipped models are listed."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    outcome = sizer("inspect", reference, "--offline")
    assert outcome.code == 3
    assert hint in outcome.err
