"""`sizer devices`: what `--on` may name."""

from __future__ import annotations

import pytest

from sizer.sizing.hardware import load_devices, parse_target


def test_every_device_is_listed_once(sizer):
    """Without words all devices are there, and each key is one that `--on` takes."""
    report = sizer("devices", "--json").json["report"]
    keys = [row["device"]["key"] for row in report["devices"]]
    assert sorted(keys) == [device.key for device in load_devices()]
    assert report["known"] == len(keys)
    assert all(parse_target(key).device is not None for key in keys)


def test_words_narrow_the_list(sizer):
    """Every word must be in the key, an alias or the name, however it is written."""
    for words in (["rtx", "4090"], ["RTX 4090"], ["rtx-4090"]):
        (row,) = sizer("devices", *words, "--json").json["report"]["devices"]
        assert (row["device"]["key"], row["available_basis"]) == ("rtx-4090", "declared")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["mac", "96"], ["m3-ultra", "m3-max", "m2-max"]),
        (["apple", "m4", "max"], ["m4-max"]),
        (["edge", "thor"], ["jetson-agx-thor"]),
    ],
)  # fmt: skip
def test_words_may_be_a_kind_or_a_size(sizer, words, found):
    """A Mac is of the kind `apple`, and a size that a machine is sold with finds it."""
    rows = sizer("devices", *words, "--json").json["report"]["devices"]
    assert [row["device"]["key"] for row in rows] == found


def test_a_kind_narrows_it_too(sizer):
    """Only phones, each with an assumed share of its memory."""
    rows = sizer("devices", "--kind", "phone", "--json").json["report"]["devices"]
    assert {row["device"]["kind"] for row in rows} == {"phone"}
    assert {row["available_basis"] for row in rows} == {"estimated"}


@pytest.mark.parametrize(
    ("arguments", "code"), [(["abacus"], "usage.device"), (["--kind", "mainframe"], "usage.choice")]
)
def test_bad_input_is_named(sizer, arguments, code):
    """A word that no device has and a kind that is none end with 2."""
    outcome = sizer("devices", *arguments, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, code)


@pytest.mark.parametrize("command", [("fit",), ("inspect", "openai/gpt-oss-20b", "--offline")])
def test_an_unknown_device_points_at_the_list(sizer, command):
    """A misspelt device is answered with close names and the command that lists all."""
    outcome = sizer(*command, "--on", "h1000")
    assert outcome.code == 2
    assert "did you mean `h100`" in outcome.err
    assert "`sizer devices`" in outcome.err


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_stays_within_the_screen(sizer, monkeypatch, width):
    """No line is wider than the screen, and no figure is cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    out = sizer("devices").out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= width
    assert "…" not in out
    assert "..." not in out
