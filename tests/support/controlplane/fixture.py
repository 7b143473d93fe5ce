"""The control plane of a test run: started for the first test that asks for it, ended with the run."""

import os
from collections.abc import Iterator

import pytest

from tests.support.controlplane import ControlPlane, MissingProgramsError, Programs, programs
from tests.support.controlplane.sharing import shared
from tests.support.servers import unavailable


def required() -> Programs:
    """The programs, for a test that needs them: without them it is skipped, and in CI failed."""
    try:
        return programs()
    except MissingProgramsError as error:
        unavailable(error.what, error.how)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One for all processes that the tests are dealt to: each test has namespaces of its own."""
    required()
    own = tmp_path_factory.getbasetemp()
    of_the_run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with shared(of_the_run / "control-plane") as running:
        yield running
