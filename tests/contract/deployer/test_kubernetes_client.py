"""The deployer loads the Kubernetes client without its models, and takes them from nobody else."""

import subprocess
import sys

LOADS = """
import sys
import lockgate.deployer.cluster
print(sum(name.startswith("kubernetes_asyncio") for name in sys.modules))
from kubernetes_asyncio import client
print(client.V1Pod.__name__, client.CoreV1Api.__name__, client.ApiClient is lockgate.deployer.cluster.ApiClient)
"""
AFTERWARDS = """
from kubernetes_asyncio import client
import lockgate.deployer.cluster
from kubernetes_asyncio import client as again
print(client is again, client.V1Pod.__name__)
"""


def _said(code: str) -> list[str]:
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_no_model_is_loaded_and_whoever_wants_them_gets_the_whole_package() -> None:
    assert _said(LOADS) == ["0", "V1Pod CoreV1Api False"]


def test_a_package_that_is_there_already_stays() -> None:
    assert _said(AFTERWARDS) == ["True V1Pod"]
