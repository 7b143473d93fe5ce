"""`python -m lockgate.deployer.chart [FOLDER]`: writes what the Helm charts say of a region's deployer: its rights, and the
policy over its writes. Without an argument the chart is ./charts/lockgate; that with environments lies beside it.
"""

import io
import sys
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from lockgate.deployer.objects import Json
from lockgate.deployer.policy import policy
from lockgate.deployer.rights import manifests, with_environments

NAME: Final = "{{ .Values.deployer.name }}"
NAMESPACE: Final = "{{ .Release.Namespace }}"
SOURCE: Final = "{{ .Values.deployer.source }}"
ENVIRONMENT: Final = "lockgate-environment"
"""The chart for a region in which environments are made; it lies beside the other one."""

_HEAD = "# Written by `make chart` from services/lockgate/deployer/{}.py. One release of the chart is one region.\n"


def templates() -> dict[str, str]:
    """Path in the chart -> text: YAML also before Helm fills it in."""
    return _templates(manifests(NAME, NAMESPACE))


def environment_templates() -> dict[str, str]:
    """As `templates`, of the chart for a region in which environments are made."""
    return _templates(with_environments(NAME, NAMESPACE, SOURCE))


def _templates(rights: list[Json]) -> dict[str, str]:
    return {
        "templates/rights.yaml": _HEAD.format("rights") + _text(rights),
        "templates/policy.yaml": _HEAD.format("policy") + _text(policy(NAME, NAMESPACE)),
    }


def _text(objects: list[Json]) -> str:
    text, yaml = io.StringIO(), YAML()
    yaml.width = 4096
    yaml.representer.ignore_aliases = lambda _: True  # each document is read for itself
    yaml.dump_all(objects, text)
    return text.getvalue()


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path("charts/lockgate")
    for chart, texts in (
        (folder, templates()),
        (folder.parent / ENVIRONMENT, environment_templates()),
    ):
        for path, text in texts.items():
            (chart / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
