"""vLLM Semantic Router: a two-model configuration with one complexity signal.

Its signal compares a prompt with example prompts in an embedding space; the examples are the labelled prompts
that our router is surest about and that the labels confirm. Its threshold is on its own scale and stays its default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sizer.routing.calibration.labels import Labels, choose_pair
from sizer.routing.calibration.text_router import TextRouter
from sizer.routing.exports.report import ExportReport

__all__ = ["example_prompts", "export_vllm_sr"]

_EXAMPLES = 8
_LONGEST = 500


def example_prompts(router: TextRouter, labels: Labels) -> tuple[list[str], list[str]]:
    """(hard, easy): labelled prompts whose outcomes agree with the router, the surest first.

    Hard: only the large model was better. Easy: the small one was no worse. Long prompts are left out.
    """
    low, high = choose_pair(labels)
    rows = sorted(
        (
            (router.score(prompt), prompt, strong > weak)
            for prompt, weak, strong in zip(labels.prompts, labels.outcomes[low], labels.outcomes[high], strict=True)
            if len(prompt) <= _LONGEST
        ),
        key=lambda row: (row[0], row[1]),
    )
    hard = [prompt for _, prompt, is_hard in reversed(rows) if is_hard]
    easy = [prompt for _, prompt, is_hard in rows if not is_hard]
    return list(dict.fromkeys(hard))[:_EXAMPLES], list(dict.fromkeys(easy))[:_EXAMPLES]


def export_vllm_sr(
    *, small: str, large: str, hard: Sequence[str], easy: Sequence[str], warnings: Sequence[str] = ()
) -> ExportReport:
    """The canonical v0.3 configuration, valid under `vllm-sr config validate` of vllm-sr 0.4.0."""
    notes = [
        *warnings,
        "endpoints are placeholders: set backend_refs to yours",
        "the signal's threshold is vLLM-SR's default, on its own score: our threshold does not travel. Check the share "
        "that it sends up, and set signals.complexity[].threshold from it",
    ]
    if not hard or not easy:
        notes.append("examples are placeholders: export with --labels to take them from your labels")
    hard = hard or ["replace with prompts that only the large model answers well"]
    easy = easy or ["replace with prompts that the small model answers well"]
    lines = [f"# {note}" for note in notes]
    lines += [
        "version: v0.3", "listeners:", '  - name: "http-8899"', '    address: "0.0.0.0"', "    port: 8899",
        '    timeout: "300s"', "providers:", "  defaults:", f"    model: {_text(small)}", "  models:",
    ]  # fmt: skip
    for port, model in ((8000, small), (8001, large)):
        lines += [
            f"    - name: {_text(model)}", "      backend_refs:", '        - name: "primary"',
            "          provider: vllm", f'          endpoint: "host.docker.internal:{port}"',
            '          protocol: "http"', "          weight: 100",
        ]  # fmt: skip
    lines += ["routing:", "  modelCards:", f"    - name: {_text(small)}", f"    - name: {_text(large)}"]
    lines += ["  signals:", "    complexity:", '      - name: "difficulty"']
    for kind, prompts in (("hard", hard), ("easy", easy)):
        lines += [f"        {kind}:", "          candidates:", *(f"            - {_text(text)}" for text in prompts)]
    lines += ["  decisions:"]
    lines += _decision("hard-to-large", "Hard prompts go to the large model.", 200, large, "difficulty:hard")
    lines += _decision("rest-to-small", "Everything else goes to the small model.", 100, small, "")
    return ExportReport(target="vllm-sr", text="\n".join(lines) + "\n", notes=tuple(notes))


def _decision(name: str, description: str, priority: int, model: str, signal: str) -> list[str]:
    conditions = (
        ["        conditions:", '          - type: "complexity"', f"            name: {_text(signal)}"]
        if signal
        else ["        conditions: []"]
    )
    return [
        f"    - name: {_text(name)}", f"      description: {_text(description)}", f"      priority: {priority}",
        "      rules:", '        operator: "AND"', *conditions, "      modelRefs:", f"        - model: {_text(model)}",
        "          use_reasoning: false",
    ]  # fmt: skip


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=True)
