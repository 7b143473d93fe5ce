"""What a plan may demand of provenance, and what is said of what it may not."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lockgate.intake.planfile import BadPlan, GoodPlan, check_plan
from lockgate.messages.plan import Plan
from tests.support.intake import plan
from tests.support.signing import b64, new_key, pem, spki

TEXT = """application: payments
artifact: pkg:oci/payments
provenance: %s
workload: {deployment: payments, container: app, service: payments}
stages: [{name: all, kind: wave, regions: [eu-west]}, {name: watch, kind: watch, for: 2h}]
"""
WHO = "identity: release@acme.example, issuer: https://accounts.example"
NO_KEY = (
    "line 3: provenance.signers[0].key: this is no public key of ECDSA P-256 or Ed25519: write what is in its PEM file, from "
    "-----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----"
)
EMPTY = "it is empty, and would demand nothing: write what it demands, or leave the field out"
NO_SIGNER = (
    "line 3: provenance.signers[0]: a signer is either {key: …} or {identity: …, issuer: …}: an identity is worth no more than "
    "who vouches for it"
)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", f"line 3: provenance: {EMPTY}"),
        ("null", f"line 3: provenance: {EMPTY}"),
        (f"\n  signers: [{{{WHO}}}]\n  slsa:", f"line 5: provenance.slsa: {EMPTY}"),
        (f"{{signers: [{{{WHO}}}], slsa: ~}}", f"line 3: provenance.slsa: {EMPTY}"),
        ("{signers: []}", "line 3: provenance.signers: this list is too short: write at least 1 entry"),
        ("{signers: [{}]}", NO_SIGNER),
        ("{signers: [{identity: release@acme.example}]}", NO_SIGNER),
        ("{signers: [{issuer: https://accounts.example}]}", NO_SIGNER),
        ("{signers: [{key: abc}]}", NO_KEY),
        (
            "{signers: [{identity: https://github.com/*/payments, issuer: https://accounts.example}]}",
            (
                "line 3: provenance.signers[0].identity: 'https://github.com/*/payments' is not possible here: a * may stand only "
                "behind the host and the first part of a path, for one part between / and @, such as "
                "https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/*"
            ),
        ),
        (
            "{signers: [{identity: a@b.example, issuer: https://accounts.example/a/*}]}",
            "line 3: provenance.signers[0].issuer: 'https://accounts.example/a/*' has a *, and is compared as it is: write it out",
        ),
        (
            f"{{signers: [{{{WHO}}}], slsa: {{builders: [https://ci.example]}}}}",
            (
                "line 3: provenance.slsa.sources: this field is missing: add it, such as "
                "`sources: [https://github.com/acme/payments]`"
            ),
        ),
        (
            f"{{signers: [{{{WHO}}}], sources: [https://git.example]}}",
            (
                "line 3: provenance.sources: there is no field 'sources' here: remove it; the fields here are signers, slsa"
            ),
        ),
    ],
)
def test_a_demand_that_is_wrong_is_told_with_what_to_write(written: str, told: str) -> None:
    checked = check_plan(TEXT % written)
    assert isinstance(checked, BadPlan)
    assert [str(problem) for problem in checked.problems] == [told]


def _key(raw: bytes) -> Any:
    return check_plan(TEXT % f"{{signers: [{{key: {b64(raw)}}}]}}")


def test_a_key_is_one_that_can_be_checked() -> None:
    good = spki(new_key())
    assert isinstance(_key(good), GoodPlan)
    spki_ = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bad = [
        good[:-1],
        good[:-1] + bytes([good[-1] ^ 1]),  # on no curve
        ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(*spki_),
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(*spki_),
    ]
    for key in bad:
        checked = _key(key)
        assert isinstance(checked, BadPlan)
        assert [str(problem) for problem in checked.problems] == [NO_KEY]


def test_a_key_is_the_same_however_it_is_written() -> None:
    key = new_key()
    pems = Plan.model_validate(plan(provenance={"signers": [{"key": pem(key)}]}))
    bare = Plan.model_validate(plan(provenance={"signers": [{"key": b64(spki(key))}]}))
    assert pems == bare


def test_a_plan_without_demands_is_written_as_before() -> None:
    assert "provenance" not in Plan.model_validate(plan()).model_dump(mode="json")


def test_an_event_with_a_demand_that_is_nothing_is_read() -> None:
    """None is written by this version; only people may mean something by it."""
    assert Plan.model_validate(plan(provenance=None)).provenance is None
