"""`sizer recommend` on the terminal: the verdict, why, what would flip it, which models fit, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sizer.decision.candidates import Candidate
from sizer.decision.constraints import Leg
from sizer.decision.evidence import EvidenceRow
from sizer.decision.feasibility import Conflict
from sizer.decision.recommend import Reason, Recommendation
from sizer.render.terminal import heading, key_values, safe, table
from sizer.units import format_count, format_tokens, plural

__all__ = ["show"]

VERDICT_STYLE = {"small": "green", "route": "yellow", "big": "magenta"}
_NO_CACHE = "+"
"""Behind an amount of memory: more, by a cache that is not known."""
_TESTED = "*"
"""Behind a window that a test found, which is less than claimed as a rule."""
_SHOWN_CANDIDATES = 5
_SHOWN_FLIPS = 4
_TABLE_WIDTH = 60  # below it names and numbers would be cut


def show(report: Recommendation, console: Console) -> None:
    """Print the recommendation."""
    console.print(Text(report.summary, style=f"bold {VERDICT_STYLE[report.verdict]}"))
    console.print(key_values(_facts(report)))
    for notice in report.warnings:
        console.print(Text(f"warning: {notice.message}", style="yellow"))
    _section(console, "Why", _reason_lines(report))
    if report.split:
        _section(console, f"How to split: {report.split.kind}", _split_lines(report))
    _section(console, "Which small model, in order", _size_lines(report))
    _section(console, "What would flip it", _flip_lines(report))
    for conflict in report.conflicts:
        what = "Nothing fits" if conflict.constraints else "No model for"
        _section(console, f"{what} the {conflict.leg} leg", _conflict_lines(conflict), style="bold red")
    _show_candidates(report, console)
    _section(console, "On Monday", [(f"{n}.", step.text) for n, step in enumerate(report.steps, 1)])
    _section(console, "Evidence", [(f"[{n}]", evidence_text(row)) for n, row in enumerate(report.evidence, 1)])


def evidence_text(row: EvidenceRow) -> str:
    """One row as a sentence, with its source and caveat."""
    scores = f"{_contender(row.small.model, row.small.total_parameters, row.small.score)} against "
    scores += _contender(row.large.model, row.large.total_parameters, row.large.score)
    return f"{row.task}: {scores} ({row.metric}), {WINNER_TEXT[row.winner]}; {row.caveat}. {row.source}"


WINNER_TEXT = {
    "small": "small wins",
    "large": "large wins",
    "tie": "a tie",
    "near": "close, and far cheaper",
    "untuned": "the untuned one wins",
    "unclear": "not comparable",
}


def _contender(model: str, parameters: int | None, score: float | None) -> str:
    size = f" ({format_count(parameters)})" if parameters else ""
    return f"{model}{size}" + (f" {score:g}" if score is not None else "")


def _facts(report: Recommendation) -> list[tuple[str, str]]:
    facts = [("signals", report.tally_text.removeprefix("your signals: "))]
    facts.append(("stability", f"{report.stability.level}: {report.stability.text}"))
    if report.next_question:
        flag = "--" + report.next_question.question.replace("_", "-")
        facts.append(("ask next", f"{report.next_question.ask} ({flag} yes|no)"))
    facts.append(("domain", report.domain_text))
    return facts


def _section(console: Console, title: str, pairs: Sequence[tuple[str, str]], style: str = "bold") -> None:
    if not pairs:
        return
    console.print()
    console.print(Text(title, style=style))
    console.print(Padding(key_values([(label, safe(text)) for label, text in pairs]), (0, 0, 0, 2)))


def _reason_lines(report: Recommendation) -> list[tuple[str, str]]:
    numbered = {row.id: f"[{n}]" for n, row in enumerate(report.evidence, 1)}
    return [(reason.speaks_for or "limit", _reason_text(reason, numbered)) for reason in report.reasons]


def _reason_text(reason: Reason, numbered: dict[str, str]) -> str:
    marks = " ".join(numbered[name] for name in reason.evidence)
    against = " ".join(numbered[name] for name in reason.against)
    return f"{reason.text} {marks}".rstrip() + (f"; against: {against}" if against else "")


def _split_lines(report: Recommendation) -> list[tuple[str, str]]:
    split = report.split
    if split is None:
        return []
    return [("small leg", split.small_leg), ("large leg", split.large_leg), ("hand over", split.hand_over)]


def _size_lines(report: Recommendation) -> list[tuple[str, str]]:
    numbered = {row.id: f"[{n}]" for n, row in enumerate(report.evidence, 1)}
    lines = []
    for position, size in enumerate(report.sizes):
        marks = " ".join(numbered[name] for name in size.evidence if name in numbered)
        lines.append((f"{position + 1}.", f"{size.title}: {size.why} {marks}".rstrip()))
    return lines


def _flip_lines(report: Recommendation) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = [
        (flip.verdict, f"if {flip.text.partition(' if ')[2]}") for flip in report.flips[:_SHOWN_FLIPS]
    ]
    more = len(report.flips) - len(lines)
    if more > 0:
        lines.append(("", f"and {more} more: --json has all"))
    return lines or [("", "no one or two answers would")]


def _conflict_lines(conflict: Conflict) -> list[tuple[str, str]]:
    return [("", conflict.text), *(("relax", relaxation.text) for relaxation in conflict.relaxations)]


def _show_candidates(report: Recommendation, console: Console) -> None:
    legs: Iterable[Leg] = ("small", "large")
    for leg in legs:
        found = [candidate for candidate in report.candidates if candidate.leg == leg]
        judged = [candidate for candidate in found if candidate.fit != "unknown"]
        if judged:
            is_whole = len(judged) <= _SHOWN_CANDIDATES or any(candidate.refusals for candidate in judged)
            text = report.hosting_text if leg == "large" else ""
            _show_group(judged, leg, _candidates_title(report, leg), text, console, is_whole=is_whole)
        if left := [candidate for candidate in found if candidate.fit == "unknown"]:
            _show_group(left, leg, "Not judged" + _of_leg(report, leg), "", console, is_whole=True)


def _show_group(
    found: Sequence[Candidate], leg: Leg, title: str, text: str, console: Console, *, is_whole: bool
) -> None:
    shown = found if is_whole else _one_per_family(_to_start_with(found))[:_SHOWN_CANDIDATES]
    console.print()
    console.print(heading(title))
    if text:
        console.print(Padding(Text(text), (0, 0, 0, 2)))
    if console.width >= _TABLE_WIDTH:
        console.print(Padding(_candidate_table(shown, leg), (0, 0, 0, 2)))
    else:  # no room for a column each
        for candidate in shown:
            console.print(Padding(Text(f"{safe(candidate.model)}: {_in_words(candidate)}"), (0, 0, 0, 2)))
    if is_whole:
        _show_notes(shown, console)
    else:
        more = len(found) - len(shown)
        of_size = " of the size to start with" if shown[0].size else ""
        dated = "" if all(candidate.released for candidate in shown) else ", undated last"
        told = f"one per family{of_size}, newest first{dated}; {more} more in --json"
        console.print(Padding(Text(told, style="dim"), (0, 0, 0, 2)))
    bits = " or ".join(dict.fromkeys(map(_bits, sorted(shown, key=lambda candidate: candidate.bits))))
    told = f"memory estimated at {bits} by total parameters"
    told += f" ({_NO_CACHE} without the cache: not known)" if any(map(_lacks_cache, shown)) else ""
    is_tested = any(candidate.effective_context_tokens for candidate in shown)
    told += f"; window as claimed ({_TESTED} tested)" if is_tested else "; window as claimed"
    told += f"; tok/s by active parameters on {found[0].speed_on}" if found[0].decode_tokens_per_second else ""
    told += "; GPUs of 80 GB" if leg == "large" else ""
    console.print(Padding(Text(told, style="dim"), (0, 0, 0, 2)))


def _bits(candidate: Candidate) -> str:
    """`4 bits (4.85 with scales)`."""
    extra = f" ({candidate.bits_per_weight:g} with scales)" if candidate.bits_per_weight != candidate.bits else ""
    return f"{candidate.bits} bits{extra}"


def _show_notes(candidates: Sequence[Candidate], console: Console) -> None:
    for candidate in candidates:
        told = [*(refusal.text for refusal in candidate.refusals), *candidate.notes]
        name = safe(candidate.model.rpartition("/")[2])
        for text in told:
            console.print(Padding(Text.assemble((f"{name}: ", "dim"), safe(text)), (0, 0, 0, 2)))


def _candidates_title(report: Recommendation, leg: Leg) -> str:
    if any(candidate.refusals for candidate in report.candidates):
        return "The models you named" + _of_leg(report, leg)
    return "Models that fit" if report.verdict != "route" else f"Models that fit the {leg} leg"


def _of_leg(report: Recommendation, leg: Leg) -> str:
    return f", {leg} leg" if report.verdict == "route" else ""


def _to_start_with(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those of the first one's size: what the advice is to start with."""
    return [candidate for candidate in candidates if candidate.size == candidates[0].size]


