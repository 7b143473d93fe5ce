"""The check of a pre-production stage: what belongs to an environment that is made, and enough requests to prove anything."""

from pathlib import Path

import pytest

from lockgate.intake.planfile import BadPlan, check_plan

PLANS = Path(__file__).parents[3] / "docs" / "plans"
PLAN = (PLANS / "on-demand.yaml").read_text()


def problems(*changes: tuple[str, str]) -> str:
    text = PLAN
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    checked = check_plan(text)
    return "\n".join(map(str, checked.problems)) if isinstance(checked, BadPlan) else ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("environment: on-demand", "environment: always-on", "write environment: on-demand"),
        ("environment: on-demand", "environment: sometimes", "always-on"),
        ("namespace: payments-test-db, ", "", "exactly one of cidr and namespace"),
        (
            "namespace: payments-test-db",
            "namespace: a, cidr: 10.20.0.0/16",
            "exactly one of cidr and namespace",
        ),
        ("namespace: payments-test-db", "cidr: 0.0.0.0/0", "is everything, production included"),
        ("namespace: payments-test-db", "cidr: ::/0", "is everything, production included"),
        (
            "namespace: payments-test-db",
            "cidr: 10.0.0.1/8",
            "write a block of addresses such as 10.20.0.0/16",
        ),
        ("ports: [5432]", "ports: []", "ports"),
        ("ports: [5432]", "ports: [0]", "ports"),
        ("payments-db: payments-db-preprod", 'payments-db: "a b"', "secrets"),
        ("times: 500", "times: 2001", "2000"),
        ("times: 500", "times: 298", "at least 299 without a failure"),
        ("failures: 1%", "failures: 0.1%", "at least 2995 without a failure"),
        ("failures: 1%", "failures: 50%", ""),
        ("times: 500", "times: 299", ""),
        ("times: 500", "times: 1", ""),
    ],
)
def test_what_is_wrong_is_told_with_what_to_write(old: str, new: str, said: str) -> None:
    told = problems((old, new))
    assert said in told
    assert bool(told) is bool(said)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("0.0.0.0/1", "write blocks of /16 or narrower"),
        ("128.0.0.0/1", "write blocks of /16 or narrower"),
        ("::/1", "write blocks of /48 or narrower"),
        ("10.0.0.0/8", "write blocks of /16 or narrower"),
        ("10.20.0.0/15", "write blocks of /16 or narrower"),
        ("2001:db8::/47", "write blocks of /48 or narrower"),
        ("127.0.0.1/32", "loopback"),
        ("::1/128", "loopback"),
        ("169.254.169.254/32", "link-local"),
        ("169.254.20.10/32", "link-local"),
        ("fe80::/64", "link-local"),
        ("100.100.0.0/16", "a cloud's metadata"),
        ("168.63.129.16/32", "a cloud's metadata"),
        ("fd00:ec2::254/128", "a cloud's metadata"),
        ("224.0.0.1/32", "multicast or reserved"),
        ("255.255.255.255/32", "multicast or reserved"),
        ("0.0.0.0/32", "nobody's"),
        ("::ffff:10.0.0.0/112", "IPv4 addresses within IPv6"),
        ("64:ff9b::a9fe:a9fe/128", "IPv4 addresses within IPv6"),
        ("2002:a9fe:a9fe::/48", "IPv4 addresses within IPv6"),
        ("2001:db8::%eth0/64", "of one interface of one node"),
        ("10.20.0.0/16", ""),
        ("10.20.30.40/32", ""),
        ("2001:db8::/48", ""),
    ],
)
def test_a_block_of_addresses_is_small_and_nothing_that_every_node_has(block: str, said: str) -> None:
    told = problems(("namespace: payments-test-db", f"cidr: '{block}'"))
    assert said in told
    assert bool(told) is bool(said)


def test_the_dns_of_the_node_may_be_asked_for_names_and_for_nothing_else() -> None:
    cache = ("namespace: payments-test-db", "cidr: 169.254.20.10/32")
    assert problems(cache, ("ports: [5432]", "ports: [53]")) == ""
    assert "link-local" in problems(cache, ("ports: [5432]", "ports: [53, 80]"))


def test_of_the_clusters_own_namespace_nothing_is_named() -> None:
    assert "kube-system is the cluster's own" in problems(
        ("namespace: payments-test-db", "namespace: kube-system")
    )


def test_few_requests_are_too_few_however_many_may_fail() -> None:
    assert "at least 20 without a failure" in problems(
        ("times: 500", "times: 19"), ("failures: 1%", "failures: 50%")
    )


def test_no_more_is_sent_than_a_region_is_meant_to_bear() -> None:
    more = "- {post: /pay, json: {amount: 1}, times: 2000, within: 2s}"
    text = PLAN.replace("- {get: /healthz}", f"{more}\n      {more}\n      {more}\n      - {{get: /healthz}}")
    checked = check_plan(text)
    assert isinstance(checked, BadPlan)
    assert "6501 requests are to be sent, and 5000 are the most" in str(checked.problems[0])


def test_a_green_side_is_sent_each_request_once() -> None:
    text = (PLANS / "blue-green.yaml").read_text().replace("{get: /healthz}", "{get: /healthz, times: 30}")
    checked = check_plan(text)
    assert isinstance(checked, BadPlan)
    assert "write `times` in a preprod stage only" in str(checked.problems[0])
