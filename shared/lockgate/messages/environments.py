"""On-demand environments, as a plan says them: what stands in for what the live workload refers to, and whom it may reach."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from lockgate.messages.blocks import block_of, forbidden
from lockgate.messages.plan_parts import PlanPart
from lockgate.messages.values import Name, ObjectName

Port = Annotated[int, Field(ge=1, le=65535)]
Replacements = dict[ObjectName, ObjectName]
MOST_REPLACEMENTS = 100


class Overrides(PlanPart):
    """The name in the live workload -> the name of what stands in for it, in the environment's own namespace."""

    configmaps: Replacements = Field(default={}, max_length=MOST_REPLACEMENTS)
    secrets: Replacements = Field(default={}, max_length=MOST_REPLACEMENTS)
    claims: Replacements = Field(
        default={}, max_length=MOST_REPLACEMENTS, description="PersistentVolumeClaims"
    )
    accounts: Replacements = Field(
        default={},
        max_length=MOST_REPLACEMENTS,
        description="ServiceAccounts; one without is left out, and its token with it",
    )


class Egress(PlanPart):
    """Whom an environment may talk to beside the cluster's DNS: one block of addresses, or one namespace."""

    cidr: str | None = Field(default=None, max_length=49, description="such as 10.20.0.0/16")
    namespace: Name | None = None
    ports: list[Port] = Field(min_length=1, max_length=20, description="of TCP and UDP")

    @field_validator("cidr")
    @classmethod
    def _a_block(cls, cidr: str | None) -> str | None:
        return None if cidr is None else str(block_of(cidr))

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.cidr is None) == (self.namespace is None):
            raise ValueError(
                "an egress names exactly one of cidr and namespace, such as {namespace: payments-test-db, ports: [5432]}"
            )
        if self.namespace == "kube-system":
            raise ValueError(
                "kube-system is the cluster's own: its DNS may be asked without an egress, and nothing else there"
            )
        if self.cidr is not None and (why := forbidden(block_of(self.cidr), self.ports)) is not None:
            raise ValueError(why)
        return self


class Environment(PlanPart):
    """What a grant says of the environment that it is for."""

    replicas: int = Field(default=1, ge=1, le=20)
    overrides: Overrides = Overrides()
    egress: list[Egress] = Field(default=[], max_length=50)
