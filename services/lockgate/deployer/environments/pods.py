"""The pods of an environment: those of the live workload, without what reaches out of their namespace. Pure.

Refused is what the baseline of the Pod Security Standards forbids, and what an override is missing for. What an
environment does without is left out, in silence because docs/environments.md says so: accounts without an override and
their tokens, ports of the node, and the priority by which it could push out production's pods.
"""

import copy
from collections.abc import Iterator
from typing import Final

from lockgate.deployer.environments.references import CONTAINERS, rebound
from lockgate.deployer.objects import Json
from lockgate.messages.environments import Overrides

_OF_THE_NODE: Final = ("hostNetwork", "hostPID", "hostIPC")
_LEFT_OUT: Final = ("serviceAccountName", "serviceAccount", "priorityClassName", "priority", "nodeName")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS: Final = ("postStart", "preStop")
_ASKS: Final = ("httpGet", "tcpSocket")
_BASELINE: Final = {
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
}


class UnfitError(Exception):
    """Pods that no environment can have; the message says why, and what to write instead."""


def fit(spec: Json, overrides: Overrides) -> Json:
    """A copy of a pod's spec as an environment has it. UnfitError with all that stands in the way."""
    pod = copy.deepcopy(spec)
    problems = [*_hazards(pod), *rebound(pod, overrides)]
    if problems:
        raise UnfitError(" ".join(problems))
    account = overrides.accounts.get(str(pod.get("serviceAccountName", "")))
    for key in _LEFT_OUT:
        pod.pop(key, None)
    if account is None:
        pod["automountServiceAccountToken"] = False
    else:
        pod["serviceAccountName"] = account
    for container in _containers(pod):
        for port in container.get("ports") or ():
            port.pop("hostPort", None)
    return pod


def _hazards(pod: Json) -> Iterator[str]:
    for key in _OF_THE_NODE:
        if pod.get(key):
            yield f"Its pods ask for {key}, which no NetworkPolicy holds back: write environment: always-on."
    if pod.get("resourceClaims"):
        yield "Its pods claim devices (resourceClaims), which an environment has none of: write environment: always-on."
    for container in _containers(pod):
        rights = container.get("securityContext") or {}
        if rights.get("privileged") or (rights.get("windowsOptions") or {}).get("hostProcess"):
            yield f"The container {container['name']} is privileged, so nothing holds it back: write environment: always-on."
        added = set((rights.get("capabilities") or {}).get("add") or ()) - _BASELINE
        if added:
            yield (
                f"The container {container['name']} has the capability {min(added)}, more than the baseline of the Pod "
                "Security Standards allows: write environment: always-on."
            )
        for what in _elsewhere(container):
            yield (
                f"The {what} of the container {container['name']} names a host, which the node would ask and no NetworkPolicy "
                "holds back: take `host` from it, so that it asks the pod, or write environment: always-on."
            )


def _elsewhere(container: Json) -> Iterator[str]:
    """The probes and hooks that are not sent to the pod itself."""
    asked = {key: container.get(key) for key in _PROBES}
    asked |= {key: (container.get("lifecycle") or {}).get(key) for key in _HOOKS}
    for what, sent in asked.items():
        if any(((sent or {}).get(way) or {}).get("host") for way in _ASKS):
            yield what


def _containers(pod: Json) -> Iterator[Json]:
    for kind in CONTAINERS:
        yield from pod.get(kind) or ()
