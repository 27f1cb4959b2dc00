from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from sizer.errors import UsageError
from sizer.sizing.hardware import device_problems, find_device, load_devices, parse_target
from sizer.units import parse_bytes

GIB = 2**30


def test_the_table_has_at_least_45_devices_of_every_kind():
    """Data centre, workstation, consumer, Apple, phone, edge and CPU are all there."""
    devices = load_devices()
    assert len(devices) >= 45
    assert {device.kind for device in devices} == {
        "data-centre", "workstation", "consumer", "apple", "phone", "edge", "cpu",
    }  # fmt: skip


def test_the_table_holds_to_its_own_rules():
    """No name twice, sorted, positive figures, a source behind every measured amount and every price."""
    assert device_problems(load_devices()) == []


def test_every_figure_has_a_source_and_a_date():
    """A row, a usable amount and a price each say where and when they were read."""
    for device in load_devices():
        assert device.source
        assert device.checked >= datetime.date(2026, 11, 1)
        assert device.price is None or (device.price.source and device.price.checked.year >= 2026)


def test_a_broken_row_is_found():
    """A device listed twice, out of order, with more usable memory than there is or unsourced sizes is reported."""
    one, two = load_devices()[:2]
    assert any("used twice" in problem for problem in device_problems([one, one]))
    assert any("sorted by key" in problem for problem in device_problems([two, one]))
    broken = replace(one, usable_bytes=one.memory_bytes * 2, usable_source="x")
    assert any("more is usable" in problem for problem in device_problems([broken]))
    broken = replace(one, sold_gib=(one.memory_bytes // 2**30,), sold_source=None)
    assert any("sold_gib and sold_source go together" in problem for problem in device_problems([broken]))


@pytest.mark.parametrize(
    ("text", "devices", "available"),
    [
        ("h100", 1, 81_559 * 2**20),
        ("2xh100", 2, 2 * 81_559 * 2**20),
        ("8 x H100", 8, 8 * 81_559 * 2**20),
        ("RTX 4090", 1, 24_564 * 2**20),
        ("memory=24GB", 1, 24_000_000_000),
        ("2xmemory=24GiB", 2, 2 * 24 * GIB),
        ("m4-max,memory=64GiB", 1, 48 * GIB),
        ("m4-max,memory=64GB", 1, 48 * GIB),
        ("m4-max 64", 1, 48 * GIB),
        ("m4-max,memory=36GB", 1, 24 * GIB),
        ("rtx4090", 1, 24_564 * 2**20),
        ("M4Max", 1, 96 * GIB),
        ("t4", 1, int(16 * GIB * 0.96)),
    ],
)
def test_targets(text, devices, available):
    """A device, a number of them or an amount; measured memory first, else 96 % of it, Apple's GPU three quarters.

    A size that a machine is sold with means that machine; of 36 GiB Apple's GPU has two thirds.
    """
    target = parse_target(text)
    assert (target.devices, target.available_bytes) == (devices, available)


def test_bandwidth_can_be_given_with_an_amount():
    """An unknown machine gets a speed when its bandwidth is given."""
    target = parse_target("memory=96GB,bandwidth=1.2TB/s")
    assert target.device is not None
    assert target.device.bandwidth_bytes_per_second == 1_200_000_000_000


@pytest.mark.parametrize(
    ("text", "basis"),
    [("rtx-4090", "declared"), ("m4-max", "declared"), ("m4-max,memory=64GB", "estimated"), ("memory=24GB", "asked")],
)
def test_only_what_was_measured_is_declared(sizer, text, basis):
    """A share of another amount was measured by nobody; the text and the JSON say the same."""
    asked = ("inspect", "openai/gpt-oss-20b", "--offline", "--on", text)
    (fit,) = sizer(*asked, "--json").json["report"]["fit"]
    assert fit["available_basis"] == parse_target(text).available_basis == basis
    assert f"usable ({'as asked' if basis == 'asked' else basis}" in sizer(*asked).out


@pytest.mark.parametrize(
    ("asked", "nearest"), [("65GB", "64GB"), ("640GB", "128GB"), ("1GB", "36GB"), ("60GiB", "64GB")]
)
def test_no_machine_is_sold_with_another_amount(sizer, asked, nearest):
    """An M4 Max is sold with four sizes: another is refused with these, the nearest of them and the amount alone."""
    refused = sizer("fit", "--on", f"m4-max,memory={asked}", "--json")
    error = refused.json["error"]
    assert (refused.code, error["details"]["sold_gib"]) == (2, ["36", "48", "64", "128"])
    assert f"memory={nearest}, or the amount alone: memory=" in error["hint"]
    assert parse_target(error["hint"].partition("alone: ")[2]).available_bytes == pytest.approx(
        parse_bytes(asked, name="asked"), rel=1e-3
    )


def test_another_amount_on_a_card_is_taken_as_given(sizer):
    """A card whose sizes are not known has what was asked for, in the GiB that cards are sold in, with a warning."""
    taken = sizer("fit", "--on", "rtx-4090,memory=48GB", "--json")
    report = taken.json["report"]
    assert (taken.code, report["name"], report["memory_bytes"]) == (0, "NVIDIA RTX 4090 48 GB", 48 * GIB)
    assert "the table has 24.0 GiB for rtx-4090; taken as given (48.0 GiB)" in taken.err


@pytest.mark.parametrize("text", ["h100,memory=80GB", "h100,memory=80GiB", "h100"])
def test_a_card_s_own_size_is_the_card(text):
    """The 80 GB of an H100's name are 80 GiB, and whoever repeats them means the card."""
    target = parse_target(text)
    assert (target.name, target.memory_bytes, target.doubt) == ("NVIDIA H100 SXM 80 GB", 80 * GIB, "")
    assert target.available_basis == "declared"


def test_a_place_says_what_was_taken_in_both_units(sizer):
    """The first line of `fit` has the usable bytes in GB and, of the whole, in GiB; the last explains the units."""
    lines = sizer("fit", "--on", "m4-max,memory=64GB").out.splitlines()
    assert "Apple M4 Max 64 GB (51.54 GB usable, 48.0 of 64.0 GiB)" in lines[0]
    assert "GB are 10^9 bytes; those in a device's name are GiB, 2^30." in " ".join(lines)
    assert "24.00 GB of memory (22.4 GiB)" in sizer("fit", "--on", "memory=24GB").out


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("h900", "did you mean"),
        ("0xh100", "write `h100`"),
        ("", "write `h100`"),
        ("memory=lots", "write --on memory"),
        ("24GB", "write --on memory=24GB"),
        ("memory=24", "write memory=24GB"),
        ("h100,memory=64", "write memory=64GB"),
        ("h100,colour=red", "write `h100`"),
        ("bandwidth=1TB", "write `h100`"),
        ("99999xh100", "write `h100`"),
    ],
)
def test_bad_targets_say_what_to_write(text, hint):
    """What is not a device or an amount is a usage error with the next thing to try."""
    with pytest.raises(UsageError) as error:
        parse_target(text)
    assert hint in error.value.hint


def test_aliases_name_the_same_device():
    """`a100-80gb` is the A100 of 80 GB."""
    assert find_device("A100_80GB").key == "a100"
