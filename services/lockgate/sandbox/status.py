"""The errors of the Kubernetes API, as its server words them: one function each, all Status objects."""

from collections.abc import Sequence
from typing import Any

from lockgate.sandbox.kinds import Kind
from lockgate.sandbox.objects import Json


class ApiError(Exception):
    """A request that the API server answers with a Status of `code`."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def body(self) -> Json:
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status


def _details(kind: Kind, name: str, **more: Any) -> Json:
    details: Json = {"name": name, "kind": kind.plural, **more}
    return {**details, "group": kind.group} if kind.group else details


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, *, plural: str, group: str, scope: str, name: str) -> ApiError:
    """`scope` is ` in the namespace "x"` or ` at the cluster scope`; `name` may be empty."""
    resource = f"{plural}.{group}" if group else plural
    subject = f'{resource} "{name}" is forbidden' if name else f"{resource} is forbidden"
    message = f'{subject}: User "{user}" cannot {verb} resource "{plural}" in API group "{group}"{scope}'
    details = {"kind": plural, **({"name": name} if name else {}), **({"group": group} if group else {})}
    return ApiError(403, "Forbidden", message, details)


def not_found(kind: Kind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _details(kind, name))


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def not_allowed() -> ApiError:
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


def already_exists(kind: Kind, name: str, *, leaving: bool = False) -> ApiError:
    """`leaving`: its deletion was asked for, and finalizers hold it."""
    message = f'{"object is being deleted: " if leaving else ""}{kind.resource} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def modified(kind: Kind, name: str) -> ApiError:
    return conflict(
        kind,
        name,
        "the object has been modified; please apply your changes to the latest version and try again",
    )


def another_object(kind: Kind, namespace: str, name: str, wanted: str, found: str) -> ApiError:
    """A PUT that names another uid than the live object's."""
    why = (
        f"StorageError: invalid object, Code: 4, Key: /registry/{kind.plural}/{namespace}/{name}, "
        f"ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, "
        f"UID in object meta: {found}"
    )
    return conflict(kind, name, why)


def no_such_object(kind: Kind, name: str, wanted: str) -> ApiError:
    """An apply that names a uid where there is no object."""
    why = f"uid mismatch: the provided object specified uid {wanted}, and no existing object was found"
    return conflict(kind, name, why)


def precondition(kind: Kind, name: str, field: str, wanted: str, found: str) -> ApiError:
    """A DELETE of another object. `field` is `UID` or `ResourceVersion`."""
    happened = "deleted and then recreated" if field == "UID" else "modified"
    message = (
        f'Operation cannot be fulfilled on {kind.name}{_dot(kind)} "{name}": the {field} in the precondition '
        f"({wanted}) does not match the {field} in record ({found}). The object might have been {happened}"
    )
    return ApiError(409, "Conflict", message, _details(kind, name))


def unreadable(kind: Kind, why: str) -> ApiError:
    """400: a body that cannot be decoded as this kind."""
    return bad_request(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {why}')


def unreadable_patch(why: str) -> ApiError:
    """422: a patch whose result cannot be decoded."""
    message = f"Invalid value: {why}"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "patch"}
    return ApiError(422, "Invalid", f' "" is invalid: patch: {message}', {"causes": [cause]})


def internal(message: str) -> ApiError:
    """What the server did not think of as an error of the client's."""
    return ApiError(500, "", message)


def no_such_port(service: str, port: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", f'no service port {port} found for service "{service}"')


def expired(version: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {version} ({oldest})")


def too_large(version: int, current: int) -> ApiError:
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Timeout: Too large resource version: {version}, current: {current}"
    return ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def unsupported_media(content_type: str) -> ApiError:
    accepted = (
        "application/json-patch+json, application/merge-patch+json, "
        "application/strategic-merge-patch+json, application/apply-patch+yaml"
    )
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", message, {"causes": [{"message": content_type}]})


def invalid(kind: Kind, name: str, causes: Sequence[tuple[str, str]]) -> ApiError:
    """422; each cause is (field path, message)."""
    text = ", ".join(f"{field}: {message}" for field, message in causes)
    text = f"[{text}]" if len(causes) > 1 else text
    listed = [{"reason": "FieldValueInvalid", "message": why, "field": field} for field, why in causes]
    details: Json = {"name": name, "kind": kind.name, "causes": listed}
    if kind.group:
        details["group"] = kind.group
    return ApiError(422, "Invalid", f'{kind.name}{_dot(kind)} "{name}" is invalid: {text}', details)


def _dot(kind: Kind) -> str:
    return f".{kind.group}" if kind.group else ""


def patch_refused() -> ApiError:
    """What a JSON Patch gets whose `test` or path does not hold; the server says no more than this."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def apply_conflict(conflicts: Sequence[tuple[str, str]]) -> ApiError:
    """409 of a server-side apply; each conflict is (manager as the server prints it, field path)."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": field}
        for manager, field in conflicts
    ]
    if len(conflicts) == 1:
        manager, field = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {manager}: {field}"
    else:
        managers = sorted({manager for manager, _ in conflicts})
        parts = [
            f"conflicts with {manager}:\n"
            + "\n".join(f"- {field}" for owner, field in conflicts if owner == manager)
            for manager in managers
        ]
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)
    return ApiError(409, "Conflict", message, {"causes": causes})


def no_endpoints(service: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", f'no endpoints available for service "{service}"')
