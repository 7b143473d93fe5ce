"""The control plane of a test run: started for the first test that asks for it, ended with the run."""

from collections.abc import Iterator

import pytest

from tests.support.controlplane import ControlPlane, MissingProgramsError, programs
from tests.support.servers import unavailable


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    try:
        found = programs()
    except MissingProgramsError as error:
        unavailable(error.what, error.how)
    with ControlPlane(found, tmp_path_factory.mktemp("control-plane") / "files") as running:
        yield running
