"""`sizer check`: policies held against models."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from sizer.decision.policy import Measured, check_models, load_policy
from sizer.errors import UsageError
from sizer.sizing.size_class import ClassPair

AS_OF = datetime.date(2026, 11, 24)
MODEL = Measured(
    reference="a/30B-A3B",
    total_parameters=30_532_122_624,
    active_parameters=3_353_554_944,
    basis="counted",
    weights_bytes=17_000_000_000,
    memory_bytes=21_000_000_000,
    size_class=ClassPair(by_active="slm", by_total="llm", reason=""),
    licence="apache-2.0",
    context_tokens=131_072,
    catalog_total_parameters=30_532_122_624,
    catalog_active_parameters=3_353_554_944,
)
ANSWERS = "well_defined: yes\ndiverse: no\nqueries_per_day: 40000\n"


def _policy(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    (tmp_path / "answers.yaml").write_text(ANSWERS)
    return path, load_policy(path)


def _one(tmp_path, limit, model=MODEL):
    path, policy = _policy(tmp_path, f"limits: {{{limit}}}\n")
    [check] = check_models(path, policy, [model], as_of=AS_OF).checks
    return check


@pytest.mark.parametrize(
    ("limit", "status", "measured"),
    [
        ("total_parameters: 31B", "pass", 30_532_122_624),
        ("total_parameters: 30532122624", "pass", 30_532_122_624),
        ("total_parameters: 30532122623", "fail", 30_532_122_624),
        ("active_parameters: 4B", "pass", 3_353_554_944),
        ("active_parameters: 3B", "fail", 3_353_554_944),
        ("weights_bytes: 16GiB", "pass", 17_000_000_000),
        ("weights_bytes: 16GB", "fail", 17_000_000_000),
        ("memory: {at_most: 24GB, context_tokens: 32k}", "pass", 21_000_000_000),
        ("memory: {at_most: 8GB}", "fail", 21_000_000_000),
        ("size_class: {by_active: [below_1b, slm]}", "pass", "slm"),
        ("size_class: {by_total: [slm, grey]}", "fail", "llm"),
        ("licences: [MIT, Apache-2.0]", "pass", "apache-2.0"),
        ("licences: [mit]", "fail", "apache-2.0"),
        ("context_tokens: 131072", "pass", 131_072),
        ("context_tokens: 200k", "fail", 131_072),
        ("context_tokens: 512", "pass", 131_072),
        ("catalog_drift: forbidden", "pass", "same"),
    ],
)
def test_a_limit_passes_or_fails_with_the_value_found(tmp_path, limit, status, measured):
    """Each kind of limit holds or not, to the unit, and says what was measured."""
    check = _one(tmp_path, limit)
    assert (check.status, check.measured) == (status, measured)


@pytest.mark.parametrize(
    ("limit", "meant"),
    [
        ("total_parameters: 31", "31B"),
        ("active_parameters: '4'", "4B"),
        ("weights_bytes: 62", "62GB"),
        ("memory: {at_most: 80}", "80GB"),
        ("memory: {at_most: 80GB, context_tokens: 32}", "32k"),
        ("context_tokens: 128", "128k"),
    ],
)
def test_a_limit_without_its_unit_is_refused(tmp_path, limit, meant):
    """31 parameters and 80 bytes are no limits: the unit that is missing is proposed."""
    with pytest.raises(UsageError) as caught:
        _policy(tmp_path, f"limits: {{{limit}}}\n")
    assert caught.value.hint == f"did you mean {meant}?"
    assert caught.value.code == "usage.policy"


def test_drift_names_both_figures(tmp_path):
    """A count that differs from the catalog by one parameter fails and names both figures."""
    check = _one(tmp_path, "catalog_drift: forbidden", replace(MODEL, total_parameters=30_532_122_625))
    assert check.status == "fail"
    assert check.text == "total 30,532,122,625 counted, 30,532,122,624 in the catalog"


def test_drift_allows_for_what_the_catalog_rounds(tmp_path):
    """A catalog figure in whole billions drifts only beyond half a billion."""
    rounded = replace(MODEL, catalog_total_parameters=31_000_000_000, catalog_precision=(1_000_000_000, 1))
    assert _one(tmp_path, "catalog_drift: forbidden", rounded).status == "pass"
    low = replace(rounded, catalog_total_parameters=30_000_000_000)
    assert _one(tmp_path, "catalog_drift: forbidden", low).status == "fail"


@pytest.mark.parametrize(
    "model",
    [
        replace(MODEL, catalog_total_parameters=None, catalog_active_parameters=None),
        replace(MODEL, basis="declared"),
    ],
    ids=["not in the catalog", "not counted"],
)
def test_drift_does_not_apply(tmp_path, model):
    """Without a catalog entry, or without a count, there is nothing to compare."""
    check = _one(tmp_path, "catalog_drift: forbidden", model)
    assert (check.status, check.measured) == ("not_applicable", None)


def test_what_is_not_known_does_not_pass(tmp_path):
    """A limit on a figure that is not known fails, with the reason."""
    model = replace(MODEL, active_parameters=None, unknown_reason="config.json has no top-k")
    check = _one(tmp_path, "active_parameters: 4B", model)
    assert (check.status, check.measured) == ("fail", None)
    assert "config.json has no top-k" in check.text


def test_the_saved_answers_must_stand(tmp_path):
    """A verdict that changed fails and says what would bring it back; the file is found beside the policy."""
    path, policy = _policy(tmp_path, "decision: {answers: answers.yaml, verdict: small}\n")
    [check] = check_models(path, policy, [], as_of=AS_OF).checks
    assert (check.status, check.measured, check.model) == ("pass", "small", "")
    (tmp_path / "answers.yaml").write_text(ANSWERS.replace("diverse: no", "diverse: yes"))
    report = check_models(path, policy, [], as_of=AS_OF)
    assert not report.ok
    assert "now give route, not small; would be small if diverse were no" in report.checks[0].text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [a/b]\n", "it sets no limit and no decision"),
        ("limits: {total_parameter: 4B}\n", "did you mean `total_parameters`?"),
        ("limits: {total_parameters: big}\n", "total_parameters: `big`"),
        ("limits: {size_class: {by_active: [small]}}\n", "`small` is not a size class"),
        ("limits: {memory: {}}\n", "at_most"),
        ("decision: {answers: answers.yaml, verdict: tiny}\n", "`tiny` is not one of big, route, small - at"),
        ("", "because it is empty"),
        ("# nothing yet\n", "because it is empty"),
    ],
)
def test_a_wrong_policy_is_a_usage_error(sizer, tmp_path, text, said):
    """A policy with a wrong key or value ends with 2 and names it."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    outcome = sizer("check", path, "a/b")
    assert outcome.code == 2
    assert said in outcome.err


