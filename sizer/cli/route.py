"""`sizer route`: what routing costs and saves."""

# ruff: noqa: B008 - Typer reads options from the defaults
from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from sizer.cli.options import Json, command_app
from sizer.cli.output import emit, failed_gates, note, progress
from sizer.errors import UsageError
from sizer.routing.extras import require_numpy
from sizer.routing.request import RouteRequest, build_scenario

__all__ = ["app"]

app = command_app()


def _option(name: str, text: str, metavar: str) -> Any:
    """A text option; what it means is parsed in `sizer.routing.request`, where the messages are."""
    return typer.Option("", name, help=text, metavar=metavar, show_default=False)


@app.callback(invoke_without_command=True)
def route(
    context: typer.Context,
    small: str = _option("--small", "The small model: a price list's id or HOST:ID.", "REF"),
    large: str = _option("--large", "The large model.", "REF"),
    requests: str = _option("--requests", "Volume: 1M/day, 20/s, 300k/month. [1M/day]", "N/PERIOD"),
    tokens: str = _option("--tokens", "Tokens of a request, in and out. [500:200]", "IN:OUT"),
    hard_share: str = _option("--hard-share", "Share only the large model answers well. [20%]", "SHARE"),
    cached_share: str = _option("--cached-share", "Share of the prompt a cache serves. [0]", "SHARE"),
    small_price: str = _option("--small-price", "Dollars per million tokens, by hand.", "IN:OUT[:CACHED]"),
    large_price: str = _option("--large-price", "Dollars per million tokens, by hand.", "IN:OUT[:CACHED]"),
    prices: str = _option("--prices", "A price list: genai-prices data or LiteLLM's cost map.", "FILE"),
    at: str = _option("--at", "The day for which prices are taken. [today]", "DATE"),
    small_verbosity: str = _option("--small-verbosity", "Its output tokens over --tokens. [1]", "FACTOR"),
    large_verbosity: str = _option("--large-verbosity", "Its output tokens over --tokens. [1]", "FACTOR"),
    router: str = _option("--router", "perfect, text, length, random, or a saved one. [text]", "NAME"),
    false_hard: str = _option("--false-hard", "Your router: share of easy requests sent up.", "SHARE"),
    false_easy: str = _option("--false-easy", "Your router: share of hard requests sent down.", "SHARE"),
    large_share: str = _option("--large-share", "Send this share up. [as many as are hard]", "SHARE"),
    target_quality: str = _option("--target-quality", "Send up what keeps this quality.", "SHARE"),
    router_cost: str = _option("--router-cost", "Dollars per decision.", "USD"),
    router_latency: str = _option("--router-latency", "Seconds per decision.", "SECONDS"),
    fixed_cost: str = _option("--fixed-cost", "Dollars a month for running the router.", "USD"),
    retried: str = _option("--retried", "Share of bad small answers noticed and asked again.", "SHARE"),
    needless: str = _option("--needless", "Share of fine small answers asked again.", "SHARE"),
    cascade: bool = typer.Option(False, "--cascade", help="Ask the small model first, verify, escalate."),
    detected: str = _option("--detected", "Cascade: share of bad answers detected. [1]", "SHARE"),
    verifier_cost: str = _option("--verifier-cost", "Cascade: dollars per check.", "USD"),
    verifier_latency: str = _option("--verifier-latency", "Cascade: seconds per check.", "SECONDS"),
    large_quality: str = _option("--large-quality", "Share the large model answers well. [1]", "SHARE"),
    only_small: str = _option("--only-small", "Share only the small model answers well. [0]", "SHARE"),
    self_host: str = _option("--self-host", "Run it on your GPUs: small, large or both.", "WHICH"),
    gpu_hour: str = _option("--gpu-hour", "Dollars per GPU hour.", "USD"),
    rps: str = _option("--rps", "Requests per second that a replica sustains.", "N"),
    gpus: str = _option("--gpus", "GPUs of a replica. [1]", "N"),
    utilisation: str = _option("--utilisation", "Mean over peak load. [0.6]", "SHARE"),
    small_latency: str = _option("--small-latency", "Seconds, median and 95th percentile.", "P50:P95"),
    large_latency: str = _option("--large-latency", "Seconds, median and 95th percentile.", "P50:P95"),
    distil_labels: str = _option("--distil-labels", "Distil: answers bought from the large model.", "N"),
    distil_gpu_hours: str = _option("--distil-gpu-hours", "Distil: GPU hours of training.", "HOURS"),
    judge_cost: str = _option("--judge-cost", "Distil: dollars to check one answer.", "USD"),
    log: list[str] = typer.Option([], "--log", help="JSONL, CSV, Parquet, gz, a glob or -.", metavar="LOG"),
    columns: str = _option("--columns", "Columns of the log: model=A,input=B,output=C,...", "NAME=COLUMN,..."),
    sessions: bool = typer.Option(False, "--sessions", help="Follow sessions in logs of over 5 M rows too."),
    labels: str = _option("--labels", "Labelled outcomes, for the hard share of the log.", "FILE"),
    emit_sql: str = _option("--emit-sql", "Print the aggregate for spark, trino, bigquery, ...", "DIALECT"),
    table: str = _option("--table", "The table of --emit-sql. [LiteLLM's]", "NAME"),
    histogram: str = _option("--histogram", "The result of --emit-sql, as CSV.", "FILE"),
    switches: str = _option("--switches", "The result of its second statement.", "FILE"),
    fail_if: list[str] = typer.Option([], "--fail-if", help="Exit 1 if this holds: 'saving<0.3'.", metavar="GATE"),
    as_json: Json = False,
) -> None:
    """What routing between a small and a large model really costs and saves."""
    if context.invoked_subcommand is not None:
        return
    given = {key: value for key, value in context.params.items() if key in RouteRequest.__dataclass_fields__}
    if emit_sql:
        _sql(emit_sql, table, columns, as_json)
        return
    if (columns or sessions or labels) and not log and not (labels and histogram):
        raise UsageError("--columns, --sessions and --labels belong to --log", code="usage.arguments", hint="add --log")
    if log and histogram:
        raise UsageError("--log and --histogram exclude each other", code="usage.arguments", hint="give one")
    request = RouteRequest(**given)
    if log or histogram:
        from sizer.routing.traffic.answer import refuse_beside_log

        refuse_beside_log(request)
    _simulated(request, fail_if, as_json, lambda: _traffic(log, columns, sessions, histogram, switches), labels)


