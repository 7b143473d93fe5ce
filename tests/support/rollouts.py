"""A deployment, its ReplicaSets and pods, moved by the sandbox's pure cores with time as an argument."""

from dataclasses import dataclass, field
from itertools import count

from lockgate.sandbox import deployments, replicasets
from lockgate.sandbox.defaults import with_defaults
from lockgate.sandbox.kinds import DEPLOYMENTS
from lockgate.sandbox.objects import Json, condition, name_of, owner_of, stamp


def deployment(replicas: int, **spec: object) -> Json:
    body: Json = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "app:v1"}]},
            },
            **spec,
        },
    }
    return with_defaults(DEPLOYMENTS, body)


@dataclass
class World:
    """What the API server would hold. `settle` runs the controllers until they want nothing more."""

    deployment: Json
    sets: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, Json] = field(default_factory=dict)
    due: float | None = None
    most_pods: int = 0
    fewest_ready: int = 1_000_000
    _number: count = field(default_factory=count)  # type: ignore[type-arg] # a plain counter of pods

    def change(self, **spec: object) -> None:
        metadata = {
            **self.deployment["metadata"],
            "generation": self.deployment["metadata"]["generation"] + 1,
        }
        self.deployment = {
            **self.deployment,
            "metadata": metadata,
            "spec": {**self.deployment["spec"], **spec},
        }

    def new_image(self, image: str) -> None:
        template = self.deployment["spec"]["template"]
        container = {**template["spec"]["containers"][0], "image": image}
        self.change(template={**template, "spec": {**template["spec"], "containers": [container]}})

    def settle(self, now: float) -> None:
        for _ in range(500):
            if not self._step(now):
                return
        raise AssertionError("the controllers never came to rest")

    def make_ready(self, now: float, image: str = "", most: int = 1_000_000) -> None:
        """Let at most `most` pods (of this image) become ready."""
        waiting = [name for name, pod in self.pods.items() if not condition(pod, "Ready")]
        chosen = [name for name in waiting if image in self.pods[name]["spec"]["containers"][0]["image"]]
        for name in chosen[:most]:
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": stamp(now)}
            self.pods[name] = {**self.pods[name], "status": {"phase": "Running", "conditions": [ready]}}

    def images(self) -> list[str]:
        return sorted(pod["spec"]["containers"][0]["image"] for pod in self.pods.values())

    def ready(self) -> int:
        return sum(condition(pod, "Ready") is not None for pod in self.pods.values())

    def progressing(self) -> tuple[str, str]:
        found = condition(self.deployment, "Progressing")
        assert found is not None
        return found["status"], found["reason"]

    def _step(self, now: float) -> bool:
        step = deployments.reconcile(self.deployment, list(self.sets.values()), list(self.pods.values()), now)
        self.due = step.due
        before = (self.deployment, dict(self.sets), dict(self.pods))
        if step.create is not None:
            name = name_of(step.create)
            metadata = {**step.create["metadata"], "uid": f"uid-{name}", "generation": 1}
            self.sets[name] = {**step.create, "metadata": metadata}
        self.sets |= {name_of(each): each for each in step.update}
        for name in step.delete:
            del self.sets[name]
        self.deployment = {**(step.deployment or self.deployment), "status": step.status}
        for name in list(self.sets):
            self._scale(name, now)
        self.most_pods = max(self.most_pods, len(self.pods))
        self.fewest_ready = min(self.fewest_ready, self.ready())
        return before != (self.deployment, self.sets, self.pods)

    def _scale(self, name: str, now: float) -> None:
        owned = [pod for pod in self.pods.values() if owner_of(pod) == self.sets[name]["metadata"]["uid"]]
        scaling = replicasets.reconcile(self.sets[name], owned, now)
        for _ in range(scaling.create):
            pod = replicasets.new_pod(self.sets[name], str(next(self._number)))
            metadata = {**pod["metadata"], "uid": name_of(pod), "creationTimestamp": stamp(now)}
            self.pods[name_of(pod)] = {**pod, "metadata": metadata, "status": {"phase": "Pending"}}
        for gone in scaling.delete:
            del self.pods[gone]
        self.sets[name] = {**self.sets[name], "status": scaling.status}
