"""A saved router applied to a log or to stdin: one score and one decision a prompt."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from sizer.errors import UsageError
from sizer.routing.calibration.shares import cut_for_share
from sizer.routing.calibration.text_router import load_router
from sizer.routing.traffic.reader import last_user_text
from sizer.routing.traffic.report import Decision, ScoreReport
from sizer.routing.traffic.rows import Form, as_text, is_table, open_log, read_batches, sniff
from sizer.routing.traffic.schemas import known_schemas, look_up

__all__ = ["logged_scores", "read_prompts", "score_prompts"]

_PROMPTS = ("prompt", "origin_query", "question", "query")


def read_prompts(path: str) -> Iterator[str]:
    """The prompt of every row, `""` where a row has none: the last user turn of a log's messages, a `prompt` column,
    or a line of plain text. `-` is stdin."""
    paths: list[tuple[str, ...]] = [(name,) for name in _PROMPTS]
    paths += [place for schema in known_schemas() for place in schema.paths("text")]
    with open_log(path) as stream:
        form, lines = sniff(stream, path)
        if form.kind == "csv" and not is_table(path):
            head = next(lines, b"")
            names = {name.strip("\"' \r\n") for name in head.decode("utf-8", "replace").split(form.delimiter)}
            lines = itertools.chain([head], lines)
            if not names & {place[0] for place in paths}:  # text with commas in it
                form = Form(kind="lines")
        if form.kind != "lines":
            for batch in read_batches(lines, path, form):
                yield from (_prompt(row, paths) for row in batch)
            return
        for line in as_text(lines):
            if line.lstrip()[:1] == "{":
                try:
                    yield _prompt(json.loads(line), paths)
                    continue
                except (ValueError, RecursionError):
                    pass
            if not line.isspace():
                yield line.strip()


def _prompt(row: object, paths: list[tuple[str, ...]]) -> str:
    for place in paths:
        if (value := look_up(row, place)) is not None and (text := last_user_text(value)):
            return text
    return ""


def logged_scores(path: str) -> list[float]:
    """LiteLLM's own routing scores in a log. Raises UsageError where it has none."""
    places = [place for schema in known_schemas() for place in schema.paths("score")]
    scores = []
    with open_log(path) as stream:
        for batch in read_batches(stream, path):
            for row in batch:
                value = next((found for place in places if (found := look_up(row, place)) is not None), None)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    scores.append(float(value))
    if not scores:
        raise UsageError(
            f"`{path}` has no routing scores", code="route.export",
            because="none of its rows has routing_decision.score", hint="export without --log: tiers only",
        )  # fmt: skip
    return scores


def score_prompts(
    router_path: Path, prompts: Iterator[str], *, threshold: float | None, most_large: float | None
) -> ScoreReport:
    """Every prompt's score and model. The threshold is the saved one, the one given, or, for `most_large`, the
    quantile of these scores: how many go up needs no labels.

    Raises UsageError where the router cannot be read or no row has text.
    """
    router, facts = load_router(router_path)
    try:
        small, large, saved = str(facts["small"]), str(facts["large"]), float(facts["threshold"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"`{router_path}` does not say between which models it decides", code="usage.router",
            because=f"{type(error).__name__}: {error}", hint="save it again with `sizer route calibrate --save`",
        ) from error  # fmt: skip
    without = 0
    scores = []
    for prompt in prompts:
        if prompt:
            scores.append(router.score(prompt))
        else:
            without += 1
    if not scores:
        raise UsageError(
            "no row has a prompt to score", code="route.no_rows",
            because=f"{without:,} rows have none: many gateways do not log texts by default",
            hint="give rows with `prompt` or `messages`, or lines of text",
        )  # fmt: skip
    ranked = sorted(scores)
    cut, source = saved, "the saved router's"
    if threshold is not None:
        cut, source = threshold, "--threshold"
    elif most_large is not None:
        cut = cut_for_share(ranked, most_large)
        source = f"quantile of these scores for {most_large:.1%}"
    return ScoreReport(
        router=str(router_path),
        small=small,
        large=large,
        threshold=cut,
        threshold_from=source,
        prompts=len(scores),
        without_text=without,
        large_share=sum(score >= cut for score in scores) / len(scores),
        scores_p5=ranked[int(0.05 * (len(ranked) - 1))],
        scores_p50=ranked[int(0.5 * (len(ranked) - 1))],
        scores_p95=ranked[int(0.95 * (len(ranked) - 1))],
        verdict=str(facts.get("verdict", "")),
        decisions=tuple(Decision(score=score, model=large if score >= cut else small) for score in scores),
    )