def _simulated(
    request: RouteRequest, conditions: list[str], as_json: bool, read: Callable[[], Any], labels: str
) -> None:
    """Refuse what can be refused, read the log if there is one, and print what comes out."""
    from sizer.routing.gates import check_gates, parse_gates
    from sizer.routing.simulate import SHORT_NAMES, RouteReport, simulate

    gates = parse_gates(conditions, RouteReport, SHORT_NAMES)
    found = read()
    today = datetime.date.today()
    if found is None:
        report = simulate(build_scenario(request, today=today))
    else:
        from sizer.routing.traffic.answer import answer_for_log

        traffic, files = found
        report = answer_for_log(request, traffic, files=files, labels=labels, today=today)
    _emit_gated("route", report, "route", "route_view", check_gates(gates, report, SHORT_NAMES), as_json)


def _traffic(log: list[str], columns: str, sessions: bool, histogram: str, switches: str) -> Any:
    """(traffic, files) of a log or of another engine's result; None where neither was given."""
    if not log and not histogram:
        return None
    from sizer.routing.traffic.collect import collect_logs, load_histogram

    if histogram:
        return load_histogram(histogram, switches), 0
    found = collect_logs(log, columns=columns, sessions=sessions or None, progress=progress)
    progress("")
    return found


def _sql(name: str, table: str, columns: str, as_json: bool) -> None:
    """Print the statements for another engine."""
    from sizer.render.views.traffic import sql_view
    from sizer.routing.traffic.statements import statements

    emit("route", statements(name, table, columns), sql_view, as_json=as_json)


