"""The REST client of kubernetes_asyncio without its models, of which the deployer needs none.

The package imports some seven hundred modules, one per kind of object: a second and a half at each start, and 80 MiB
for as long as the process lives. Objects are dicts here, so only the client and its configuration are loaded. The
half-loaded package is taken away again: whoever imports it in the same process gets the whole one.
"""

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_PACKAGES = ("kubernetes_asyncio", "kubernetes_asyncio.client", "kubernetes_asyncio.client.models")


def _unrun(name: str) -> ModuleType:
    """A package whose modules can be imported, though its own code has not run. ImportError if there is none."""
    spec = find_spec(name)
    if spec is None:
        raise ImportError(f"{name} is not installed")
    module = sys.modules[name] = module_from_spec(spec)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module


def _loaded() -> tuple[Any, Any]:
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == _PACKAGES[0]}
    for name in before:
        del sys.modules[name]
    try:
        for name in _PACKAGES:
            _unrun(name)
        from kubernetes_asyncio.client.api_client import ApiClient  # noqa: PLC0415  # its package has to be there first
        from kubernetes_asyncio.client.configuration import Configuration  # noqa: PLC0415  # as above
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == _PACKAGES[0]]:
            del sys.modules[name]
        sys.modules.update(before)
    return ApiClient, Configuration


ApiClient, Configuration = _loaded()
