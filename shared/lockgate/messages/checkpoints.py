"""The topic `checkpoints`, written by the ledger: signed heads of its chain, kept outside of its database."""

from pydantic import Field

from lockgate.messages.payload import Payload


class HeadSigned(Payload, topic="checkpoints", custom="head.signed"):
    """The chain up to record `sequence` has this hash; Ed25519 over `signed_text`."""

    sequence: int = Field(ge=1)
    head: str = Field(pattern=r"^[0-9a-f]{64}$")
    key_id: str = Field(max_length=64)
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")

    def subject_id(self) -> str:
        return f"ledger/{self.sequence}"

    @property
    def signed_text(self) -> bytes:
        return f"lockgate-ledger-head/1 {self.sequence} {self.head}".encode()
