"""The `scale` subresource of a Deployment. Pure."""

from typing import Any

from lockgate.sandbox.objects import Json
from lockgate.sandbox.patches import json_patch, merge_patch
from lockgate.sandbox.status import bad_request, unreadable_patch


def scale_of(deployment: Json) -> Json:
    """A Deployment as the autoscaler sees it."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: deployment["metadata"][key] for key in kept},
        "spec": {"replicas": deployment["spec"]["replicas"]},
        "status": {
            "replicas": (deployment.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


def rescaled(deployment: Json, body: Any, patch_type: str) -> Json:
    """The Deployment with the replicas that a new Scale (`patch_type` empty) or a patch of it asks for."""
    match patch_type:
        case "":
            scale = body
        case "application/json-patch+json":
            scale = json_patch(scale_of(deployment), body)
        case _:
            scale = merge_patch(scale_of(deployment), body)
    replicas = (scale.get("spec") or {}).get("replicas") if isinstance(scale, dict) else None
    if type(replicas) is not int:
        why = "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32"
        raise unreadable_patch(why) if patch_type else bad_request(why)
    version = (scale.get("metadata") or {}).get("resourceVersion") or deployment["metadata"][
        "resourceVersion"
    ]
    metadata = {**deployment["metadata"], "resourceVersion": version}
    return {**deployment, "metadata": metadata, "spec": {**deployment["spec"], "replicas": replicas}}
