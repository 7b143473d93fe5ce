"""A contract for import-linter: these modules import only what is listed, and so does whatever they reach.

import-linter's own `forbidden` names what must not be imported; a core must rather be shown to import nothing
but what is known to be pure, also through other modules of its service.
"""

from collections.abc import Iterator
from typing import Any

from grimp import ImportGraph
from importlinter.application import output
from importlinter.domain import fields
from importlinter.domain.contract import Contract, ContractCheck
from importlinter.domain.helpers import module_expressions_to_modules


class OnlyContract(Contract):
    """`modules` may import what is in `allowed`, and modules of their own service for which the same is true.

    `allowed` names packages: of others (`math`), or of ours (`lockgate.messages`), which are not followed, as
    they have a contract of their own.
    """

    type_name = "only"

    modules = fields.SetField(subfield=fields.ModuleExpressionField())
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        del verbose
        expressions: Any = self.modules  # what import-linter's fields hold is put there at run time
        allowed: Any = self.allowed
        starts = {module.name for module in module_expressions_to_modules(graph, expressions)}
        found = sorted({line for start in starts for line in _violations(graph, start, frozenset(allowed))})
        return ContractCheck(kept=not found and bool(starts), metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["found"] or ["no module has the names that this contract is about"]:
            output.print_error(line, bold=False)


def _violations(graph: ImportGraph, start: str, allowed: frozenset[str]) -> Iterator[str]:
    service = ".".join(start.split(".")[:2])
    seen: set[str] = set()
    waiting = [start, *graph.find_descendants(start)]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            if any(_within(imported, package) for package in allowed):
                continue
            if _within(imported, service):
                waiting.append(imported)
            else:
                yield f"{module} imports {imported} (line {_line(graph, module, imported)})"


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _line(graph: ImportGraph, importer: str, imported: str) -> str:
    details = graph.get_import_details(importer=importer, imported=imported)
    return ", ".join(str(detail["line_number"]) for detail in details) or "?"
