"""How an image behaves, decided by its digest alone. Pure; `kubelet`, `traffic` and `proxy` ask here."""

import re
from collections.abc import Callable, Mapping

from pydantic import BaseModel, ConfigDict, Field

from lockgate.sandbox.objects import Json

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


class Behaviour(BaseModel):
    """What pods of an image do. The default is a healthy one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_rate: float = Field(default=0.0, ge=0, le=1)
    latency_ms: float = Field(default=20.0, gt=0)  # median
    latency_spread: float = Field(default=0.35, ge=0, le=3)  # sigma of the logarithm
    start_seconds: float = Field(default=0.0, ge=0)  # from container start to ready
    never_ready: bool = False
    missing: bool = False  # the registry does not have it: ImagePullBackOff
    homeless: bool = False  # no node has room for its pods: Unschedulable
    crash_after_seconds: float | None = Field(default=None, ge=0)  # the container ends, again and again
    memory_mb: float = Field(default=128.0, gt=0)
    memory_leak_mb_per_second: float = 0.0
    cpu: float = Field(default=0.02, ge=0)  # cores at rest
    cpu_ms_per_request: float = Field(default=2.0, ge=0)
    fault_from_share: float = Field(default=0.0, ge=0, le=1)  # error_rate holds from this share of traffic on
    fault_after_seconds: float = Field(default=0.0, ge=0)  # and from this age of the container on
    fault_with_flag: str | None = None  # and only while this feature flag is on in the region
    answers: Mapping[str, int] = Field(default_factory=dict)  # path prefix -> status that it always answers

    @property
    def starts(self) -> bool:
        """Whether a container ever comes to run."""
        return not (self.missing or self.homeless)

    def errors_at(self, share: float, age: float, flag_is_on: Callable[[str], bool]) -> float:
        """The error rate of a pod of this age (seconds) whose version carries this share of the traffic."""
        if share < self.fault_from_share or age < self.fault_after_seconds:
            return 0.0
        if self.fault_with_flag is not None and not flag_is_on(self.fault_with_flag):
            return 0.0
        return self.error_rate

    def memory_at(self, age: float) -> float:
        """Bytes in use by a container of this age (seconds)."""
        return (self.memory_mb + self.memory_leak_mb_per_second * max(0.0, age)) * 1_000_000


HEALTHY = Behaviour()


def digest_of(image: str) -> str:
    """The digest of an image reference; the reference itself where it names none."""
    found = _DIGEST.search(image)
    return found[1] if found else image


def image_of(pod: Json) -> str:
    """A pod's image: that of its first container."""
    return str(pod["spec"]["containers"][0]["image"])
