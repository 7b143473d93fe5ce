"""The checks that a plan may name, as the settings say where they are. No plan and no event can name another address.

An address is a template: what is put into it is quoted, is one of a few values of the release, and stands behind the host.
Tokens lie in files, which are read anew for each question; no error quotes a token or an address.
"""

from pathlib import Path
from string import Formatter
from typing import Final, Self
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

VALUES: Final = ("application", "stage", "release", "digest")
"""What an address may have in braces."""

_KNOWN: Final = ", ".join(f"{{{name}}}" for name in VALUES)


class TokenError(ValueError):
    """There is no token to be had. The message names the file, and never quotes it."""


class NamedCheck(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    url: str = Field(
        max_length=2000, description="such as https://smoke.example/{application}?digest={digest}"
    )
    token_file: Path | None = Field(
        default=None, description="sent as Authorization: Bearer; a token that is mounted may be rotated"
    )
    plain_http: bool = Field(default=False, description="the token may be sent over http")

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if (problem := _problem(self.url)) is not None:
            raise ValueError(f"the url of a check {problem}")
        if self.token_file is not None and self.url.startswith("http:") and not self.plain_http:
            raise ValueError(
                'the token of a check would go over http, for anybody to read: write https, or give the check "plain_http": true'
            )
        return self

    def address(self, values: dict[str, str]) -> str:
        """`values`: of each name in `VALUES`."""
        return self.url.format_map({name: quote(value, safe="") for name, value in values.items()})

    def headers(self) -> dict[str, str]:
        """TokenError if there is to be a token, and none to be had."""
        return {} if self.token_file is None else {"Authorization": f"Bearer {_token(self.token_file)}"}


def _problem(url: str) -> str | None:
    """What is wrong with a template, without quoting it; None if nothing is."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has a blank or another character that no address has"
    if (parts := _parts(url)) is None:
        return "is none: write https://HOST/PATH, with braces behind the host only, and a name in each"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "has a user, a password or a fragment: leave them out, and name a token_file"
    fields = Formatter().parse(url)
    if any(name is not None and (name not in VALUES or spec or how) for _, name, spec, how in fields):
        return f"has other braces than {_KNOWN}"
    return None


def _parts(url: str) -> SplitResult | None:
    """None if that is no address on a host that is known."""
    try:
        parts, _ = urlsplit(url), list(Formatter().parse(url))
        named = parts.hostname and parts.port != 0 and not set(parts.netloc) & set("{}")
    except ValueError:  # a port that is none, half an IPv6 address, a brace alone
        return None
    return parts if named and parts.scheme in {"http", "https"} else None


def _token(file: Path) -> str:
    try:
        token = file.read_text("utf-8").strip()
    except OSError as error:
        raise TokenError(f"the token file {file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise TokenError(f"the token file {file} is no text in UTF-8") from None
    if not token or not all("!" <= character <= "~" for character in token):
        raise TokenError(
            f"the token file {file} is empty, or has a blank or another character that no token has"
        )
    return token