def test_a_narrow_terminal_gets_sentences(sizer, tmp_path, monkeypatch):
    """At 40 columns each rule is a sentence that wraps between words."""
    path, _ = _policy(tmp_path, "models: [Qwen/Qwen3-30B-A3B]\nlimits: {total_parameters: 3B}\n")
    monkeypatch.setenv("COLUMNS", "40")
    outcome = sizer("check", path, "--offline")
    assert [line.rstrip() for line in outcome.out.splitlines()] == [
        "Qwen/Qwen3-30B-A3B",
        "  FAIL total_parameters: 30.53 B exceeds",
        "  3.00 B (counted)",
        "1 rule failed, 0 passed",
    ]


def test_limits_without_a_model_are_a_usage_error(sizer, tmp_path):
    """Limits need a model, on the command line or in the policy."""
    path, _ = _policy(tmp_path, "limits: {total_parameters: 4B}\n")
    outcome = sizer("check", path)
    assert outcome.code == 2
    assert "no model to hold them against" in outcome.err


def test_a_missing_file_ends_with_3(sizer, tmp_path):
    """A policy or answers that are not there are not found, and the file is named."""
    path, _ = _policy(tmp_path, "decision: {answers: gone.yaml, verdict: small}\n")
    for arguments, name in ((("check", path), "gone.yaml"), (("check", tmp_path / "no.yaml"), "no.yaml")):
        outcome = sizer(*arguments)
        assert (outcome.code, f"{name}` was not found" in outcome.err) == (3, True)


def test_a_shipped_bundle_is_counted(sizer, tmp_path):
    """A model with a shipped bundle is counted offline: 30,532,122,624 total, 61,064,245,248 bytes of weights."""
    path, _ = _policy(
        tmp_path,
        "models: [Qwen/Qwen3-30B-A3B]\n"
        "limits: {total_parameters: 31B, active_parameters: 3B, weights_bytes: 62GB, catalog_drift: forbidden}\n"
        "decision: {answers: answers.yaml, verdict: small}\n",
    )
    outcome = sizer("check", path, "--offline")
    assert outcome.code == 1
    assert "1 rule failed, 4 passed" in outcome.out
    document = sizer("check", path, "--offline", "--json").json
    assert (document["ok"], document["report"]["failed"]) == (False, 1)
    found = {check["rule"]: (check["measured"], check["basis"]) for check in document["report"]["checks"]}
    assert found["total_parameters"] == (30_532_122_624, "counted")
    assert found["weights_bytes"] == (61_064_245_248, "counted")


def test_offline_takes_the_catalog_as_declared(sizer, tmp_path):
    """Offline a model without a bundle is held to the catalog, marked as declared; what it does not say fails."""
    limits = "limits: {total_parameters: 8B, weights_bytes: 20GB, catalog_drift: forbidden}\n"
    path, _ = _policy(tmp_path, limits)
    report = sizer("check", path, "Qwen/Qwen2.5-7B-Instruct", "--offline", "--json").json["report"]
    found = {check["rule"]: (check["status"], check["basis"]) for check in report["checks"]}
    assert found["total_parameters"] == ("pass", "declared")
    assert found["weights_bytes"] == ("fail", "unknown")
    assert found["catalog_drift"][0] == "not_applicable"


def test_a_model_that_nobody_knows_is_not_found(sizer, tmp_path):
    """A reference that is in no bundle, cache or catalog ends with its own exit code, not with a pass."""
    path, _ = _policy(tmp_path, "limits: {total_parameters: 8B}\n")
    outcome = sizer("check", path, "nobody/nothing", "--offline")
    assert outcome.code in (3, 4)
    assert "nobody/nothing" in outcome.err


def test_annotations_for_github(sizer, tmp_path):
    """`--format github` prints one error command for each failure, with file and title escaped."""
    path, _ = _policy(tmp_path, "models: [Qwen/Qwen3-30B-A3B]\nlimits: {active_parameters: 3B}\n")
    outcome = sizer("check", path, "--offline", "--format", "github")
    first, last = outcome.out.splitlines()
    assert outcome.code == 1
    assert first == (
        f"::error file={path},title=sizer check%3A active_parameters::Qwen/Qwen3-30B-A3B: 3.35 B exceeds 3.00 B"
    )
    assert last == "1 rule failed, 0 passed"


def test_an_unknown_format_is_a_usage_error(sizer, tmp_path):
    """The formats are named."""
    path, _ = _policy(tmp_path, "limits: {total_parameters: 4B}\n")
    outcome = sizer("check", Path(path), "--format", "xml")
    assert (outcome.code, "one of text, json, github" in outcome.err) == (2, True)
