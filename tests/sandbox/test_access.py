"""Who may do what: a region's token is a ServiceAccount of one namespace."""

from kubernetes_asyncio import client

from lockgate.sandbox import Sandbox
from tests.support.sandboxes import APPLY, NAMESPACE, apps_api, core_api, get_json, kubernetes, refused, web


async def test_a_missing_or_wrong_token_is_401(sandbox: Sandbox) -> None:
    place = sandbox.directory()["regions"]["eu-west"]
    status, body = await get_json(f"{place['kubernetes']}/api/v1/namespaces/{NAMESPACE}/pods")
    assert (status, body["reason"]) == (401, "Unauthorized")
    async with kubernetes(sandbox, "eu-west", token="nonsense") as api:
        assert (await refused(core_api(api).list_namespaced_pod(NAMESPACE)))[0] == 401


async def test_a_regions_token_opens_no_other_region(sandbox: Sandbox) -> None:
    token = sandbox.directory()["regions"]["eu-north"]["token"]
    async with kubernetes(sandbox, "eu-west", token=token) as api:
        assert (await refused(core_api(api).list_namespaced_pod(NAMESPACE)))[0] == 401


async def test_another_namespace_is_403_in_the_servers_words(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        apps = apps_api(api)
        status, reason, message = await refused(apps.list_namespaced_deployment("other"))
        assert (status, reason) == (403, "Forbidden")
        assert message == (
            'deployments.apps is forbidden: User "system:serviceaccount:shop:deployer" cannot list resource '
            '"deployments" in API group "apps" in the namespace "other"'
        )
        write = apps.patch_namespaced_deployment(
            "web", "other", web(), field_manager="cd", _content_type=APPLY
        )
        assert (await refused(write))[0] == 403
        assert (await refused(apps.list_deployment_for_all_namespaces()))[0] == 403


async def test_nodes_and_unknown_resources_are_403(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        assert (await refused(core_api(api).list_node()))[0] == 403
        jobs = client.BatchV1Api(api).list_namespaced_job(NAMESPACE)
        assert (await refused(jobs))[0] == 403


async def test_kube_system_names_the_cluster_and_each_region_is_another(sandbox: Sandbox) -> None:
    uids = set()
    for region in ("eu-west", "eu-north"):
        async with kubernetes(sandbox, region) as api:
            found = await core_api(api).read_namespace("kube-system")
            uids.add(found.metadata.uid)
    assert len(uids) == 2


async def test_a_missing_object_is_404_in_the_servers_words(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        answer = await refused(apps_api(api).read_namespaced_deployment("gone", NAMESPACE))
    assert answer == (404, "NotFound", 'deployments.apps "gone" not found')


async def test_discovery_lists_what_is_served(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        resources = await apps_api(api).get_api_resources()
        version = await client.VersionApi(api).get_code()
    assert {"deployments", "deployments/scale", "replicasets"} <= {each.name for each in resources.resources}
    assert (version.major, version.minor) == ("1", "36")
