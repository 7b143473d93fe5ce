"""Several regions in memory behind the real HTTP APIs (Kubernetes, Prometheus), with traffic whose behaviour images decide.

For the demo, rehearsals and tests: `Sandbox` in a test, `python -m lockgate.sandbox` as a process.
"""

from lockgate.sandbox.behaviour import Behaviour
from lockgate.sandbox.sandbox import Sandbox
from lockgate.sandbox.settings import RegionSettings, Settings, WorkloadSettings

__all__ = ["Behaviour", "RegionSettings", "Sandbox", "Settings", "WorkloadSettings"]
