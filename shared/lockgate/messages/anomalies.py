"""The topic `anomalies`, an inlet written by monitoring."""

from typing import Any, Self

from pydantic import Field

from lockgate.messages.inlet import Inlet


class _Incident(Inlet):
    incident: str = Field(max_length=512)
    service: str = Field(max_length=256, description="the application")
    environment: str = Field(default="", max_length=256, description="the region; empty for all")
    artifact_id: str | None = Field(default=None, max_length=1024)
    description: str = Field(default="", max_length=4096)

    @classmethod
    def read(cls, subject_id: str, content: dict[str, Any], custom_data: Any) -> Self:
        del custom_data
        service, environment = content.get("service"), content.get("environment")
        return cls(
            incident=subject_id,
            service=service.get("id", "") if isinstance(service, dict) else "",
            environment=environment.get("id", "") if isinstance(environment, dict) else "",
            artifact_id=content.get("artifactId"),
            description=content.get("description", ""),
        )

    def subject_id(self) -> str:
        return self.incident


class IncidentDetected(_Incident, topic="anomalies", native="incident.detected.0.3.0"):
    """Monitoring says that something is wrong with an application in a region."""


class IncidentResolved(_Incident, topic="anomalies", native="incident.resolved.0.3.0"):
    """Monitoring says that an incident is over."""