@app.command(short_help="What a router is worth on your own labelled outcomes.")
def calibrate(
    labels: Annotated[list[str], typer.Argument(help="CSV or JSONL: `prompt` and one outcome column per model.")],
    small: str = _option("--small", "The column to send easy prompts to. [lowest mean]", "COLUMN"),
    large: str = _option("--large", "The column to send hard prompts to. [highest mean]", "COLUMN"),
    small_price: str = _option("--small-price", "Dollars per million tokens, by hand.", "IN:OUT"),
    large_price: str = _option("--large-price", "Dollars per million tokens, by hand.", "IN:OUT"),
    prices: str = _option("--prices", "A price list: genai-prices data or LiteLLM's cost map.", "FILE"),
    tokens: str = _option("--tokens", "Tokens of a request, in and out. [from the prompts]", "IN:OUT"),
    group: str = _option("--group", "The column with the subject of a prompt.", "COLUMN"),
    target_quality: str = _option("--target-quality", "Keep this share of the large model's quality.", "SHARE"),
    max_strong: str = _option("--max-strong", "Send at most this share to the large model.", "SHARE"),
    value_per_correct: str = _option("--value-per-correct", "What one more good answer is worth.", "USD"),
    seed: str = _option("--seed", "Of the folds and the resampling. [0]", "N"),
    save: str = _option("--save", "Write the router, trained on all labels.", "FILE"),
    fail_if: list[str] = typer.Option([], "--fail-if", help="Exit 1 if this holds: 'apgr<0.6'.", metavar="GATE"),
    as_json: Json = False,
) -> None:
    """What a router is worth on your own labelled outcomes, or that it is worth nothing."""
    require_numpy()
    from dataclasses import replace

    from sizer import units
    from sizer.routing.calibration.calibrate import calibrate
    from sizer.routing.calibration.labels import read_labels
    from sizer.routing.calibration.pricing import price_columns
    from sizer.routing.calibration.report import SHORT_NAMES, CalibrationReport
    from sizer.routing.calibration.saved import save_calibration
    from sizer.routing.gates import check_gates, parse_gates

    gates = parse_gates(fail_if, CalibrationReport, SHORT_NAMES)
    target = _target(target_quality, max_strong, value_per_correct)
    outcomes = read_labels([Path(path) for path in labels], group=group)
    report, router = calibrate(
        outcomes,
        small=small,
        large=large,
        costs=lambda low, high: price_columns(
            outcomes, low, high, tokens=tokens, small_price=small_price, large_price=large_price,
            price_file=prices, at=datetime.date.today(),
        ),
        target=target,
        seed=units.parse_count(seed or "0", name="--seed"),
        progress=progress,
    )  # fmt: skip
    progress("")
    if save:
        save_calibration(report, router, Path(save))
        report = replace(report, saved=save)
    _emit_gated(
        "route calibrate", report, "calibration", "calibration_view", check_gates(gates, report, SHORT_NAMES), as_json
    )


def _target(quality: str, most_large: str, value: str) -> Any:
    from sizer import units
    from sizer.routing.calibration.report import Target

    if sum(map(bool, (quality, most_large, value))) > 1:
        raise UsageError(
            "--target-quality, --max-strong and --value-per-correct exclude each other",
            code="usage.arguments",
            hint="give one of them",
        )
    return Target(
        quality=units.parse_share(quality, name="--target-quality") if quality else None,
        most_large=units.parse_share(most_large, name="--max-strong") if most_large else None,
        usd_per_correct=units.parse_number(value, name="--value-per-correct", minimum=1e-12) if value else None,
    )


