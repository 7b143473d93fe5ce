"""Bad artifacts, one of each kind: what the plan demands, the bundles, and how it is refused, written by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.support.signing import (
    BOTH,
    DIGEST,
    REPOSITORY,
    Json,
    Sigstore,
    b64,
    by_key,
    new_key,
    pem,
    provenance,
    sign,
    statement,
    trusted,
)
from tests.support.unproven import BUILT, SIGNED, SLSA

OURS, THEIRS = new_key(), new_key()
KEYED: dict[str, Any] = {"signers": [{"key": pem(OURS)}]}
KEYED_AND_MADE = {**KEYED, "slsa": {**SLSA, "sources": [REPOSITORY]}}
KEYED_AND_BUILT = {**KEYED, "slsa": BUILT["slsa"]}
OTHER = f"sha256:{2:064x}"
TAGGED = "https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/*"
ALLOWED = f"the plan allows {TAGGED} of https://token.actions.githubusercontent.com"
NO_ROOT = "the trust root does not vouch for its certificate or its entry in the log: "


def ours(said: Json | bytes | None = None, **how: Any) -> Json:
    """A bundle of the workflow that the plan names, unless `how` says otherwise."""
    return trusted().bundle(statement() if said is None else said, **how)


def changed(bundle: Json, path: str, value: Any) -> Json:
    """The bundle with another value in one place."""
    made = json.loads(json.dumps(bundle))
    *way, last = path.split(".")
    here = made
    for part in way:
        here = here[int(part)] if part.isdigit() else here[part]
    here[int(last) if last.isdigit() else last] = value
    return dict(made)


def without(bundle: Json, name: str) -> Json:
    return {field: value for field, value in bundle.items() if field != name}


def _is_no_certificate() -> Json:
    return changed(ours(), "verificationMaterial.certificate.rawBytes", b64(b"no certificate"))


def _of_another_statement(bundle: Json) -> Json:
    return changed(bundle, "dsseEnvelope.payload", b64(json.dumps(statement(OTHER)).encode()))


def _with_the_log_entry_of_another() -> Json:
    entries = ours()["verificationMaterial"]["tlogEntries"]
    return changed(ours(), "verificationMaterial.tlogEntries", entries)


def _with_another_checkpoint() -> Json:
    note = Sigstore().bundle(statement())["verificationMaterial"]["tlogEntries"][0]["inclusionProof"][
        "checkpoint"
    ]
    return changed(ours(), "verificationMaterial.tlogEntries.0.inclusionProof.checkpoint", note)


def _with_another_promise() -> Json:
    return changed(ours(), "verificationMaterial.tlogEntries.0.integratedTime", "1740830500")


def _not_in_the_certificate_log() -> Json:
    return replace(trusted(), ct_key=new_key()).bundle(statement())


def _doubled() -> bytes:
    good = json.dumps(statement(OTHER))
    return good.replace(
        '"subject"', f'"subject": [{{"digest": {{"sha256": "{DIGEST[7:]}"}}}}], "subject"'
    ).encode()


BAD: dict[str, tuple[Any, Callable[[], list[Any]], str, str]] = {
    # --- the bundle
    "without a bundle": (
        SIGNED,
        list,
        "unsigned",
        "v1 was announced without a bundle, and the plan demands provenance: send its sigstore bundles along",
    ),
    "with more bundles than are read": (
        SIGNED,
        lambda: [ours()] * 5,
        "bad-bundle",
        "v1 was announced with 5 bundles, and 4 are the most",
    ),
    "with a bundle that is too large": (
        SIGNED,
        lambda: [changed(ours(), "more", "x" * 65_536)],
        "bad-bundle",
        "bundle 1 of v1 has 7",
    ),
    "with a text for a bundle": (
        SIGNED,
        lambda: ["bundle"],
        "bad-bundle",
        "it is no sigstore bundle: send the JSON",
    ),
    "with bytes that are signed, and no statement": (
        SIGNED,
        lambda: [{**without(ours(), "dsseEnvelope"), "messageSignature": {"signature": b64(b"x")}}],
        "bad-bundle",
        "it signs bytes, and states nothing of an image: sign the image with cosign 3, or attest its provenance",
    ),
    "signed twice": (
        SIGNED,
        lambda: [changed(ours(), "dsseEnvelope.signatures", ours()["dsseEnvelope"]["signatures"] * 2)],
        "bad-bundle",
        "its envelope must have exactly one signature",
    ),
    "signed by nobody": (
        KEYED,
        lambda: [changed(by_key(OURS, statement()), "dsseEnvelope.signatures", [])],
        "bad-bundle",
        "its envelope must have exactly one signature",
    ),
    "with a payload that is no base64": (
        SIGNED,
        lambda: [changed(ours(), "dsseEnvelope.payload", "§")],
        "bad-bundle",
        "payloadType, payload or sig of its envelope is missing, or no base64",
    ),
    "with a key and a certificate": (
        KEYED,
        lambda: [changed(ours(), "verificationMaterial.publicKey", {"hint": "x"})],
        "bad-bundle",
        "its verificationMaterial must have either publicKey or certificate, and has 'certificate, publicKey, tlogEntries'",
    ),
    "with a certificate that is none": (
        SIGNED,
        lambda: [_is_no_certificate()],
        "bad-bundle",
        "it cannot be read: ",
    ),
    "without an entry in the log": (
        SIGNED,
        lambda: [changed(ours(), "verificationMaterial.tlogEntries", [])],
        "bad-bundle",
        "it cannot be read: expected exactly one log entry in bundle",
    ),
    # --- the signature
    "changed after it was signed by an identity": (
        SIGNED,
        lambda: [_of_another_statement(ours())],
        "bad-signature",
        "its certificate's key did not make its signature: what is signed was changed since",
    ),
    "changed after it was signed by a key": (
        KEYED,
        lambda: [
            changed(
                by_key(OURS, statement(OTHER)), "dsseEnvelope.payload", b64(json.dumps(statement()).encode())
            )
        ],
        "bad-signature",
        "no key of the plan made its signature",
    ),
    "signed by another key": (
        KEYED,
        lambda: [by_key(THEIRS, statement())],
        "bad-signature",
        "no key of the plan made its signature: another key did, or what is signed was changed since",
    ),
    "with the signature of another envelope": (
        SIGNED,
        lambda: [changed(ours(), "dsseEnvelope.signatures", sign(OURS, b"{}")["signatures"])],
        "bad-signature",
        "its certificate's key did not make its signature",
    ),
    # --- who vouches for it
    "signed under a root that nobody trusts": (
        SIGNED,
        lambda: [Sigstore().bundle(statement())],
        "untrusted",
        f"{NO_ROOT}failed to build timestamp certificate chain",
    ),
    "with a certificate that is in no log": (
        SIGNED,
        lambda: [_not_in_the_certificate_log()],
        "untrusted",
        f"{NO_ROOT}failed to verify SCT",
    ),
    "with the log entry of another signature": (
        SIGNED,
        lambda: [_with_the_log_entry_of_another()],
        "untrusted",
        f"{NO_ROOT}log entry signatures do not match bundle",
    ),
    "with a checkpoint of another log": (
        SIGNED,
        lambda: [_with_another_checkpoint()],
        "untrusted",
        f"{NO_ROOT}invalid log entry: checkpoint: Signature not found",
    ),
    "with a time that the log did not promise": (
        SIGNED,
        lambda: [_with_another_promise()],
        "untrusted",
        f"{NO_ROOT}invalid log entry: SET: invalid inclusion promise",
    ),
    "signed before its certificate was good": (
        SIGNED,
        lambda: [ours(logged=timedelta(hours=-1))],
        "untrusted",
        f"{NO_ROOT}failed to build timestamp certificate chain",
    ),
    "signed after its certificate had expired": (
        SIGNED,
        lambda: [ours(logged=timedelta(hours=1))],
        "expired",
        "it was signed after its certificate had expired, at 2025-03-01 12:10:00 UTC",
    ),
    # --- who signed it
    "signed by the workflow of another repository": (
        SIGNED,
        lambda: [ours(identity="https://github.com/acme/cart/.github/workflows/release.yml@refs/tags/v1")],
        "other-signer",
        (
            "it was signed by 'https://github.com/acme/cart/.github/workflows/release.yml@refs/tags/v1', for whom "
            f"'https://token.actions.githubusercontent.com' vouches, and {ALLOWED}"
        ),
    ),
    "signed on a branch, where tags are allowed": (
        SIGNED,
        lambda: [
            ours(identity="https://github.com/acme/payments/.github/workflows/release.yml@refs/heads/main")
        ],
        "other-signer",
        "it was signed by 'https://github.com/acme/payments/.github/workflows/release.yml@refs/heads/main', for whom",
    ),
    "signed on a tag whose name goes on": (
        SIGNED,
        lambda: [
            ours(identity="https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/a/b")
        ],
        "other-signer",
        "it was signed by 'https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/a/b', for whom",
    ),
    "signed by another workflow on a branch that is called like the right one": (
        {
            "signers": [
                {
                    "identity": f"{REPOSITORY}/.github/workflows/*@refs/tags/v1",
                    "issuer": SIGNED["signers"][0]["issuer"],
                }
            ]
        },
        lambda: [ours(identity=f"{REPOSITORY}/.github/workflows/evil.yml@refs/heads/x.yml@refs/tags/v1")],
        "other-signer",
        "it was signed by 'https://github.com/acme/payments/.github/workflows/evil.yml@refs/heads/x.yml@refs/tags/v1', for whom",
    ),
    "signed by the right name of another issuer": (
        SIGNED,
        lambda: [ours(issuer="https://accounts.example")],
        "other-signer",
        f"it was signed by '{TAGGED.replace('*', 'v1')}', for whom 'https://accounts.example' vouches, and {ALLOWED}",
    ),
    "signed by the right name of another issuer, said in one way": (
        SIGNED,
        lambda: [ours(issuer="https://accounts.example", vouched=BOTH[:1])],
        "other-signer",
        f"it was signed by '{TAGGED.replace('*', 'v1')}', for whom 'https://accounts.example' vouches, and {ALLOWED}",
    ),
    "signed by a name for which nobody vouches": (
        SIGNED,
        lambda: [ours(vouched=())],
        "other-signer",
        f"it was signed by '{TAGGED.replace('*', 'v1')}', for whom 'nobody' vouches, and {ALLOWED}",
    ),
    "signed by an identity, where keys are named": (
        KEYED,
        lambda: [ours()],
        "other-signer",
        "it is signed by a certificate, and the plan names keys only",
    ),
    "signed by a key, where identities are named": (
        SIGNED,
        lambda: [by_key(OURS, statement())],
        "other-signer",
        "it is signed by a key, and the plan names none",
    ),
    # --- what is signed
    "of an image whose tag was moved after signing": (
        SIGNED,
        lambda: [ours(statement(OTHER))],
        "other-digest",
        f"what is signed is of {OTHER[7:18]}…, and not of this image, 000000000000: was the tag moved after signing?",
    ),
    "with the right provenance of another image": (
        BUILT,
        lambda: [ours(provenance(OTHER))],
        "other-digest",
        "what is signed is of 00000000000…, and not of this image",
    ),
    "with a digest of another kind": (
        SIGNED,
        lambda: [ours(statement(subject=[{"name": "x", "digest": {"sha512": DIGEST[7:]}}]))],
        "other-digest",
        "what is signed is of no sha256, and not of this image",
    ),
    "with a payload that is no statement": (
        SIGNED,
        lambda: [ours(type_="text/plain")],
        "bad-bundle",
        "what is signed is 'text/plain', and must be application/vnd.in-toto+json",
    ),
    "with a statement of an older version": (
        SIGNED,
        lambda: [ours(statement(_type="https://in-toto.io/Statement/v0.1"))],
        "bad-bundle",
        "what is signed is no statement https://in-toto.io/Statement/v1",
    ),
    "with a statement that says one thing twice": (
        SIGNED,
        lambda: [ours(_doubled())],
        "bad-bundle",
        "what is signed cannot be read: the key 'subject' is there twice in one object",
    ),
    "with a statement of half a character": (
        KEYED,
        lambda: [by_key(OURS, statement(predicateType="\ud800"))],
        "bad-bundle",
        "what is signed cannot be read: it has half a character (a lone surrogate), which is no text",
    ),
    "with a kind of envelope that is no text": (
        KEYED,
        lambda: [changed(by_key(OURS, statement()), "dsseEnvelope.payloadType", "\ud800")],
        "bad-bundle",
        "payloadType, payload or sig of its envelope is missing, or no base64",
    ),
    "with a list of its parts alone": (
        SIGNED,
        lambda: [ours(statement(predicateType="https://spdx.dev/Document/v2.3"))],
        "no-provenance",
        (
            "what is signed is 'https://spdx.dev/Document/v2.3', and https://sigstore.dev/cosign/sign/v1 or "
            "https://slsa.dev/provenance/v1 is demanded"
        ),
    ),
    "signed, where provenance is demanded": (
        BUILT,
        lambda: [ours()],
        "no-provenance",
        "what is signed is 'https://sigstore.dev/cosign/sign/v1', and https://slsa.dev/provenance/v1 is demanded",
    ),
    "with provenance of an older version": (
        BUILT,
        lambda: [ours(statement(predicateType="https://slsa.dev/provenance/v0.2"))],
        "no-provenance",
        "what is signed is 'https://slsa.dev/provenance/v0.2', and",
    ),
    # --- how it was built
    "built by another builder": (
        BUILT,
        lambda: [ours(provenance(builder="https://ci.example/laptop"))],
        "other-builder",
        f"it was built by 'https://ci.example/laptop', and the plan allows {TAGGED}",
    ),
    "signed by the right key for another repository": (
        KEYED_AND_BUILT,
        lambda: [by_key(OURS, provenance(repository="https://github.com/acme/cart"))],
        "other-source",
        (
            "it was built from 'https://github.com/acme/cart@refs/tags/v1', and the plan allows "
            "https://github.com/acme/payments@refs/tags/*"
        ),
    ),
    "built from a fork with the same name": (
        BUILT,
        lambda: [ours(provenance(repository="https://github.com/mallory/payments"))],
        "other-source",
        "it was built from 'https://github.com/mallory/payments@refs/tags/v1', and",
    ),
    "built from a branch": (
        BUILT,
        lambda: [ours(provenance(ref="refs/heads/main"))],
        "other-source",
        "it was built from 'https://github.com/acme/payments@refs/heads/main', and",
    ),
    "built with parameters that nobody named": (
        BUILT,
        lambda: [ours(provenance(parameters={"workflow": {}, "inputs": {"debug": "true"}}))],
        "other-build",
        "it was built with the external parameters 'inputs', which the plan does not name",
    ),
    "built by a workflow with more parameters": (
        BUILT,
        lambda: [
            ours(
                provenance(
                    parameters={"workflow": {"repository": REPOSITORY, "ref": "refs/tags/v1", "env": {}}}
                )
            )
        ],
        "other-build",
        "its external parameter `workflow` must have repository, ref and path, and nothing else",
    ),
    "built from a source of which more is said": (
        KEYED_AND_MADE,
        lambda: [
            by_key(
                OURS,
                provenance(parameters={"source": {"uri": REPOSITORY, "digest": {}, "submodules": "all"}}),
            )
        ],
        "other-build",
        "its external parameter `source` must be a uri, or have uri and digest, and nothing else",
    ),
    "built from two sources": (
        BUILT,
        lambda: [ours(provenance(parameters={"workflow": {}, "source": REPOSITORY}))],
        "other-build",
        "its external parameters must name the source once",
    ),
    "built in another way": (
        BUILT,
        lambda: [ours(provenance(build_type="https://ci.example/by-hand/v1"))],
        "other-build",
        (
            "it is a build of the type 'https://ci.example/by-hand/v1', and the plan allows "
            "https://actions.github.io/buildtypes/workflow/v1"
        ),
    ),
    "with provenance that says nothing": (
        BUILT,
        lambda: [ours(statement(predicateType="https://slsa.dev/provenance/v1", predicate=[]))],
        "other-build",
        "it is a build of the type null, and",
    ),
}