def _one_per_family(candidates: Sequence[Candidate]) -> list[Candidate]:
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.family, candidate)
    return list(first.values())


def _candidate_table(candidates: Sequence[Candidate], leg: Leg) -> Table:
    has_speed = any(candidate.decode_tokens_per_second for candidate in candidates)
    has_fit = any(candidate.fit != "fits" for candidate in candidates)
    titles = ["total", "active", "memory", "window"]
    titles += ["tok/s"] if has_speed else []
    titles += ["GPUs"] if leg == "large" else []
    columns = [("model", "left"), *((title, "right!") for title in titles), *([("fit", "left!")] if has_fit else [])]
    rows = []
    for candidate in candidates:
        row = [safe(candidate.model), _count(candidate.total_parameters), _count(candidate.active_parameters)]
        row += [_memory(candidate), _window(candidate)]
        row += [_speed(candidate)] if has_speed else []
        row += [str(candidate.gpus or "-")] if leg == "large" else []
        row += [candidate.fit] if has_fit else []
        rows.append(row)
    return table(columns, rows)


def _in_words(candidate: Candidate) -> str:
    """A row of the table as a sentence."""
    told = f"{_count(candidate.total_parameters)} total, {_count(candidate.active_parameters)} active"
    told += f", {_memory(candidate)}, window {_window(candidate)}"
    told += f", {_speed(candidate)} tok/s" if candidate.decode_tokens_per_second else ""
    told += f", {plural(candidate.gpus, 'GPU')}" if candidate.leg == "large" and candidate.gpus else ""
    return told + (f", {candidate.fit}" if candidate.fit != "fits" else "")


