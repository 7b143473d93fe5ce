"""Who may do what: a deployer's token is a ServiceAccount of one namespace."""

from tests.support.places import PATIENCE, Place, config, service, web
from tests.support.sandboxes import until


async def test_no_token_and_a_wrong_one_are_401(place: Place) -> None:
    for token in ("", "nonsense"):
        refused = await place.ask("GET", place.path("deployments"), token=token)
        assert refused.refusal == (401, "Unauthorized", "Unauthorized")


async def test_another_namespace_is_403_in_the_servers_words(place: Place) -> None:
    user = f"system:serviceaccount:{place.namespace}:deployer"
    path = place.path("deployments", namespace="other")
    refused = await place.ask("GET", path, token=place.deployer)
    assert refused.refusal == (
        403,
        "Forbidden",
        (
            f'deployments.apps is forbidden: User "{user}" cannot list resource "deployments" in API group '
            '"apps" in the namespace "other"'
        ),
    )
    assert refused.body["details"] == {"group": "apps", "kind": "deployments"}
    written = await place.ask(
        "PATCH", f"{path}/web", [], token=place.deployer, content_type="application/json-patch+json"
    )
    assert written.refusal == (
        403,
        "Forbidden",
        (
            f'deployments.apps "web" is forbidden: User "{user}" cannot patch resource "deployments" in API '
            'group "apps" in the namespace "other"'
        ),
    )


async def test_every_verb_has_its_name_in_the_refusal(place: Place) -> None:
    path = place.path("configmaps", namespace="other")
    asked = {
        "create": await place.ask("POST", path, config(), token=place.deployer),
        "update": await place.ask("PUT", f"{path}/settings", config(), token=place.deployer),
        "get": await place.ask("GET", f"{path}/settings", token=place.deployer),
        "delete": await place.ask("DELETE", f"{path}/settings", token=place.deployer),
        "deletecollection": await place.ask("DELETE", path, token=place.deployer),
        "watch": await place.ask("GET", path, token=place.deployer, watch="true"),
    }
    for verb, refused in asked.items():
        assert refused.status == 403
        assert (
            f'cannot {verb} resource "configmaps" in API group "" in the namespace "other"' in refused.message
        )


async def test_the_whole_cluster_and_what_is_not_granted_are_403(place: Place) -> None:
    user = f"system:serviceaccount:{place.namespace}:deployer"
    everywhere = await place.ask("GET", "/apis/apps/v1/deployments", token=place.deployer)
    assert everywhere.refusal == (
        403,
        "Forbidden",
        (
            f'deployments.apps is forbidden: User "{user}" cannot list resource "deployments" in API group '
            '"apps" at the cluster scope'
        ),
    )
    jobs = await place.ask("GET", place.path("jobs"), token=place.deployer)
    assert (jobs.status, jobs.reason) == (403, "Forbidden")
    nodes = await place.ask("GET", "/api/v1/nodes", token=place.deployer)
    assert (nodes.status, nodes.reason) == (403, "Forbidden")


async def test_the_clusters_identity_can_be_read(place: Place) -> None:
    found = await place.ask("GET", "/api/v1/namespaces/kube-system", token=place.deployer)
    assert len(found.obj()["metadata"]["uid"]) == 36


async def test_permission_is_asked_before_existence(place: Place) -> None:
    refused = await place.ask("GET", place.path("deployments", "gone", "nowhere"), token=place.deployer)
    assert refused.status == 403
    missing = await place.ask("GET", place.path("deployments", "gone"), token=place.deployer)
    assert missing.refusal == (404, "NotFound", 'deployments.apps "gone" not found')
    assert missing.body["details"] == {"name": "gone", "group": "apps", "kind": "deployments"}


async def test_what_a_deployer_writes_it_may_write(place: Place) -> None:
    made = await place.ask("POST", place.path("deployments"), web(replicas=0), token=place.deployer)
    assert made.status == 201


async def test_the_proxy_of_a_service_says_what_is_missing(place: Place) -> None:
    absent = await place.ask("GET", place.path("services", "gone:80/proxy/"), token=place.deployer)
    assert absent.refusal == (404, "NotFound", 'services "gone" not found')
    await place.create("services", service("lone"))

    async def said(port: int, message: str) -> bool:
        path = place.path("services", f"lone:{port}/proxy/")
        answer = await place.ask("GET", path, token=place.deployer)
        return answer.refusal == (503, "ServiceUnavailable", message)

    await until(lambda: said(80, 'no endpoints available for service "lone"'), PATIENCE)
    await until(lambda: said(81, 'no service port 81 found for service "lone"'), PATIENCE)


async def test_a_method_that_is_not_allowed_is_405(place: Place) -> None:
    for method, name in (("POST", "settings"), ("PUT", "")):
        refused = await place.ask(method, place.path("configmaps", name), config())
        assert refused.refusal == (
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
