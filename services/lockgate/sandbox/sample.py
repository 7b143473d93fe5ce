"""The sample application that a sandbox installs: a Deployment, its Service, and a route for weights. Pure."""

from lockgate.sandbox.objects import Json

PORT = 8080


def image(application: str, digest: str) -> str:
    return f"registry.example/{application}@{digest}"


def objects(application: str, digest: str, replicas: int) -> tuple[Json, Json, Json]:
    """Deployment, Service and HTTPRoute, all of the application's name."""
    labels = {
        "app": application,
        "app.kubernetes.io/name": application,
        "app.kubernetes.io/managed-by": "sandbox",
    }
    selector = {"app": application}
    metadata = {"name": application, "labels": labels}
    container = {
        "name": "app",
        "image": image(application, digest),
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }
    backend = {"name": application, "port": 80, "weight": 1}
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata,
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "hostnames": [f"{application}.example"],
            "rules": [{"backendRefs": [backend]}],
        },
    }
    return deployment, service, route