def _speed(candidate: Candidate) -> str:
    if candidate.decode_tokens_per_second is None:
        return "-"
    low, high = candidate.decode_tokens_per_second
    return f"{low:.0f}-{high:.0f}" if high >= 10 else f"{low:.1f}-{high:.1f}"


def _count(parameters: int | None) -> str:
    """A count in three digits: the table has no room for more."""
    if parameters is None:
        return "unknown"
    number, unit = format_count(parameters).split(" ")
    return f"{float(number):.3g} {unit}" if float(number) < 1000 else f"{number} {unit}"


def _memory(candidate: Candidate) -> str:
    if candidate.resident_bytes_low is None or candidate.resident_bytes_high is None:
        return "unknown"
    low, high = candidate.resident_bytes_low / 10**9, candidate.resident_bytes_high / 10**9
    mark = _NO_CACHE if _lacks_cache(candidate) else ""
    return (f"{low:.1f}-{high:.1f} GB" if high < 10 else f"{low:.0f}-{high:.0f} GB") + mark


def _lacks_cache(candidate: Candidate) -> bool:
    return candidate.resident_bytes_low is not None and candidate.kv_cache_bytes is None


def _window(candidate: Candidate) -> str:
    window = candidate.effective_context_tokens or candidate.context_tokens
    if window is None:
        return "unknown"
    return format_tokens(window) + (_TESTED if candidate.effective_context_tokens else "")
