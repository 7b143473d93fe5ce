"""Names of a workload that no cluster could have, or that mean something elsewhere, get no further than the plan."""

import json

import pytest
from pydantic import ValidationError

from lockgate.intake.planfile import BadPlan, check_plan
from lockgate.messages.values import Workload

PLAN = """
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {}
stages:
  - {{name: first, kind: wave, regions: [west], budget: 60s}}
  - {{name: watch, kind: watch, for: 1s}}
"""
GOOD = {"deployment": "payments", "container": "app", "service": "payments", "route": "payments"}
OBJECT = (
    "write the name of a Kubernetes object, lower-case letters, digits, dashes and dots, such as payments"
)
LABEL = "write a name of at most 63 lower-case letters, digits and dashes, such as eu-west"
ROUTE = "write the name of an HTTPRoute, such as payments, or of a VirtualService, such as virtualservice/payments"
FIELDS = {"deployment": OBJECT, "container": LABEL, "service": LABEL, "route": ROUTE}
NAMES = [
    'pay"ments',
    "pay'ments",
    "{payments}",
    "{{payments}}",
    "$(payments)",
    "../payments",
    "pay/ments",
    "virtualservice/",
    "ingress/payments",
    "",
    "p" * 254,
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", NAMES)
def test_such_a_name_is_refused_with_its_line_and_what_to_write(field: str, name: str) -> None:
    checked = check_plan(PLAN.format(json.dumps({**GOOD, field: name})))
    assert isinstance(checked, BadPlan)
    (problem,) = map(str, checked.problems)
    assert problem.startswith(f"line 5: workload.{field}: ")
    assert problem.endswith(FIELDS[field])


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", NAMES)
def test_no_event_carries_such_a_name_to_a_deployer(field: str, name: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Workload.model_validate({**GOOD, field: name})


def test_a_name_of_253_characters_is_one() -> None:
    assert Workload.model_validate({**GOOD, "deployment": "p" * 253, "route": "p" * 253}).route == "p" * 253


def test_a_route_may_be_a_virtual_service_and_then_says_so() -> None:
    meshed = Workload.model_validate({**GOOD, "route": "virtualservice/payments"})
    assert not meshed.is_by_http_route
    assert Workload.model_validate(GOOD).is_by_http_route
