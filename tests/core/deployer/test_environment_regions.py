"""Which namespaces environments may be made in, as a deployer's settings name them."""

import pytest
from pydantic import ValidationError

from lockgate.deployer.settings import DeployerSettings

TRIED = {"region": "eu-preprod", "namespace": "shop-preprod", "source": "shop"}
HERE, ELSEWHERE = "https://10.0.0.1:6443", "https://10.0.0.2:6443"


def told(*regions: dict[str, str]) -> DeployerSettings:
    return DeployerSettings.model_validate(
        {"name": "west", "regions": [{"url": HERE, **region} for region in regions]}
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"namespace": "shop-preprod"}, id="where another region is live"),
        pytest.param(
            {"namespace": "trials", "source": "shop-preprod"}, id="where another's workload is live"
        ),
        pytest.param({"namespace": "shop-preprod", "source": "store"}, id="where another's environments are"),
    ],
)
def test_environments_are_made_in_a_namespace_that_no_other_region_has(other: dict[str, str]) -> None:
    for regions in ((TRIED, {"region": "other", **other}), ({"region": "other", **other}, TRIED)):
        with pytest.raises(ValidationError, match="in the namespace shop-preprod, which the region"):
            told(*regions)


@pytest.mark.parametrize("url", ["https://10.0.0.1", "https://KUBE.example"])
def test_one_server_is_the_same_however_its_address_is_written(url: str) -> None:
    same = {"https://10.0.0.1": "https://10.0.0.1:443", "https://KUBE.example": "https://kube.example"}[url]
    with pytest.raises(ValidationError, match="which the region other has too"):
        told({**TRIED, "url": url}, {"region": "other", "namespace": "shop-preprod", "url": same})


def test_another_cluster_has_namespaces_of_its_own() -> None:
    told(
        TRIED, {**TRIED, "region": "us-preprod", "url": ELSEWHERE}, {"region": "eu-west", "namespace": "shop"}
    )


def test_two_regions_may_make_environments_from_one_live_namespace() -> None:
    told(TRIED, {**TRIED, "region": "eu-second", "namespace": "shop-second"})
