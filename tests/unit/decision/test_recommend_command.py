"""`sizer recommend`, `evidence` and `cases` on the command line."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from sizer.decision.questions import numbers, questions

NARROW = ("--well-defined", "yes", "--diverse", "no")


def test_flags_give_a_verdict(sizer):
    """Two flags are enough for a verdict; what is left out stays open."""
    outcome = sizer("recommend", *NARROW)
    assert outcome.code == 0
    assert outcome.out.startswith("go small: start with a tuned model of 1-4 B\n")
    assert "your signals" not in outcome.err


def test_json_has_the_promised_keys(sizer):
    """The report has every key that scripts are promised."""
    report = sizer("recommend", *NARROW, "--json").json["report"]
    promised = (
        "verdict feasible answers tally reasons constraints evidence stability flips next_question split steps "
        "candidates warnings"
    )
    assert set(promised.split()) <= set(report)
    assert report["verdict"] == "small"
    assert list(report["answers"]) == [entry.id for entry in questions()]


def test_every_question_and_number_has_its_flag(sizer):
    """`--help` shows one flag for each question and number of the table."""
    told = sizer("recommend", "--help").out
    for entry in (*questions(), *numbers()):
        assert entry.flag in told


def test_flags_files_and_words_give_the_same_bytes(sizer, tmp_path):
    """Flags in any order, a YAML file, a JSON file and other words for yes give the same JSON."""
    as_yaml, as_json = tmp_path / "a.yaml", tmp_path / "a.json"
    as_yaml.write_text("well_defined: yes\ndiverse: no\nqueries_per_day: 4_000\n")
    as_json.write_text('{"diverse": "n", "well-defined": true, "queries_per_day": 4000}')
    flags = ("--queries-per-day", "4k", "--diverse", "0", "--well-defined", "Y")
    outputs = {
        sizer("recommend", *flags, "--json").out,
        sizer("recommend", "--answers", as_yaml, "--json").out,
        sizer("recommend", "--answers", as_json, "--json").out,
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    "flags",
    [
        ("--edge", "unknown"),
        ("--queries-per-day", "40000", "--on-prem", "yes", "--memory-gb", "24"),
        ("--high-volume", "yes", "--queries-per-day", "4000", "--memory-gb", "7.5", "--domain", "ner,finance"),
    ],
)
def test_the_answers_of_a_report_are_a_file_of_answers(sizer, tmp_path, flags):
    """`answers` of the JSON, saved as they are, give the same bytes: numbers, domains and overruled words too."""
    first = sizer("recommend", *NARROW, *flags, "--json")
    path = tmp_path / "again.json"
    path.write_text(json.dumps(first.json["report"]["answers"]))
    assert sizer("recommend", "--answers", path, "--json").out == first.out


def test_answers_are_as_said_and_signals_as_seen(sizer):
    """`answers` keeps an overruled yes and the number, `signals` has what the number makes of it."""
    report = sizer("recommend", "--high-volume", "yes", "--queries-per-day", "4000", "--json").json["report"]
    assert (report["answers"]["high_volume"], report["answers"]["queries_per_day"]) == ("yes", 4000)
    assert report["signals"]["high_volume"] == "no"
    assert list(report["signals"]) == [entry.id for entry in questions()]


def test_flags_win_over_the_file(sizer, tmp_path):
    """A flag overrules the same answer of the file, the rest of the file stays."""
    path = tmp_path / "a.yaml"
    path.write_text("well_defined: yes\ndiverse: no\n")
    report = sizer("recommend", "--answers", path, "--diverse", "yes", "--json").json["report"]
    answers = report["answers"]
    assert (answers["well_defined"], answers["diverse"]) == ("yes", "yes")


def test_saved_answers_read_back(sizer, tmp_path):
    """`--save` writes a file with comments that gives the same advice."""
    path = tmp_path / "saved.yaml"
    flags = (*NARROW, "--memory-gb", "7.5", "--context-tokens", "8000", "--domain", "ner")
    first = sizer("recommend", *flags, "--save", path, "--json")
    assert path.read_text().count("#") > 18
    assert f"answers saved to {path}" in first.err
    assert sizer("recommend", "--answers", path, "--json").out == first.out


def test_saving_without_answers_writes_a_form(sizer, tmp_path):
    """Without answers `--save` writes a form to fill in, and the error says how to go on."""
    path = tmp_path / "form.yaml"
    outcome = sizer("recommend", "--save", path)
    assert outcome.code == 2
    assert f"give it as --answers {path}" in outcome.err
    path.write_text(path.read_text().replace("well_defined: unknown", "well_defined: yes"))
    assert sizer("recommend", "--answers", path).code == 0


def test_a_number_overrules_with_a_warning(sizer):
    """A number against a yes or no wins, and the output says so."""
    outcome = sizer("recommend", "--high-volume", "yes", "--queries-per-day", "4000")
    assert "warning: --high-volume yes was overruled by --queries-per-day" in outcome.out


def test_nothing_fits_is_exit_1(sizer):
    """Where no model is left the pair of constraints is named and the exit code is 1."""
    flags = ("--edge", "yes", "--memory-gb", "2", "--context-tokens", "1000000")
    outcome = sizer("recommend", *flags)
    assert outcome.code == 1
    assert "Nothing fits the small leg" in outcome.out
    document = sizer("recommend", *flags, "--json").json
    assert (document["ok"], document["report"]["feasible"]) == (False, False)


def test_a_mixture_never_slips_onto_a_phone(sizer):
    """30 B with 3 B active is refused on an 8 GB device, by name."""
    outcome = sizer("recommend", "--edge", "yes", "--memory-gb", "8", "--model", "Qwen/Qwen3-30B-A3B")
    assert outcome.code == 1
    assert "exceed 8.00 GB" in outcome.out


def test_a_named_model_may_be_a_bundle_or_a_file(sizer):
    """A model that is only a shipped bundle is counted and judged, without the network."""
    flags = ("--edge", "yes", "--memory-gb", "8", "--model", "bench/Llama-3.1-8B-GPTQ-Int4", "--json")
    [candidate] = sizer("recommend", *flags).json["report"]["candidates"]
    assert (candidate["total_parameters"], candidate["basis"]) == (8_030_261_248, "counted")
    assert candidate["kv_cache_bytes"] == 4_096 * 131_072
    assert candidate["fit"] == "fits"


def test_a_model_that_is_not_there(sizer):
    """A named folder that does not exist is a missing file."""
    outcome = sizer("recommend", "--edge", "yes", "--model", "./nothing-here", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (3, "file.missing")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--well-defined", "yess"), "--well-defined: `yess` is not an answer"),
        (("--queries-per-day", "many"), "--queries-per-day: `many`"),
        (("--memory-gb", "0"), "--memory-gb: `0` is out of range"),
        (("--domain", "physics"), "no evidence is filed under `physics`"),
        (("--answers", "/"), "`/` cannot be used"),
        (("--edge", "yes", "--bits", "99"), "--bits: `99` is out of range"),
        (("--edge", "yes", "--save", "/nowhere/a.yaml"), "`/nowhere/a.yaml` cannot be written"),
        (("--edge", "yes", "--save", "-"), "answers are not printed"),
        (("--edge", "yes", "--ask"), "there is no terminal to ask at"),
        (("--model", "Qwen/Qwen3-8B"), "no answers were given"),
        ((), "no answers were given"),
        (("--edge", "unknown"), "no answers were given"),
    ],
)
def test_wrong_input_is_a_usage_error(sizer, arguments, said):
    """Every kind of wrong answer ends with 2, names what is wrong and what to do."""
    outcome = sizer("recommend", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert "hint: " in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("well_definde: yes\n", "did you mean `well_defined`?"),
        ("- yes\n", "not a mapping of questions to answers"),
        ("edge: 7\n", "edge: `7` is not an answer"),
        ("memory_gb: lots\n", "memory_gb: `lots`"),
        ("domain: physics\n", "no evidence is filed under `physics`"),
        ("edge: yes\nedge: no\n", "already given on line 1"),
    ],
)
def test_a_wrong_answers_file_is_a_usage_error(sizer, tmp_path, text, said):
    """A file with a wrong key, value or form ends with 2 and says where."""
    path = tmp_path / "a.yaml"
    path.write_text(text)
    outcome = sizer("recommend", "--answers", path)
    assert outcome.code == 2
    assert said in outcome.err


def test_missing_answers_are_named_in_json(sizer):
    """With --json nobody is asked: the error lists the questions."""
    error = sizer("recommend", "--json").json["error"]
    assert error["code"] == "usage.answers"
    assert error["details"]["missing"] == [entry.id for entry in questions()]


def test_no_http_client_and_no_validator_is_imported():
    """Advice loads neither an HTTP client nor the Hub client nor pydantic."""
    script = (
        "import sys; from sizer.cli.app import main\n"
        "try: main(['recommend', '--well-defined', 'yes', '--model', 'Qwen/Qwen3-8B'])\n"
        "except SystemExit as done: assert not done.code\n"
        "heavy = 'http.client urllib.request httpx requests huggingface_hub pydantic genai_prices'.split()\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_subject_does_not_lose_the_kind_of_task(sizer, tmp_path):
    """A kind of task and a subject together start with the encoder, however they are written."""
    path = tmp_path / "a.yaml"
    path.write_text("well_defined: yes\ndomain: [classification, support]\n")
    yes = ("recommend", "--well-defined", "yes")
    outputs = {
        sizer(*yes, "--domain", "classification", "--domain", "support").out,
        sizer(*yes, "--domain", "classification,support").out,
        sizer("recommend", "--answers", path).out,
    }
    assert [text.partition("\n")[0] for text in outputs] == ["go small: start with an encoder with a head, 0.1-0.4 B"]
    assert "(--domain classification,support)" in sizer(*yes, "--domain", "support").out


def test_a_row_that_speaks_against_a_reason_is_marked(sizer):
    """Labels win on customer support and lose on WNLI: the second is cited as against the reason."""
    report = sizer("recommend", *NARROW, "--labeled-data", "yes", "--json").json["report"]
    [labels] = [reason for reason in report["reasons"] if reason["id"] == "labeled_data"]
    assert (labels["evidence"], labels["against"]) == (["lora-land-customer-support"], ["lora-land-glue-wnli"])
    assert "; against: [" in sizer("recommend", *NARROW, "--labeled-data", "yes").out


def test_an_api_is_named_where_the_advice_is_to_prompt_one(sizer):
    """Advice to prompt a large model says what open weights are for; data that must stay inside leave no API."""
    flags = ("recommend", "--diverse", "yes", "--queries-per-day", "500")
    told = " ".join(sizer(*flags).out.split())
    assert (
        "the advice is an API's large model (its price: `sizer route --small NAME --large NAME`); these are open models"
        in told
    )
    inside = sizer(*flags, "--on-prem", "yes", "--json").json["report"]
    assert inside["hosting_text"] == ""
    assert "large" in {candidate["leg"] for candidate in inside["candidates"]}


def test_the_rows_are_of_the_size_to_start_with(sizer):
    """Where an encoder is what to start with, the table has encoders, at 16 bits, and no model that generates."""
    report = sizer("recommend", *NARROW, "--domain", "classification", "--json").json["report"]
    encoders = [candidate for candidate in report["candidates"] if candidate["size"] == "encoder"]
    assert {(candidate["task"], candidate["bits"]) for candidate in encoders} == {("encoder", 16)}
    assert report["candidates"][: len(encoders)] == encoders
    [modern] = [candidate for candidate in encoders if candidate["model"] == "answerdotai/ModernBERT-base"]
    assert modern["weights_bytes"] == 2 * 149_000_000
    told = sizer("recommend", *NARROW, "--domain", "classification").out
    table = told.partition("Models that fit\n")[2].partition("one per family of the size to start with")[0]
    names = [line.split()[0] for line in table.splitlines()[1:] if line.strip()]
    assert names[0] == "answerdotai/ModernBERT-base"
    assert set(names) <= {candidate["model"] for candidate in encoders}


def test_the_widths_that_rows_are_reckoned_with_are_said(sizer):
    """An encoder beside a model that generates is reckoned at 16 bits, the other at 4, and the line below says both."""
    told = sizer("recommend", *NARROW, "--model", "answerdotai/ModernBERT-base", "--model", "Qwen/Qwen3-30B-A3B").out
    assert "memory estimated at 4 bits (4.85 with scales) or 16 bits by total parameters" in " ".join(told.split())


@pytest.mark.parametrize("width", ["40", "59"])
def test_narrow_terminals_get_sentences(sizer, monkeypatch, width):
    """Below 60 columns a model is a sentence with its figures, in place of columns two characters wide."""
    monkeypatch.setenv("COLUMNS", width)
    told = sizer("recommend", "--diverse", "yes", "--queries-per-day", "50000").out
    models = told.partition("Models that fit the large leg\n")[2].partition("one per family")[0]
    assert re.search(r"\S+/\S+: [\d.]+ [BT]\s+total,\s+[\d.]+\s+B\s+active,\s+", models)
    assert max(map(len, told.splitlines())) <= int(width)


def test_evidence_lists_the_domains(sizer):
    """`sizer evidence --domains` prints what --domain may name, and nothing else."""
    told = sizer("evidence", "--domains").out
    assert told.startswith("kinds of task  agentic, classification, code,")
    assert "subjects       finance, games, hr," in told
    assert "against" not in told


def test_evidence_by_domain_and_field(sizer):
    """A domain or a field picks its rows; a field of finance has its four claims of the note."""
    report = sizer("evidence", "--domain", "finance", "--json").json["report"]
    assert {row["field"] for row in report["rows"]} == {"finance"}
    assert sum(report["wins"].values()) == len(report["rows"])
    assert "the note said: FiQA-SA" in sizer("evidence", "--domain", "sentiment").out


def test_evidence_shows_losing_rows_with_bars(sizer):
    """The row that the small model loses shows both bars and says who wins."""
    told = sizer("evidence", "--domain", "tool-use").out
    assert "BFCL v4 web search  tool-use  accuracy  large wins" in told
    assert "█" in told


def test_cases_prints_the_hit_rate(sizer):
    """The replay prints the hits, the confusion and every miss."""
    told = sizer("cases").out
    assert told.startswith("41 of 45 verdicts are what was built (91.1 %)")
    report = sizer("cases", "--json").json["report"]
    assert all(miss in told for miss in report["misses"])


class Terminal:
    """A command at a pseudo-terminal of 80 columns."""

    def __init__(self, *arguments):
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ.update(COLUMNS="80", TERM="xterm", NO_COLOR="1")
            os.execv(sys.executable, [sys.executable, "-m", "sizer", *arguments])
        self.seen = ""
        self.is_over = False

    def read(self, until="", seconds=20.0):
        """What is printed until the prompt, or the end."""
        end = time.monotonic() + seconds
        fresh = ""
        while time.monotonic() < end:
            if not select.select([self.descriptor], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:
                data = b""
            if not data:
                self.is_over = True
                break
            fresh += data.decode()
            if until and fresh.rstrip(" ").endswith(until):
                break
        self.seen += fresh
        return fresh

    def say(self, line):
        """A line typed at the next prompt."""
        self.read(until=">")
        os.write(self.descriptor, line.encode() + b"\n")

    def interrupt(self, presses=20):
        """Ctrl-C, pressed until the command is over: one between the prompt and the wait for a line is not noticed
        by Python until the next."""
        rest = ""
        while presses and not self.is_over:
            os.write(self.descriptor, b"\x03")
            rest += self.read(seconds=1.0)
            presses -= 1
        return rest

    def end(self):
        """The rest of the output, and the exit code; a command that goes on waiting is killed."""
        rest = self.read()
        if not self.is_over:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.descriptor)
        return rest, os.waitstatus_to_exitcode(status)


def test_the_interview_at_a_terminal(tmp_path):
    """Nine questions and the domain at a pseudo-terminal, with a why, a step back and edits, end in the advice."""
    path = tmp_path / "said.json"
    terminal = Terminal("recommend", "--save", str(path))
    for line in (
        "y",
        "?",
        "y",
        "12k",
        "b",
        "4000",
        "nonsense",
        "n",
        "n",
        "",
        "n",
        "n",
        "n",
        "ner",
        "9",
        "y",
        "domain=sql",
        "",
    ):
        terminal.say(line)
    advice, code = terminal.end()
    assert code == 0
    assert "your signals: 0 big, 2 small" in terminal.seen
    assert "most telling: diverse" in terminal.seen
    assert "`nonsense` is not understood" in terminal.seen
    assert "noted: 4,000 queries a day, so high_volume is no" in terminal.seen
    assert "Your answers" in terminal.seen
    assert "On Monday" in advice
    plain = re.sub(r"\x1b\[[0-9;]*m|\r", "", terminal.seen)
    assert all(len(line) <= 80 for line in plain.split("\n") if not line.startswith("answers saved to"))
    assert "multi_step: yes" in path.read_text()
    assert "domain: sql" in path.read_text()


def test_leaving_the_interview():
    """`q` leaves with 130 and no advice."""
    terminal = Terminal("recommend")
    terminal.say("q")
    rest, code = terminal.end()
    assert code == 130
    assert "Aborted." in rest


def test_interrupting_the_interview():
    """Ctrl-C leaves with 130, without a traceback."""
    terminal = Terminal("recommend")
    terminal.read(until=">")
    rest = terminal.interrupt()
    _, code = terminal.end()
    assert code == 130
    assert "Traceback" not in rest


def test_answers_may_come_through_a_pipe():
    """`--answers -` reads YAML or JSON from stdin."""
    for text in ("well_defined: yes\ndiverse: no\n", '{"well_defined": true, "diverse": false}'):
        done = subprocess.run(
            [sys.executable, "-m", "sizer", "recommend", "--answers", "-"], input=text, capture_output=True, text=True
        )
        assert done.returncode == 0
        assert done.stdout.startswith("go small")


def test_a_pipe_is_never_asked():
    """With stdin closed and no answers the command ends with 2 at once."""
    done = subprocess.run(
        [sys.executable, "-m", "sizer", "recommend"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "no answers were given" in done.stderr


def test_the_schema_takes_the_report(sizer):
    """The JSON of the three commands is valid by the printed JSON Schema."""
    jsonschema = pytest.importorskip("jsonschema")
    for arguments in (("recommend", "--edge", "yes"), ("evidence",), ("cases",)):
        schema = json.loads(sizer("schema", arguments[0]).out)
        jsonschema.Draft202012Validator(schema).validate(sizer(*arguments, "--json").json)
