"""The Role that operators are told to give a deployer is the one that the tests run with."""

from pathlib import Path

from ruamel.yaml import YAML

from tests.support.controlplane.objects import account

OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"


def test_the_role_in_the_documentation_is_the_deployers_of_the_tests() -> None:
    text = OPERATING.read_text().partition("```yaml\nkind: Role\n")[2].partition("```")[0]
    told = YAML(typ="safe", pure=True).load("kind: Role\n" + text)
    used = next(obj for obj in account("deployer", "NAMESPACE") if obj["kind"] == "Role")
    assert told == used
