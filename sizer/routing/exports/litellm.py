"""LiteLLM's complexity router: write its configuration, and refuse a wrong one, which its parser does not.

A threshold belongs to one score. LiteLLM scores prompts with its own heuristic, so our threshold does not travel:
its boundaries are taken from the scores that it has logged, and without those only the tiers are written.
"""

from __future__ import annotations

import datetime
import difflib
import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sizer.errors import UsageError
from sizer.routing.calibration.shares import cut_for_share
from sizer.routing.exports.report import ConfigCheck, ExportReport
from sizer.tables import load_table, load_yaml
from sizer.values import frozen

__all__ = ["boundaries_for", "check_complexity_config", "check_file", "export_litellm"]

ROUTER_MODEL = "auto_router/complexity_router"


@frozen
class _Contract:
    """`data/litellm_complexity_router.yaml`."""

    source: str
    checked: datetime.date
    tiers: list[str]
    boundaries: dict[str, float]
    keys: list[str]


def _contract() -> _Contract:
    contract: _Contract = load_table("litellm_complexity_router.yaml", _Contract)
    return contract


def boundaries_for(scores: Sequence[float], large_share: float) -> dict[str, float]:
    """Tier boundaries at which LiteLLM's own logged scores, many of which are equal, send at most `large_share` up.

    SIMPLE and MEDIUM go to the small model, so only the middle boundary decides; the others keep their
    distance. Raises UsageError where the scores are all alike.
    """
    ranked = sorted(scores)
    if ranked[0] == ranked[-1]:
        raise UsageError(
            "the logged routing scores are all alike", code="route.export",
            because=f"all {len(ranked):,} are {ranked[0]:g}", hint="export without --log: tiers only",
        )  # fmt: skip
    middle = cut_for_share(ranked, large_share)
    defaults = _contract().boundaries
    low, high = defaults["medium_complex"] - defaults["simple_medium"], defaults["complex_reasoning"]
    return {
        "simple_medium": round(middle - low, 6),
        "medium_complex": math.floor(middle * 1e6) / 1e6,
        "complex_reasoning": round(max(high, middle + low), 6),
    }


def export_litellm(
    *,
    small: str,
    large: str,
    scores: Sequence[float],
    large_share: float,
    name: str = "sizer-route",
    warnings: Sequence[str] = (),
) -> ExportReport:
    """The proxy's `model_list` with both models and the router between them.

    `scores` are LiteLLM's own logged routing scores; without any, boundaries are left to its defaults.
    """
    tiers = {"SIMPLE": small, "MEDIUM": small, "COMPLEX": large, "REASONING": large}
    config: dict[str, Any] = {"classifier_type": "heuristic", "tiers": tiers, "default_model": large}
    notes = [*warnings]
    if scores:
        config["tier_boundaries"] = boundaries_for(scores, large_share)
        middle = config["tier_boundaries"]["medium_complex"]
        sent = sum(score >= middle for score in scores) / len(scores)
        notes.append(
            f"tier_boundaries send {sent:.1%} of {len(scores):,} logged requests up, of {large_share:.1%} at most; the "
            "quality at that share was measured for our router, not for LiteLLM's score: check it on labels"
        )
    else:
        notes.append(
            "only tiers: a threshold of ours means nothing on LiteLLM's score. Log its routing_decision.score for a "
            "while and export again with --log to set tier_boundaries"
        )
    check_complexity_config(config, where=name)
    lines = ["model_list:"]
    for model in (small, large):
        lines += [f"  - model_name: {_text(model)}", "    litellm_params:", f"      model: {_text(model)}"]
    lines += [
        f"  - model_name: {_text(name)}",
        "    litellm_params:",
        f"      model: {ROUTER_MODEL}",
        f"      complexity_router_default_model: {_text(large)}",
        "      complexity_router_config:",
        *_yaml(config, 8),
    ]
    comment = [f"# {note}" for note in notes]
    return ExportReport(target="litellm", text="\n".join([*comment, *lines]) + "\n", notes=tuple(notes))


def check_file(path: Path) -> ConfigCheck:
    """The complexity routers of a proxy configuration, if all are right.

    Raises UsageError for a key that LiteLLM does not have, a tier that does not exist, boundaries out of order,
    or a file without such a router.
    """
    document = load_yaml(path)
    models = document.get("model_list") if isinstance(document, Mapping) else None
    found = []
    for entry in models if isinstance(models, list) else []:
        params = entry.get("litellm_params", {}) if isinstance(entry, Mapping) else {}
        if isinstance(params, Mapping) and params.get("model") == ROUTER_MODEL:
            name = str(entry.get("model_name"))
            check_complexity_config(params.get("complexity_router_config"), where=f"{path}: {name}")
            found.append(name)
    if not found:
        raise _wrong(
            str(path), f"no entry of its model_list has the model {ROUTER_MODEL}", "give a proxy's config.yaml"
        )
    return ConfigCheck(file=str(path), routers=tuple(found))


def check_complexity_config(config: Any, *, where: str) -> None:
    """Refuse what LiteLLM would accept and misread. Raises UsageError."""
    contract = _contract()
    if not isinstance(config, Mapping):
        raise _wrong(where, "complexity_router_config is not a mapping", "give tiers and their models")
    for key in config:
        if key not in contract.keys:
            close = difflib.get_close_matches(str(key), contract.keys, n=1)
            raise _wrong(
                where, f"`{key}` is no key of the complexity router ({contract.source})",
                f"did you mean `{close[0]}`?" if close else "leave it out",
            )  # fmt: skip
    tiers = config.get("tiers", {})
    if "tier_definitions" not in config:
        for tier in tiers if isinstance(tiers, Mapping) else [tiers]:
            if tier not in contract.tiers:
                raise _wrong(where, f"`{tier}` is no tier", f"tiers are {', '.join(contract.tiers)}")
    given = config.get("tier_boundaries", {})
    if not isinstance(given, Mapping) or set(given) - set(contract.boundaries):
        raise _wrong(where, "tier_boundaries has other keys", f"they are {', '.join(contract.boundaries)}")
    values = [(name, given.get(name, default)) for name, default in contract.boundaries.items()]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for _, value in values):
        raise _wrong(where, "a tier boundary is not a number", "give numbers")
    for (low, below), (high, above) in pairwise(values):
        if not below < above:
            raise _wrong(
                where, f"tier boundaries are out of order: {low} is {below:g} and {high} is {above:g}",
                "boundaries ascend: simple_medium < medium_complex < complex_reasoning (unset ones are the defaults)",
            )  # fmt: skip


def _wrong(where: str, why: str, hint: str) -> UsageError:
    return UsageError(f"`{where}` is not a right LiteLLM configuration", code="route.export", because=why, hint=hint)


def _text(value: str) -> str:
    return json.dumps(value)


def _yaml(config: Mapping[str, Any], indent: int) -> list[str]:
    """A mapping of text, numbers and one level of mappings, as YAML lines."""
    lines = []
    for key, value in config.items():
        if isinstance(value, Mapping):
            lines += [f"{' ' * indent}{key}:", *_yaml(value, indent + 2)]
        else:
            lines.append(f"{' ' * indent}{key}: {json.dumps(value)}")
    return lines
