"""A plan's text is read, or every problem is told with its line and what to write instead."""

import json
from pathlib import Path

import pytest

from lockgate.intake.planfile import BadPlan, GoodPlan, check_plan
from lockgate.intake.yamltext import MAX_BYTES, MAX_DEPTH
from lockgate.messages.plan import Plan, WatchStage, WaveStage
from lockgate.messages.strategies import BlueGreen, Canary

EXAMPLE = Path(__file__).parents[3] / "docs" / "plans" / "payments.yaml"
GOOD = """\
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {deployment: payments, container: app, service: payments}
stages:
  - name: all
    kind: wave
    regions: [eu-west]
  - {name: watch, kind: watch, for: 2h}
"""


def _problems(text: str | bytes) -> list[str]:
    checked = check_plan(text)
    assert isinstance(checked, BadPlan)
    return [str(problem) for problem in checked.problems]


def _instead(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_the_example_plan_of_the_documentation_is_good() -> None:
    checked = check_plan(EXAMPLE.read_bytes())
    assert isinstance(checked, GoodPlan)
    plan = checked.plan
    assert [stage.kind for stage in plan.stages] == ["preprod", "pilot", "wave", "wave", "watch"]
    assert plan.regions == ("eu-preprod", "eu-west", "eu-north", "us-east", "us-west", "ap-south")
    assert plan.false_alarms == 0.01


@pytest.mark.parametrize("file", sorted(EXAMPLE.parent.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_plan_of_the_documentation_can_be_published(file: Path) -> None:
    assert isinstance(check_plan(file.read_text()), GoodPlan)


def test_strategies_are_read_as_they_are_written() -> None:
    checked = check_plan((EXAMPLE.parent / "canary.yaml").read_text())
    assert isinstance(checked, GoodPlan)
    waves = [stage for stage in checked.plan.stages if isinstance(stage, WaveStage)]
    assert [wave.strategy for wave in waves] == [
        Canary(canary=[0.25, 0.5], verify=1200.0),
        Canary(canary=[0.1, 0.5, 1.0], wait=300.0),
    ]
    checked = check_plan((EXAMPLE.parent / "blue-green.yaml").read_text())
    assert isinstance(checked, GoodPlan)
    waves = [stage for stage in checked.plan.stages if isinstance(stage, WaveStage)]
    assert [type(wave.strategy) for wave in waves] == [BlueGreen, BlueGreen]
    sides = [wave.strategy.blue_green for wave in waves if isinstance(wave.strategy, BlueGreen)]
    assert [(side.keep, len(side.requests)) for side in sides] == [(600.0, 2), (300.0, 0)]


def test_what_was_written_can_be_published_as_json() -> None:
    checked = check_plan(EXAMPLE.read_text())
    assert isinstance(checked, GoodPlan)
    assert Plan.model_validate(json.loads(json.dumps(checked.written))) == checked.plan
    assert checked.written["stages"][0]["requests"][1]["json"] == {"amount": 1}


def test_a_plan_may_be_written_in_json_with_tabs() -> None:
    checked = check_plan(EXAMPLE.read_text())
    assert isinstance(checked, GoodPlan)
    again = check_plan(json.dumps(checked.written, indent="\t"))
    assert isinstance(again, GoodPlan)
    assert again == checked


def test_a_problem_in_json_has_its_line_too() -> None:
    text = json.dumps({"kind": "Plan", "application": "a b"}, indent=1)
    assert _problems(text)[-1] == (
        "line 3: application: 'a b' is not possible here: write a name of at most 63 lower-case letters, digits "
        "and dashes, such as eu-west"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "artifact: pkg:oci/payments\n",
            "",
            "line 1: artifact: this field is missing: add it, such as `artifact: pkg:oci/payments`",
        ),
        (
            "artifact: pkg:oci/payments\n",
            "artifact: pkg:oci/payments:v1\n",
            (
                "line 3: artifact: 'pkg:oci/payments:v1' is not possible here: write a package URL without version, "
                "such as pkg:oci/payments"
            ),
        ),
        (
            "kind: Plan",
            "kind: Plan\nfalse-alarm: 1%",
            (
                "line 2: false-alarm: there is no field 'false-alarm' here: write false-alarms if you meant that; the "
                "fields here are kind, application, artifact, provenance, workload, metrics, false-alarms, stages, remediation, "
                "queue"
            ),
        ),
        (
            "service: payments}",
            "service: payments, qqq: 1}",
            (
                "line 4: workload.qqq: there is no field 'qqq' here: remove it; the fields here are deployment, "
                "container, service, route"
            ),
        ),
        (
            "deployment: payments",
            "deployment: 3",
            (
                "line 4: workload.deployment: 3 has the wrong type: write the name of a Kubernetes object, lower-case "
                "letters, digits, dashes and dots, such as payments"
            ),
        ),
        (
            "kind: wave",
            "kind: waves",
            (
                "line 7: stages[0].kind: 'waves' is no kind of stage: write wave if you meant that; the kinds are preprod, "
                "pilot, wave, watch"
            ),
        ),
        (
            "    kind: wave\n",
            "",
            (
                "line 6: stages[0]: the stage has no kind: write one of preprod, pilot, wave, watch, "
                "such as `kind: wave`"
            ),
        ),
        (
            "[eu-west]",
            "[]",
            "line 8: stages[0].regions: this list is too short: write at least 1 entry",
        ),
        (
            "[eu-west]",
            "\n      - eu-west\n      - EU",
            (
                "line 10: stages[0].regions[1]: 'EU' is not possible here: write a name of at most 63 lower-case "
                "letters, digits and dashes, such as eu-west"
            ),
        ),
        (
            "[eu-west]",
            "eu-west",
            "line 8: stages[0].regions: 'eu-west' has the wrong type: write a list, such as [eu-west, us-east]",
        ),
        (
            "kind: wave",
            "kind: wave\n    retry: 11",
            "line 8: stages[0].retry: 11 is out of range: write at most 10",
        ),
        (
            "kind: wave",
            "kind: wave\n    retry: two",
            "line 8: stages[0].retry: 'two' has the wrong type: write a whole number, such as 2",
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy: canary",
            "line 8: stages[0].strategy: canary needs to be told more: write {canary: [25%, 50%, 100%]}",
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy: blue-green",
            "line 8: stages[0].strategy: blue-green needs to be told more: write {blue-green: {keep: 10m}}",
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy: {steps: [25%]}",
            (
                'line 8: stages[0].strategy: {"steps": ["25%"]} is no strategy: write rolling, '
                "{canary: [25%, 50%, 100%]} or {blue-green: {keep: 10m}}"
            ),
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy:\n      canary:\n        - 25%\n        - 200%",
            "line 11: stages[0].strategy.canary[1]: 200% is out of range: write at most 100%",
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy: {canary: [50%, 25%]}",
            (
                "line 8: stages[0].strategy.canary: the shares of a canary grow from step to step: write them so, such as "
                "[25%, 50%, 100%]"
            ),
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy: {canary: 25%}",
            (
                "line 8: stages[0].strategy.canary: '25%' has the wrong type: write a list of shares, such as "
                "[25%, 50%, 100%]"
            ),
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy:\n      canary:\n        - 25%\n        - 100%",
            (
                "line 11: stages[0].strategy.canary[1]: without a route the clone's share is that of its pods, at most "
                "50%: name the workload's route, or end the canary with 50%"
            ),
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy: {canary: [25%], pause: 2m}",
            (
                "line 8: stages[0].strategy.pause: there is no field 'pause' here: remove it; the fields here are "
                "canary, wait, verify, soak, margins, on-inconclusive"
            ),
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy: {blue-green: {}}",
            "line 8: stages[0].strategy.blue-green.keep: this field is missing: add it, such as `keep: 10m`",
        ),
        (
            "kind: wave",
            "kind: wave\n    strategy:\n      blue-green:\n        keep: 10m\n        requests: [{get: healthz}]",
            (
                "line 11: stages[0].strategy.blue-green.requests[0]: 'healthz' is no path: it starts with / and has "
                "printable ASCII without blanks"
            ),
        ),
        (
            "kind: wave",
            "kind: blue-green",
            (
                "line 7: stages[0].kind: blue-green is a strategy and no kind of stage: write `kind: wave` with "
                "`strategy: {blue-green: {keep: 10m}}`"
            ),
        ),
        (
            "for: 2h",
            "for: 2 hours",
            (
                "line 9: stages[1].for: '2 hours' is no duration: write a number and a unit, such as 90s, 10m or 2h"
            ),
        ),
        ("for: 2h", "for: 91d", "line 9: stages[1].for: 91d is out of range: write at most 90d"),
        ("for: 2h", "for: 0s", "line 9: stages[1].for: 0s is out of range: write more than 0s"),
        ("for: 2h", "for: -1", "line 9: stages[1].for: -1s is out of range: write more than 0s"),
        (
            "for: 2h",
            "for: 60",
            "line 9: stages[1].for: 60 has no unit: write 60s, 60m or 60h, whichever is meant",
        ),
        (
            "for: 2h",
            "for: .inf",
            "line 9: stages[1].for: '.inf' is no number: write at most 18 decimal digits",
        ),
        (
            "for: 2h",
            "for: true",
            (
                "line 9: stages[1].for: true has the wrong type: write a duration, a number and a unit, "
                "such as 90s, 10m or 2h"
            ),
        ),
        (
            "kind: Plan",
            "kind: Plan\nfalse-alarms: 30%",
            "line 2: false-alarms: 30% is out of range: write at most 20%",
        ),
        (
            "kind: Plan",
            "kind: Plan\nfalse-alarms: one",
            "line 2: false-alarms: 'one' is no share: write a percentage, such as 10%",
        ),
        (
            "kind: Plan",
            "kind: Plan\nqueue: {supersede: yes}",
            "line 2: queue.supersede: 'yes' has the wrong type: write true or false",
        ),
        (
            "name: watch, kind: watch",
            "name: all, kind: watch",
            "line 9: stages[1].name: two stages are named all, the first is stages[0]: give each its own name",
        ),
        (
            "kind: Plan",
            "kind: Plan\nkind: Plan",
            "line 2: kind: this field is written twice, first in line 1: remove one",
        ),
        (
            "application: payments",
            'application: payments\n"\\0": x',
            "line 3: plan: remove the character that cannot be stored: NUL, or half of a pair",
        ),
    ],
)
def test_a_problem_is_told_with_line_field_and_what_to_write(old: str, new: str, told: str) -> None:
    assert _problems(_instead(old, new))[0] == told


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = _instead("application: payments", "application: P").replace("for: 2h", "fur: 2h")
    assert [problem.split(":")[0] for problem in _problems(text)] == ["line 2", "line 9", "line 9"]


def test_problems_behind_an_unknown_kind_and_between_stages_are_told_at_once_each_with_its_line() -> None:
    stages = """\
  - {name: a, kind: canary, regions: [eu-north], share: 200%}
  - {name: b, kind: wave, regions: [eu-west, eu-west], approvals: 1}
  - {name: b, kind: wave, regions: [eu-west], retry: two}
"""
    assert _problems(GOOD[: GOOD.index("  - name: all")] + stages) == [
        "line 5: stages: a plan ends with one watch: write {name: watch, kind: watch, for: 2h} as its last stage",
        (
            "line 6: stages[0].share: there is no field 'share' here: remove it; the fields here are name, before, check, kind, regions, "
            "strategy, max-parallel, retry, on-region-failure, budget, after"
        ),
        (
            "line 6: stages[0].kind: canary is a strategy and no kind of stage: write `kind: wave` with "
            "`strategy: {canary: [25%, 50%, 100%]}`"
        ),
        (
            "line 7: stages[1].approvals: there is no field 'approvals' here: write before: {approval: required} in the "
            "stage; the fields here are name, before, check, kind, regions, "
            "strategy, max-parallel, retry, on-region-failure, budget, after"
        ),
        "line 7: stages[1].regions[1]: the region eu-west is deployed to twice, first by stages[1]: name it in one wave, once",
        "line 8: stages[2].retry: 'two' has the wrong type: write a whole number, such as 2",
        "line 8: stages[2].name: two stages are named b, the first is stages[1]: give each its own name",
        "line 8: stages[2].regions[0]: the region eu-west is deployed to twice, first by stages[1]: name it in one wave, once",
    ]


def test_stages_out_of_order_are_told_where_they_stand() -> None:
    stages = """\
  - {name: w, kind: watch, for: 2h}
  - {name: a, kind: wave, regions: [eu-west]}
  - {name: p, kind: preprod, regions: [eu-west], requests: [{get: /}]}
  - {name: v, kind: watch, for: 2h}
"""
    assert _problems(GOOD[: GOOD.index("  - name: all")] + stages) == [
        "line 7: stages[1].kind: a wave stage cannot come after a watch stage: write first preprod, then pilot, then the waves, then the watch",
        "line 7: stages[1].regions[0]: the region eu-west is in a preprod stage and in a wave: it can be only one of them",
        "line 8: stages[2].kind: a preprod stage cannot come after a watch stage: write first preprod, then pilot, then the waves, then the watch",
        "line 9: stages[3].kind: a plan ends with one watch, and this is another one: remove it",
    ]


def test_a_duration_without_a_unit_is_refused_in_json_as_well() -> None:
    checked = check_plan(GOOD)
    assert isinstance(checked, GoodPlan)
    written = checked.written | {"metrics": {"interval": 7.5}}
    assert _problems(json.dumps(written)) == [
        "line 1: metrics.interval: 7.5 has no unit: write 7.5s, 7.5m or 7.5h, whichever is meant"
    ]


def test_a_value_that_cannot_be_read_is_one_problem_and_not_two() -> None:
    assert _problems(_instead("for: 2h", "for: 0x10")) == [
        "line 9: stages[1].for: '0x10' is no number: write at most 18 decimal digits"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1", "line 1: plan: remove the anchor &x: plans have no aliases"),
        ("a: 1\nb: *x", "line 2: plan: write out what *x stands for: plans have no aliases"),
        ("a: !!str 3", "line 1: plan: remove the tag tag:yaml.org,2002:str: write the plain value"),
        ("a: !!python/object:os.system {}", "line 1: plan: remove the tag tag:yaml.org,2002:python/object:os.system: write the plain value"),
        ("%YAML 1.1\n---\na: yes", "line 2: plan: remove the directive (the line with %): plans are YAML 1.2"),
        (f"{GOOD}---\n{GOOD}", "line 10: plan: a file has one plan: move what follows the line `---` to another file"),
        ("", "line 1: plan: a plan is an object with fields: write `kind: Plan` first"),
        ("- kind: Plan", "line 1: plan: a plan is an object with fields: write `kind: Plan` first"),
        ("kind: Plan\nstages: [", "line 2: plan: this is no YAML or JSON: expected the node content, but found '<stream end>'"),
        (b"kind: Plan\n# \xff", "line 2: plan: this is no UTF-8 text: save the file as UTF-8"),
        ("#" * (MAX_BYTES + 1), "line 1: plan: the plan has 262145 bytes: 262144 are the most it can have"),
        ("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, "line 1: plan: this is nested deeper than 32 levels: write it flatter"),
        ("[" * 10_000, "line 1: plan: this is nested deeper than 32 levels: write it flatter"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_plain_data_is_refused_with_the_reason(text: str | bytes, told: str) -> None:
    assert _problems(text) == [told]


def test_aliases_cannot_blow_up_memory() -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert _problems(bomb) == ["line 1: plan: remove the anchor &a: plans have no aliases"]


def test_yes_and_no_and_dates_are_texts_as_yaml_1_2_says() -> None:
    requests = "[{post: /x, json: {on: yes, at: 2026-11-24, ten: 010, half: 0.5, none: null}}]"
    stage = f"  - {{name: pre, kind: preprod, regions: [eu-preprod], requests: {requests}}}\n  - name: all"
    checked = check_plan(_instead("  - name: all", stage))
    assert isinstance(checked, GoodPlan)
    assert checked.written["stages"][0]["requests"][0]["json"] == {
        "on": "yes", "at": "2026-11-24", "ten": 10, "half": 0.5, "none": None,
    }  # fmt: skip


def test_pairs_of_halves_in_json_are_one_character() -> None:
    text = '{"application": "\\ud83d\\ude00", "kind": "\\ud83d"}'
    told = _problems(text)
    assert "line 1: kind: remove the character that cannot be stored: NUL, or half of a pair" in told
    assert any(problem.startswith("line 1: application: '😀' is not possible here") for problem in told)


def test_a_watch_that_is_verified_is_read_with_what_follows_one_that_is_not_decided() -> None:
    checked = check_plan(_instead("for: 2h", "for: 2h, verify: {}"))
    assert isinstance(checked, GoodPlan)
    watch = checked.plan.stages[-1]
    assert isinstance(watch, WatchStage)
    assert watch.verify is not None
    assert (watch.verify.on_inconclusive, watch.verify.margins.errors) == ("pass", 1.5)
    assert _problems(_instead("for: 2h", "for: 2h, verify: {on-inconclusive: wait}")) == [
        "line 9: stages[1].verify.on-inconclusive: 'wait' is not possible here: write 'rollback', 'pass' or 'hold'"
    ]


def test_a_watch_that_is_verified_has_not_too_many_regions() -> None:
    many = ", ".join(f"r{number}" for number in range(21))
    text = _instead("for: 2h", "for: 2h, verify: {}").replace("[eu-west]", f"[{many}]")
    assert _problems(text) == [
        (
            "line 9: stages[1].verify: a watch measures at most 20 regions, and the waves have 21: leave `verify` out, "
            "and let monitoring report incidents"
        )
    ]
    assert isinstance(check_plan(text.replace(", r20]", "]")), GoodPlan)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (_instead("for: 2h}", "for: 2h, verify: }"), "stages[1].verify"),
        (f"{GOOD}remediation: {{recovers-within: }}\n", "remediation.recovers-within"),
        (_instead("for: 2h}", "for: 2h, check: }"), "stages[1].check"),
    ],
)
def test_what_is_asked_for_without_saying_what_is_refused(text: str, place: str) -> None:
    """Else it would look like a safeguard, and be none."""
    (told,) = _problems(text)
    assert f"{place}: it is empty, and would demand nothing" in told


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("{}", "stages[1].check.http: this field is missing: add it, such as `http: smoke`"),
        ("{http: Smoke}", "stages[1].check.http: "),
        ("{http: smoke, url: https://evil.example/}", "stages[1].check.url: "),
        ("{http: smoke, times: 0}", "stages[1].check.times: "),
        ("{http: smoke, within: 2m}", "stages[1].check.within: "),
        ("{http: smoke, interval: 10}", "stages[1].check.interval: 10 has no unit"),
    ],
)
def test_a_check_names_one_of_the_verifier_and_nothing_else_of_where_it_is(check: str, told: str) -> None:
    (problem,) = _problems(_instead("for: 2h}", f"for: 2h, check: {check}}}"))
    assert told in problem
