"""The backstop of the fence in the cluster itself: a ValidatingAdmissionPolicy over what a region's deployer writes. Pure.

A deployer's own writes hold without it, because the fence is their condition. It is for the writes that should not exist:
of a deployer that is damaged, or of somebody else with its token. It judges no one but that ServiceAccount.
"""

from typing import Final

from lockgate.deployer.fencing import OWN
from lockgate.deployer.objects import CLONE_LABEL, Json

_ADMISSION: Final = "admissionregistration.k8s.io"
_IS_FENCE: Final = f"key.matches('^(.+[.])?{OWN.fence.replace('.', '[.]')}$')"
_RESOURCES: Final = (
    ("apps", "v1", ["deployments", "deployments/scale"]),
    ("", "v1", ["services"]),
    ("gateway.networking.k8s.io", "*", ["httproutes"]),
    ("networking.istio.io", "*", ["virtualservices"]),
    ("autoscaling", "*", ["horizontalpodautoscalers"]),
    ("", "v1", ["configmaps"]),
    ("core.openfeature.dev", "*", ["featureflags"]),
    ("networking.k8s.io", "v1", ["networkpolicies"]),
)
_WELL: Final = "matches('^[0-9]{1,18}[.][0-9]{1,18}[.][0-9]{1,18}$')"
_NOT_BELOW: Final = (
    "[variables.old[key].split('.')].all(o, [variables.new[key].split('.')].all(n, "
    "int(n[0]) > int(o[0]) || (int(n[0]) == int(o[0]) && "
    "(int(n[1]) > int(o[1]) || (int(n[1]) == int(o[1]) && int(n[2]) >= int(o[2]))))))"
)
"""Fences are compared as tuples; CEL has no names for values but those of a list's elements."""

_KEPT: Final = (
    f"key in variables.new && variables.old[key].{_WELL} && variables.new[key].{_WELL} && {_NOT_BELOW}"
)
_VALIDATIONS: Final = {
    f"object == null || variables.old.all(key, !{_IS_FENCE} || ({_KEPT}))": (
        "a fence may not fall, go, or be no fence: a newer step or order has been here"
    ),
    f"object == null || variables.new.exists(key, {_IS_FENCE} && variables.new[key].{_WELL})": (
        "a deployer leaves a fence on everything that it writes"
    ),
    "request.operation == 'UPDATE' || variables.clone": "a deployer makes and deletes nothing but clones",
    "request.operation != 'UPDATE' || variables.clone == variables.cloned": (
        "what is no clone does not become one, nor the other way round"
    ),
}
"""What must hold, and what is said if it does not. `object` is null when it is deleted."""


def policy(name: str, namespace: str) -> list[Json]:
    """The policy for the deployer of this ServiceAccount, and its binding to the region's namespace."""
    its = {"name": f"{namespace}-{name}-fence"}
    account = f"request.userInfo.username == 'system:serviceaccount:{namespace}:{name}'"
    selected = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [_rule(*each) for each in _RESOURCES]},
        "matchConditions": [{"name": "its-deployer", "expression": account}],
        "variables": [
            {"name": "old", "expression": _part("oldObject", "annotations")},
            {"name": "new", "expression": _part("object", "annotations")},
            {"name": "cloned", "expression": f"'{CLONE_LABEL}' in {_part('oldObject', 'labels')}"},
            {
                "name": "clone",
                "expression": f"object == null ? variables.cloned : '{CLONE_LABEL}' in {_part('object', 'labels')}",
            },
        ],
        "validations": [
            {"expression": expression, "message": message, "reason": "Forbidden"}
            for expression, message in _VALIDATIONS.items()
        ],
    }
    bound = {"policyName": its["name"], "validationActions": ["Deny"], "matchResources": selected}
    return [
        {
            "apiVersion": f"{_ADMISSION}/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": its,
            "spec": spec,
        },
        {
            "apiVersion": f"{_ADMISSION}/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": its,
            "spec": bound,
        },
    ]


def _rule(group: str, version: str, resources: list[str]) -> Json:
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": resources,
    }


def _part(obj: str, field: str) -> str:
    """Annotations or labels of an object that may be absent; an empty map then."""
    return f"({obj} == null || !has({obj}.metadata.{field}) ? {{}} : {obj}.metadata.{field})"
