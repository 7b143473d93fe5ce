"""The control plane of a test run: started for the first test that asks for it, ended with the run."""

from collections.abc import Iterator

import pytest

from tests.support.controlplane import ControlPlane, MissingProgramsError, Programs, programs
from tests.support.servers import unavailable


def required() -> Programs:
    """The programs, for a test that needs them: without them it is skipped, and in CI failed."""
    try:
        return programs()
    except MissingProgramsError as error:
        unavailable(error.what, error.how)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(required(), tmp_path_factory.mktemp("control-plane") / "files") as running:
        yield running
