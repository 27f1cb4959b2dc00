"""`sizer recommend`: nine answers, by flag, file or prompt, and the advice they come to.

The flags are made from `data/questions.yaml`: a question or a number more is one entry there.
"""

from __future__ import annotations

import datetime
import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit, failed_gates, note
from sizer.decision.answers import dump_answers, load_answers, parse_answers
from sizer.decision.evidence import check_domains
from sizer.decision.questions import numbers, parse_answer, parse_quantity, questions
from sizer.decision.signals import Given
from sizer.errors import UsageError
from sizer.units import parse_count

if TYPE_CHECKING:
    from rich.console import Console

    from sizer.decision.candidates import Subject

app = command_app()


def _recommend(
    answers: str,
    save: str,
    domain: list[str],
    model: list[str],
    bits: str,
    ask: bool,
    as_json: bool,
    offline: bool,
    **flags: str | None,
) -> None:
    """Advise to go small, go big or route: nine answers, the reasons, what would flip it, models that fit.

    Without any answer the questions are asked one by one, at a terminal.
    """
    from sizer.catalog.models import load_catalog
    from sizer.decision.recommend import Recommendation, recommend

    def show(report: Recommendation, console: Console) -> None:
        from sizer.render.views.recommend import show

        show(report, console)

    given = _given_by_flags(flags, domain).over(_given_by_file(answers))
    if ask or (given.is_empty and not as_json and _is_interactive()):
        given = _ask(given)
    if save:
        _save(Path(save), given)
    if given.is_empty:
        raise _nothing_given(save, answers)
    width = parse_count(bits, name="--bits", minimum=2, maximum=32)
    named = [_find_model(name, given, offline=offline) for name in model]
    report = recommend(given, load_catalog(), as_of=_today(), named=named, bits=width)
    advice = [relaxation.text for conflict in report.conflicts for relaxation in conflict.relaxations]
    error = failed_gates(
        {f"a model for the {conflict.leg} leg": conflict.text for conflict in report.conflicts},
        hint=next(filter(None, advice), "`report.conflicts` says more"),
    )
    emit("recommend", report, show, as_json=as_json, error=error)
    if error:
        raise typer.Exit(error.exit_code)


def _parameters() -> Iterator[inspect.Parameter]:
    for entry in questions():
        told = typer.Option(entry.flag, metavar="yes|no|unknown", help=entry.ask)
        yield _parameter(entry.id, Annotated[str | None, told], None)
    for number in numbers():
        stands = f" Stands for {number.stands_for.replace('_', '-')}." if number.stands_for else ""
        told = typer.Option(number.flag, metavar="N", help=f"{number.means[0].upper()}{number.means[1:]}.{stands}")
        yield _parameter(number.id, Annotated[str | None, told], None)
    domain = typer.Option(
        "--domain",
        metavar="DOMAIN",
        help="Kind of task, subject or both (repeatable); `sizer evidence --domains` lists them.",
    )
    yield _parameter("domain", Annotated[list[str], domain], [])
    model = typer.Option("--model", metavar="REF", help="Judge this model in place of the catalog's (repeatable).")
    yield _parameter("model", Annotated[list[str], model], [])
    bits = typer.Option(
        "--bits", metavar="N", help="Bits per weight for memory and speed; 4 is 4.85 with scales, 8 is 8.5."
    )
    yield _parameter("bits", Annotated[str, bits], "4")
    answers = typer.Option("--answers", metavar="FILE", help="Answers in YAML or JSON, `-` for stdin; flags win.")
    yield _parameter("answers", Annotated[str, answers], "")
    save = typer.Option("--save", metavar="FILE", help="Write the answers to a file, with comments.")
    yield _parameter("save", Annotated[str, save], "")
    ask = typer.Option("--ask", help="Ask the questions that are still open, at a terminal.")
    yield _parameter("ask", Annotated[bool, ask], False)
    yield _parameter("as_json", Json, False)
    yield _parameter("offline", Offline, False)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _command() -> Any:
    """The command with one flag for each question and number."""

    def recommend(**values: Any) -> None:
        _recommend(**values)

    parameters = list(_parameters())
    recommend.__doc__ = _recommend.__doc__
    recommend.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    recommend.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return recommend


app.command()(_command())


def _given_by_flags(flags: dict[str, str | None], domains: Sequence[str]) -> Given:
    answers = {entry.id: flags[entry.id] for entry in questions() if flags[entry.id] is not None}
    values = {number: flags[number.id] for number in numbers() if flags[number.id] is not None}
    return Given(
        answers={name: parse_answer(value, name="--" + name.replace("_", "-")) for name, value in answers.items()},
        numbers={number.id: parse_quantity(number, value, name=number.flag) for number, value in values.items()},
        domains=check_domains(*domains),
    )


def _given_by_file(name: str) -> Given:
    if not name:
        return Given()
    if name == "-":
        return parse_answers(sys.stdin.buffer.read(), where="stdin")
    return load_answers(Path(name))


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(given: Given) -> Given:
    if not _is_interactive():
        raise UsageError(
            "there is no terminal to ask at",
            code="usage.terminal",
            hint="answer with flags or --answers FILE, and leave --ask out",
        )
    from sizer.cli.interview import ask

    return ask(given)


def _nothing_given(saved: str, file: str) -> UsageError:
    example = "for example `sizer recommend --well-defined yes --diverse no`; what is left out counts as unknown"
    flags = " ".join(entry.flag for entry in questions())
    return UsageError(
        f"`{file}` holds no answers" if file else "no answers were given, and there is no terminal to ask at",
        code="usage.answers",
        because=f"the questions are {flags}",
        hint=f"fill in {saved} and give it as --answers {saved}" if saved else example,
        details={"missing": [entry.id for entry in questions()]},
    )


def _save(path: Path, given: Given) -> None:
    if str(path) == "-":
        raise UsageError(
            "--save: answers are not printed",
            code="usage.file",
            because="stdout holds the advice",
            hint="name a file",
        )
    try:
        path.write_text(dump_answers(given), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"`{path}` cannot be written",
            code="usage.file",
            because=error.strerror or "the system refuses",
            hint="name a file in a folder that you may write to",
        ) from error
    note(f"answers saved to {path}")


def _find_model(name: str, given: Given, *, offline: bool) -> Subject:
    from sizer.decision.footprint import assumptions
    from sizer.decision.subjects import find_subject

    context = int(given.numbers.get("context_tokens", assumptions().context_tokens))
    return find_subject(name, context_tokens=context, offline=offline)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


__all__: Sequence[str] = ["app"]
