"""Every published figure about a counted model fits its count, or the difference has a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sizer.catalog.claims import Claim, Counts, Statements, reconcile
from sizer.catalog.models import find
from sizer.tables import convert, load_yaml


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One row of `claims_facts.yaml`: the fields of Counts, and the Hub's total."""

    id: str
    total: int
    active: int
    stored_elements: int
    weights_bytes: int
    active_compute: int | None = None
    active_without_embeddings: int | None = None
    input_embedding: int = 0
    output_head: int = 0
    prediction_layers: int = 0
    prediction_copies: int = 0
    towers: int = 0
    routed_experts: int | None = None
    routed_expert_parameters: int = 0
    tied_copy: int = 0
    buffers: int = 0
    scales: int = 0
    packing_gain: int = 0
    hub_total: int | None = None
    hub_source: str | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the Hub, the name, the catalog and the vendor say, beside the count."""
        counted = {key: value for key, value in vars(self).items() if key not in ("id", "hub_total", "hub_source")}
        stated = Statements(repository=self.id, hub_total=self.hub_total, entry=find(self.id))
        return reconcile(Counts(**counted), stated)


@dataclass(frozen=True, kw_only=True)
class Table:
    """The file."""

    models: tuple[Facts, ...]


PATH = Path(__file__).parent / "claims_facts.yaml"
FACTS: tuple[Facts, ...] = convert(load_yaml(PATH), Table, where=str(PATH)).models


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.id)
def test_every_claim_fits_or_is_explained(facts: Facts) -> None:
    """Each claim agrees with the count in some convention, or says why it does not."""
    assert facts.claims
    assert [found for found in facts.claims if not (found.agrees or found.reason)] == []


def test_only_these_claims_are_off() -> None:
    """Of all claims about the counted models four are off: the Hub's totals of copies, masks and packed bytes."""
    off = [(facts.id, found.source, found.reason) for facts in FACTS for found in facts.claims if not found.agrees]
    assert off == [
        ("google/gemma-4-26B-A4B", "Hub", "it counts the tied head twice (738.20 M); 2,334 stay unexplained"),
        (
            "nvidia/Qwen3-235B-A22B-NVFP4",
            "Hub",
            "it counts packed elements as parameters (116.90 B too few) and counts scales (14.61 B); "
            "73,132 stay unexplained",
        ),
        ("openai-community/gpt2", "Hub", "it counts buffers that are no parameters (12.58 M)"),
        ("Qwen/Qwen3-0.6B", "Hub", "it counts the tied head twice (155.58 M)"),
    ]


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.id)
def test_the_parts_make_up_what_is_stored(facts: Facts) -> None:
    """Parameters, copies, buffers and scales, less what packing saves, are the elements that the files store."""
    extra = facts.tied_copy + facts.buffers + facts.scales
    assert facts.total + extra - facts.packing_gain == facts.stored_elements


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.id)
def test_counted_entries_carry_these_counts(facts: Facts) -> None:
    """The catalog's counted entries hold the counts of the same headers."""
    entry = find(facts.id)
    assert entry.basis == "counted"
    assert (entry.total_parameters, entry.active_parameters) == (facts.total, facts.active)


def test_active_figures_fit_as_vendors_mean_them() -> None:
    """The convention of each vendor's active figure is the one that its figures are known to follow."""
    conventions = {
        facts.id.rpartition("/")[2]: found.convention
        for facts in FACTS
        for found in facts.claims
        if found.source == "vendor" and found.kind == "active"
    }
    expected = {
        "everything in": "Jamba-v0.1 OLMoE-1B-7B-0924 Llama-4-Scout-17B-16E-Instruct Qwen3-30B-A3B Qwen3.5-397B-A17B "
        "Phi-3.5-MoE-instruct Mixtral-8x7B-v0.1 NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
        "input embedding out": "gpt-oss-20b gpt-oss-120b DeepSeek-V3 DeepSeek-V3.2 DeepSeek-V2-Lite Kimi-K2-Instruct "
        "MiniMax-M2.5",
        "both embeddings out": "MiniMax-Text-01-hf GLM-4.5-Air Qwen3-Next-80B-A3B-Instruct "
        "granite-3.1-3b-a800m-instruct",
    }
    for convention, models in expected.items():
        assert {name: conventions[name] for name in models.split()} == dict.fromkeys(models.split(), convention)
