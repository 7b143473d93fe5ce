"""The pods of an environment: nothing in them leads to what is live, and what could is refused with what to write."""

import copy
from typing import Any

import pytest

from lockgate.deployer.environments.pods import UnfitError, fit
from lockgate.deployer.environments.references import Reference, references
from lockgate.messages.environments import Overrides

EVERYWHERE: dict[str, Any] = {
    "imagePullSecrets": [{"name": "s-pull"}],
    "serviceAccountName": "payments",
    "initContainers": [
        {"name": "migrate", "image": "m:1", "envFrom": [{"configMapRef": {"name": "c-init"}}]},
        {
            "name": "proxy",
            "image": "p:1",
            "restartPolicy": "Always",
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s-sidecar", "key": "k"}}}],
        },
    ],
    "containers": [
        {
            "name": "app",
            "image": "a:1",
            "envFrom": [{"prefix": "X_", "secretRef": {"name": "s-from", "optional": True}}],
            "env": [
                {"name": "PLAIN", "value": "as it is"},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c-key", "key": "k"}}},
                {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "ports": [{"containerPort": 8080, "hostPort": 80}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
        },
    ],
    "volumes": [
        {"name": "v1", "configMap": {"name": "c-volume"}},
        {"name": "v2", "secret": {"secretName": "s-volume"}},
        {"name": "v3", "persistentVolumeClaim": {"claimName": "d-claim"}},
        {"name": "v4", "emptyDir": {}},
        {
            "name": "v5",
            "projected": {
                "sources": [
                    {"configMap": {"name": "c-projected"}},
                    {"secret": {"name": "s-projected"}},
                    {"downwardAPI": {"items": []}},
                    {"serviceAccountToken": {"path": "token"}},
                ]
            },
        },
        {"name": "v6", "ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {}}}}},
    ],
}
CONFIGMAPS = ("c-init", "c-key", "c-volume", "c-projected")
SECRETS = ("s-sidecar", "s-from", "s-volume", "s-projected", "s-pull")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HOOKS = ("postStart", "preStop")
ALL = Overrides(
    configmaps={name: f"{name}-test" for name in CONFIGMAPS},
    secrets={name: f"{name}-test" for name in SECRETS},
    claims={"d-claim": "d-claim-test"},
)


def without(kind: str, name: str) -> Overrides:
    left = {each: value for each, value in getattr(ALL, kind).items() if each != name}
    return ALL.model_copy(update={kind: left})


def pod(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": "a:1"}], **more}


def container(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": "a:1", **more}]}


def refusal(spec: dict[str, Any], overrides: Overrides = Overrides()) -> str:  # noqa: B008  # it is immutable
    with pytest.raises(UnfitError) as refused:
        fit(spec, overrides)
    return str(refused.value)


def test_each_reference_of_every_kind_gets_what_stands_in_for_it() -> None:
    fitted = fit(EVERYWHERE, ALL)
    names = [found.name for found in references(fitted) if isinstance(found, Reference)]
    assert sorted(names) == sorted(f"{name}-test" for name in (*CONFIGMAPS, *SECRETS, "d-claim"))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("configmaps", name) for name in CONFIGMAPS),
        *(("secrets", name) for name in SECRETS),
        ("claims", "d-claim"),
    ],
)
def test_without_any_one_override_it_is_refused_with_what_to_write(kind: str, name: str) -> None:
    assert f"write overrides: {{{kind}: {{{name}: ITS-NAME}}}} into the stage" in refusal(
        EVERYWHERE, without(kind, name)
    )


def test_all_that_is_missing_is_said_at_once_and_each_thing_once() -> None:
    twice = container(
        envFrom=[
            {"secretRef": {"name": "keys"}},
            {"secretRef": {"name": "keys"}},
            {"configMapRef": {"name": "db"}},
        ]
    )
    said = refusal(twice)
    assert said.count("the Secret keys") == 1
    assert "the ConfigMap db" in said
    assert "the container app refers to" in said


def test_what_is_live_is_not_changed_by_it() -> None:
    before = copy.deepcopy(EVERYWHERE)
    fit(EVERYWHERE, ALL)
    assert before == EVERYWHERE


def test_limits_are_kept_and_ports_of_the_node_and_the_account_are_not() -> None:
    fitted = fit(EVERYWHERE, ALL)
    app = fitted["containers"][0]
    assert app["resources"] == {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert app["ports"] == [{"containerPort": 8080}]
    assert "serviceAccountName" not in fitted
    assert fitted["automountServiceAccountToken"] is False


def test_an_account_that_the_plan_names_keeps_its_token() -> None:
    fitted = fit(EVERYWHERE, ALL.model_copy(update={"accounts": {"payments": "payments-test"}}))
    assert fitted["serviceAccountName"] == "payments-test"
    assert "automountServiceAccountToken" not in fitted


def test_production_is_not_pushed_out_by_its_priority_nor_its_node_taken() -> None:
    fitted = fit(pod(priorityClassName="critical", priority=1000, nodeName="n-1"), Overrides())
    assert fitted == pod(automountServiceAccountToken=False)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (pod(hostNetwork=True), "Its pods ask for hostNetwork"),
        (pod(hostPID=True), "Its pods ask for hostPID"),
        (pod(hostIPC=True), "Its pods ask for hostIPC"),
        (pod(resourceClaims=[{"name": "gpu", "resourceClaimName": "shared"}]), "claim devices"),
        (container(securityContext={"privileged": True}), "The container app is privileged"),
        (
            container(securityContext={"windowsOptions": {"hostProcess": True}}),
            "The container app is privileged",
        ),
        (container(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}), "the capability NET_ADMIN"),
        (
            pod(initContainers=[{"name": "i", "securityContext": {"privileged": True}}]),
            "The container i is privileged",
        ),
        (pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "the volume v uses hostPath"),
        (pod(volumes=[{"name": "v", "nfs": {"server": "s", "path": "/"}}]), "the volume v uses nfs"),
        (
            pod(volumes=[{"name": "v", "csi": {"driver": "secrets-store.csi.k8s.io"}}]),
            "the volume v uses csi",
        ),
        (pod(volumes=[{"name": "v", "notYetKnown": {}}]), "the volume v uses notYetKnown"),
        (
            pod(volumes=[{"name": "v", "projected": {"sources": [{"podCertificate": {}}]}}]),
            "the volume v uses podCertificate",
        ),
        (
            pod(
                volumes=[
                    {
                        "name": "v",
                        "ephemeral": {"volumeClaimTemplate": {"spec": {"dataSource": {"name": "live"}}}},
                    }
                ]
            ),
            "the volume v uses ephemeral storage with dataSource",
        ),
        (
            container(env=[{"name": "A", "valueFrom": {"vaultKeyRef": {}}}]),
            "the container app (A) uses vaultKeyRef",
        ),
        (container(envFrom=[{"vaultRef": {"name": "v"}}]), "the container app uses vaultRef"),
    ],
)
def test_what_could_reach_production_is_refused(spec: dict[str, Any], said: str) -> None:
    assert said in refusal(spec)


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize(
    ("what", "written"),
    [
        *((each, {each: {"httpGet": {"host": "10.9.8.7", "port": 80}}}) for each in PROBES),
        *((each, {each: {"tcpSocket": {"host": "registry", "port": 80}}}) for each in PROBES),
        *((each, {"lifecycle": {each: {"httpGet": {"host": "10.9.8.7", "port": 80}}}}) for each in HOOKS),
        *((each, {"lifecycle": {each: {"tcpSocket": {"host": "registry", "port": 80}}}}) for each in HOOKS),
    ],
)
def test_what_the_node_would_ask_elsewhere_in_the_pods_name_is_refused(
    kind: str, what: str, written: dict[str, Any]
) -> None:
    said = refusal(pod(**{kind: [{"name": "app", "image": "a:1", **written}]}))
    assert f"The {what} of the container app names a host" in said


def test_probes_and_hooks_of_the_pod_itself_are_kept() -> None:
    kept = container(
        livenessProbe={"httpGet": {"path": "/live", "port": 80}},
        readinessProbe={"grpc": {"port": 81}},
        lifecycle={"preStop": {"exec": {"command": ["sleep", "1"]}}},
    )
    assert fit(kept, Overrides())["containers"] == kept["containers"]


def test_rights_of_the_baseline_are_no_reason_to_refuse() -> None:
    kept = container(securityContext={"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}})
    assert fit(kept, Overrides())["containers"] == kept["containers"]
