"""A real Kubernetes control plane on loopback for tests: no Docker, no root, no network once it is built.

`python -m tests.support.controlplane` builds its programs once (`make test-cluster` does it by itself); the
fixture `control_plane` starts them, once for all processes of a run; nodes and pods are played by KWOK. It never
outlives the test run.
"""

from tests.support.controlplane.behaviours import Acts, digest
from tests.support.controlplane.plane import ControlPlane
from tests.support.controlplane.programs import MissingProgramsError, Programs, programs
from tests.support.controlplane.starting import started
from tests.support.controlplane.tenants import Tenant

__all__ = [
    "Acts",
    "ControlPlane",
    "MissingProgramsError",
    "Programs",
    "Tenant",
    "digest",
    "programs",
    "started",
]