def _emit_gated(command: str, report: Any, module: str, view_name: str, results: Any, as_json: bool) -> None:
    """Print a report with the results of its gates, and end with 1 where one failed."""
    from dataclasses import replace

    error = failed_gates(
        {result.gate: _value_text(result.value) for result in results if result.failed},
        hint="`report.gates` has every gate with its value",
    )
    if results:
        report = replace(report, gates=results)

    def view(shown: Any, console: Any) -> None:
        import importlib

        getattr(importlib.import_module(f"sizer.render.views.{module}"), view_name)(shown, console)

    emit(command, report, view, as_json=as_json, error=error)
    if error:
        raise typer.Exit(error.exit_code)


def _value_text(value: float | None) -> str:
    """What the number of a gate that failed is."""
    from sizer.units import format_rate

    return "the number is not known" if value is None else f"it is {format_rate(value)}"


@app.command(short_help="A score and a model for every prompt, by a saved router.")
def score(
    prompts: Annotated[str, typer.Argument(help="A log, CSV, JSONL or lines of text; - for stdin.")] = "-",
    router: str = _option("--router", "A router saved by `sizer route calibrate --save`.", "FILE"),
    threshold: str = _option("--threshold", "Send up what scores at least this. [the saved one]", "SCORE"),
    max_strong: str = _option("--max-strong", "Send up this share of these prompts.", "SHARE"),
    as_json: Json = False,
) -> None:
    """Apply a saved router: a score and a model for every prompt, one a line."""
    from sizer import units
    from sizer.render.views.traffic import score_line, score_view
    from sizer.routing.traffic.scoring import read_prompts, score_prompts

    if not router:
        raise UsageError("--router is missing", code="usage.arguments", hint="add --router router.json")
    if threshold and max_strong:
        raise UsageError("--threshold and --max-strong exclude each other", code="usage.arguments", hint="give one")
    report = score_prompts(
        Path(router),
        read_prompts(prompts),
        threshold=_score(threshold) if threshold else None,
        most_large=units.parse_share(max_strong, name="--max-strong") if max_strong else None,
    )
    emit("route score", report, score_view, as_json=as_json)
    note(score_line(report))


def _score(text: str) -> float:
    """A score, which may be below zero."""
    from sizer import units

    size = units.parse_number(text.removeprefix("-"), name="--threshold")
    return -size if text.startswith("-") else size


@app.command(short_help="The calibrated split as LiteLLM or vLLM-SR settings.")
def export(
    router: Annotated[str, typer.Argument(help="A router saved by `sizer route calibrate --save`.")] = "",
    to: str = _option("--to", "litellm, vllm-sr or memo.", "TARGET"),
    small: str = _option("--small", "The small model's name on the other side. [the labels']", "NAME"),
    large: str = _option("--large", "The large model's name there.", "NAME"),
    log: str = _option("--log", "LiteLLM's log with routing scores, for its boundaries.", "LOG"),
    labels: str = _option("--labels", "The labels, for vLLM-SR's example prompts.", "FILE"),
    output: str = _option("--output", "Write it here. [stdout]", "FILE"),
    check: str = _option("--check", "Check a LiteLLM configuration instead.", "FILE"),
    as_json: Json = False,
) -> None:
    """Write the calibrated split as another router's configuration, or as a memo."""
    from sizer.render.views.traffic import check_view, export_view
    from sizer.routing.exports.export import export_router
    from sizer.routing.exports.litellm import check_file

    if check:
        emit("route export", check_file(Path(check)), check_view, as_json=as_json)
        return
    if not router or not to:
        raise UsageError(
            "a saved router and --to are needed", code="usage.arguments",
            hint="sizer route export router.json --to litellm",
        )  # fmt: skip
    report = export_router(
        Path(router), to, small=small, large=large, log=log, labels=Path(labels) if labels else None, output=output
    )
    emit("route export", report, export_view, as_json=as_json)
    for line in report.notes:
        note(f"note: {line}")
