"""Who asks: tokens by their hash, signatures over the raw bytes, roles. Nothing of a secret is ever said."""

from typing import Any

import pytest

from lockgate.intake.door.answers import Code, Refused
from lockgate.intake.door.callers import (
    Caller,
    Role,
    Scheme,
    Signed,
    hash_of,
    identified,
    known,
    permitted,
    verified,
)
from lockgate.intake.door.routes import ROUTES
from tests.support.deliveries import CALLERS, SECRET, TOKENS, body_of, signature

BODY = body_of("github/package")
HUB = (Scheme.GITHUB,)


def checked(header: str, body: bytes = BODY) -> Caller:
    who = identified({Scheme.GITHUB.lower(): header}, CALLERS, HUB, tokens=False)
    assert isinstance(who, Signed)
    return verified(who, body, CALLERS)


def refusal(header: str, body: bytes = BODY) -> Refused:
    with pytest.raises(Refused) as refused:
        checked(header, body)
    assert refused.value.code is Code.UNAUTHENTICATED
    assert SECRET.decode() not in refused.value.detail
    return refused.value


def test_a_body_that_is_signed_with_the_secret_is_from_its_owner() -> None:
    assert checked(signature(BODY)).name == "hub"
    assert checked(signature(BODY).upper().replace("SHA256=", "sha256=")).name == "hub"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        signature(BODY)[:-1],
        signature(BODY)[:-2],
        signature(BODY) + "0",
        signature(BODY).removeprefix("sha256="),
        signature(BODY).replace("sha256=", "sha1="),
        signature(BODY).replace("sha256=", "SHA256="),
        "sha256=" + "z" * 64,
        "sha256=" + "0" * 40,
        "sha256=" + "٣" * 64,
    ],
)
def test_a_signature_that_is_missing_truncated_or_of_another_kind_is_known_before_the_body(
    header: str,
) -> None:
    with pytest.raises(Refused) as refused:
        identified({Scheme.GITHUB.lower(): header}, CALLERS, HUB, tokens=False)
    assert refused.value.code is Code.UNAUTHENTICATED
    assert "64 hexadecimal digits" in refused.value.detail


@pytest.mark.parametrize(
    "header",
    [
        signature(BODY, b"another secret of the same length"),
        signature(BODY + b"\n"),
        signature(b""),
        "sha256=" + "0" * 64,
    ],
)
def test_a_signature_of_another_body_or_by_another_secret_is_nobodys(header: str) -> None:
    assert "not that of this body" in refusal(header).detail


def test_one_bit_of_the_body_is_enough() -> None:
    for place in range(0, len(BODY), 97):
        changed = bytearray(BODY)
        changed[place] ^= 1
        refusal(signature(BODY), bytes(changed))


def test_a_request_without_a_signature_is_told_to_bring_one() -> None:
    with pytest.raises(Refused, match="set a secret for the webhook, so that it sends X-Hub-Signature-256"):
        identified({"authorization": f"Bearer {TOKENS[Role.CI]}"}, CALLERS, HUB, tokens=False)


def test_grafanas_signature_has_no_prefix_and_goes_before_a_token() -> None:
    digits = signature(b"{}", SECRET + b" for graphs").removeprefix("sha256=")
    headers = {Scheme.GRAFANA.lower(): digits, "authorization": "Bearer nonsense"}
    who = identified(headers, CALLERS, (Scheme.GRAFANA,), tokens=True)
    assert isinstance(who, Signed)
    assert verified(who, b"{}", CALLERS).name == "graph"


@pytest.mark.parametrize("written", ["Bearer {}", "bearer {}", "BEARER   {}", "{}", "  {} "])
def test_a_token_is_known_by_its_hash(written: str) -> None:
    assert known({"authorization": written.format(TOKENS[Role.CI])}, CALLERS).name == "a-ci"


@pytest.mark.parametrize(
    "given",
    [
        "Bearer",
        "Bearer ",
        "",
        f"Basic {TOKENS[Role.CI]}",
        f"Bearer {TOKENS[Role.CI]}x",
        f"Bearer {TOKENS[Role.CI][:-1]}",
        f"Bearer {TOKENS[Role.CI]} {TOKENS[Role.CI]}",
        f"Bearer {hash_of(TOKENS[Role.CI])}",
        "Bearer \udcff",
    ],
)
def test_any_other_token_is_nobodys(given: str) -> None:
    with pytest.raises(Refused) as refused:
        known({"authorization": given}, CALLERS)
    assert refused.value.code is Code.UNAUTHENTICATED
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="lockgate"'}
    assert TOKENS[Role.CI][:-1] not in refused.value.detail


@pytest.mark.parametrize("given", ["", " ", "Bearer", "Bearer "])
def test_nothing_is_no_token_even_if_its_hash_is_known(given: str) -> None:
    with pytest.raises(Refused):
        known({"authorization": given}, [Caller("x", Role.OPERATOR, token=hash_of(""))])


def test_two_tokens_of_one_caller_both_work_while_one_is_replaced() -> None:
    both = [Caller("ci", Role.CI, token=hash_of(token)) for token in ("old", "new")]
    assert {known({"authorization": token}, both).name for token in ("old", "new")} == {"ci"}


def test_the_roles_of_the_routes_are_these() -> None:
    assert {route.name: {str(role) for role in route.roles} for route in ROUTES} == {
        "events": {"ci", "monitoring", "operator"},
        "github": {"ci", "operator"},
        "harbor": {"ci", "operator"},
        "alertmanager": {"monitoring", "operator"},
        "grafana": {"monitoring", "operator"},
        "plans": {"operator"},
        "operations": {"operator"},
    }


def test_a_viewer_may_deliver_nothing() -> None:
    for route in ROUTES:
        with pytest.raises(Refused, match="a-viewer has the role viewer, and this takes"):
            permitted(known({"authorization": TOKENS[Role.VIEWER]}, CALLERS), route.roles)


def test_a_caller_that_is_shown_shows_no_secret() -> None:
    assert SECRET.decode() not in repr(CALLERS)


@pytest.mark.parametrize(
    ("restrictions", "touched", "announced"),
    [
        ({}, {"payments", "shop"}, {"pkg:oci/payments", "pkg:oci/shop"}),
        ({"applications": {"payments"}}, {"payments"}, {"pkg:oci/payments"}),
        ({"applications": {"payments"}, "packages": {"pkg:oci/shop"}}, {"payments"}, {"pkg:oci/shop"}),
        ({"packages": {"pkg:oci/shop"}}, {"payments", "shop"}, {"pkg:oci/shop"}),
    ],
)
def test_what_a_restricted_caller_may_do(
    restrictions: dict[str, Any], touched: set[str], announced: set[str]
) -> None:
    caller = Caller("x", Role.CI, **restrictions)
    assert {name for name in ("payments", "shop") if caller.may_touch(name)} == touched
    packages = ("pkg:oci/payments", "pkg:oci/shop")
    assert {name for name in packages if caller.may_announce(name)} == announced
