"""`python -m lockgate.deployer.chart [FOLDER]`: writes what the Helm chart says of a region's deployer, from the table of
its rights. Without an argument the chart is ./charts/lockgate.
"""

import io
import sys
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from lockgate.deployer.rights import manifests

TEMPLATE: Final = "templates/deployer.yaml"
NAME: Final = "{{ .Values.deployer.name }}"
NAMESPACE: Final = "{{ .Release.Namespace }}"

_HEAD = "# Written by `make chart` from services/lockgate/deployer/rights.py. One release of the chart is one region.\n"


def template() -> str:
    """The text of the template: YAML also before Helm fills it in."""
    text, yaml = io.StringIO(), YAML()
    yaml.width = 4096
    yaml.representer.ignore_aliases = lambda _: True  # each document is read for itself
    yaml.dump_all(manifests(NAME, NAMESPACE), text)
    return _HEAD + text.getvalue()


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path("charts/lockgate")
    (folder / TEMPLATE).write_text(template())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
