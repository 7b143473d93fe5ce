"""How each kind of route writes weights: all that `weights` has to be told of it. Pure.

One class a kind. How to add another is in docs/traffic.md.
"""

from typing import Final, Protocol

from lockgate.deployer.objects import Json
from lockgate.deployer.strategies.given import Kind


class Form(Protocol):
    """A route has `spec.<rules>`, each with `<refs>`, each of which names where it leads and carries a `weight`."""

    @property
    def kind(self) -> Kind: ...
    @property
    def rules(self) -> str: ...
    @property
    def refs(self) -> str: ...

    def service(self, ref: Json, namespace: str) -> str | None:
        """The Service of this namespace that a reference leads to; None if it leads elsewhere."""

    def to(self, ref: Json, service: str) -> Json:
        """The same reference, leading to another Service of the same namespace."""

    def weight(self, ref: Json, refs: list[Json]) -> int:
        """What a reference gets beside the others of its rule, also where it says nothing of it."""


class HttpRoute:
    """Of the Gateway API."""

    kind: Final = Kind.ROUTE
    rules: Final = "rules"
    refs: Final = "backendRefs"

    def service(self, ref: Json, namespace: str) -> str | None:
        is_service = (ref.get("kind") or "Service") == "Service" and not ref.get("group")
        return str(ref["name"]) if is_service and ref.get("namespace", namespace) == namespace else None

    def to(self, ref: Json, service: str) -> Json:
        return {**ref, "name": service}

    def weight(self, ref: Json, refs: list[Json]) -> int:
        del refs
        return int(ref.get("weight", 1))


class VirtualService:
    """Of Istio. A Service is named by its host; a clone gets no subset, for that would need a DestinationRule as well."""

    kind: Final = Kind.VIRTUAL_SERVICE
    rules: Final = "http"
    refs: Final = "route"

    def service(self, ref: Json, namespace: str) -> str | None:
        name, _, rest = str(ref["destination"]["host"]).partition(".")
        return name if not rest or rest.startswith(f"{namespace}.svc.") else None

    def to(self, ref: Json, service: str) -> Json:
        destination = {field: value for field, value in ref["destination"].items() if field != "subset"}
        _, dot, rest = str(destination["host"]).partition(".")
        return {**ref, "destination": {**destination, "host": f"{service}{dot}{rest}"}}

    def weight(self, ref: Json, refs: list[Json]) -> int:
        """An only destination gets everything, whatever it says; one of several that says nothing gets nothing."""
        return int(ref.get("weight") or (1 if len(refs) == 1 else 0))


_FORMS: Final[dict[str, Form]] = {form.kind.value: form for form in (HttpRoute(), VirtualService())}


def form_of(route: Json) -> Form:
    return _FORMS[str(route["kind"])]
