"""Who is told, as the settings say it. Addresses and secrets lie in files or variables that the settings name.

They are read anew for each attempt, so that they can be changed without a restart; no error quotes them.
"""

import os
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lockgate.ledger.notifying.notice import Kind, Notice
from lockgate.ledger.notifying.rendering import signing_key, slack, template_problem, webhook
from lockgate.messages.values import Name

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")]
LEAST_SECRET = 16

_BODIES: dict[str, Callable[[Notice, str | None], bytes]] = {"slack": slack, "webhook": webhook}


class ReceiverError(ValueError):
    """An address or a secret cannot be used. The message names its file or variable, and never quotes it."""


class Receiver(BaseModel):
    """One who is told. Without `kinds` of everything, without `applications` of every application."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    name: Name
    type: Literal["slack", "webhook"]
    url_file: Path | None = None
    url_env: Variable | None = None
    secret_file: Path | None = Field(default=None, description="of a webhook: bodies are signed with it")
    secret_env: Variable | None = None
    kinds: frozenset[Kind] = frozenset(Kind)
    applications: frozenset[Name] = frozenset()
    template: str | None = Field(default=None, max_length=2000)
    plain_http: bool = Field(
        default=False, description="the address may be http: anywhere, not on loopback only"
    )

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        if (self.url_file is None) == (self.url_env is None):
            raise ValueError(
                f"the receiver {self.name} needs either url_file or url_env, where its address is"
            )
        if self.secret_file is not None and self.secret_env is not None:
            raise ValueError(f"the receiver {self.name} has secret_file and secret_env: keep one of them")
        if self.type == "slack" and (self.secret_file or self.secret_env):
            raise ValueError(f"the receiver {self.name} is Slack, which takes no secret but its address")
        if self.template is not None and (problem := template_problem(self.template)) is not None:
            raise ValueError(f"the template of the receiver {self.name} {problem}")
        return self

    def wants(self, notice: Notice) -> bool:
        chosen = not self.applications or notice.application in self.applications
        return chosen and notice.kind in self.kinds

    def body(self, notice: Notice) -> bytes:
        return _BODIES[self.type](notice, self.template)

    def address(self) -> str:
        """Where it is told. ReceiverError if that is not to be had, or is no address."""
        text, where = _referred(self.url_file, self.url_env)
        if problem := address_problem(text, plain_http=self.plain_http):
            raise ReceiverError(f"the address in {where} {problem}")
        return text

    def key(self) -> bytes | None:
        """What bodies are signed with, None if they are not. ReceiverError if it is not to be had, or too short."""
        if self.secret_file is None and self.secret_env is None:
            return None
        text, where = _referred(self.secret_file, self.secret_env)
        try:
            key = signing_key(text)
        except ValueError:
            raise ReceiverError(f"the secret in {where} is no base64 after whsec_") from None
        if len(key) < LEAST_SECRET:
            raise ReceiverError(
                f"the secret in {where} has fewer than {LEAST_SECRET} bytes: `openssl rand -hex 32` makes one"
            )
        return key


def address_problem(url: str, *, plain_http: bool) -> str | None:
    """What is wrong with an address, without quoting it; None if nothing is."""
    if not url or not all("!" <= character <= "~" for character in url):
        return "is empty, or has a blank or another character that no address has"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is none: write https://HOST/PATH"
    if parts.scheme not in {"https", "http"} or not host:
        return "is none: write https://HOST/PATH"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "has a user, a password or a fragment, which are not sent: leave them out"
    if parts.scheme == "http" and not plain_http and not _is_loopback(host):
        return 'is http: and not on this machine: write https:, or give the receiver "plain_http": true'
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _referred(file: Path | None, variable: str | None) -> tuple[str, str]:
    """What a reference leads to, and how to call the place."""
    if file is None:
        text = os.environ.get(variable or "")
        if text is None:
            raise ReceiverError(f"the variable {variable} is not set")
        return text.strip(), f"the variable {variable}"
    try:
        return file.read_text("utf-8").strip(), f"the file {file}"
    except UnicodeDecodeError:
        raise ReceiverError(f"the file {file} is no text in UTF-8") from None
    except OSError as error:
        raise ReceiverError(f"the file {file} cannot be read ({error.strerror})") from None
