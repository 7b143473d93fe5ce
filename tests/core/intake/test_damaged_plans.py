"""Whatever a plan's text contains: its check answers with problems, and never fails itself."""

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lockgate.intake.planfile import BadPlan, check_plan

PLAN = (Path(__file__).parents[3] / "docs" / "plans" / "payments.yaml").read_text()

YAML_PIECES = st.lists(
    st.sampled_from(
        [*"{}[],:-?&*!|>'\"%@`# \n\t\\", "a", "name", "stages: ", "- ", "\n  ", "---\n", "...\n", "<<: ", "=", "1",
         "0x", "1_0", "_", "+", ".nan", "1e999", "~", "\\x", "\\U", "FFFFFFFF", "\\ud800", "😀", "\0", "\ufeff", "\x85",
         "!<", "%TAG ! ", "%YAML 9", "10%", "true", "2001-01-01"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.one_of(YAML_PIECES, st.text(), st.binary(max_size=60)))
@example('"\\UFFFFFFFF": 1')
@example("%YAML 99999999999.9\n---\na: 1")
def test_no_text_whatsoever_raises(text: str | bytes) -> None:
    assert isinstance(check_plan(text), BadPlan)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_to_a_good_plan_raises_and_each_line_exists(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(PLAN) - 1))
    length = data.draw(st.integers(0, 12))
    text = PLAN[:at] + data.draw(YAML_PIECES) + PLAN[at + length :]
    checked = check_plan(text)
    if isinstance(checked, BadPlan):
        assert checked.problems
        lines = 1 + sum(text.count(end) for end in "\n\r\x85\u2028\u2029")
        assert all(1 <= problem.line <= lines for problem in checked.problems)
