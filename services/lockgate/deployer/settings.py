"""What one deployer is told: its name, and each region that it serves with the credentials for it alone."""

from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.messages.values import Duration, Name, parse_share


class RegionSettings(BaseModel):
    """One region: the API server of its cluster, its namespace, and a credential for nothing else.

    `token_file` is read anew for each request, because the tokens that Kubernetes mounts are rotated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    region: Name
    namespace: Name
    source: Name | None = Field(
        default=None,
        description="only for pre-production on demand: the namespace of the live workload that environments are made from",
    )
    url: str = Field(
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$", description="of the API server, without a path"
    )
    token: SecretStr | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    flagd: str | None = Field(
        default=None,
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$",
        description="of flagd's OFREP, without a path: asked whether a flag is off. Without, nobody is asked",
    )

    surge: Annotated[float, BeforeValidator(parse_share), Field(ge=0, le=1)] = Field(
        default=0.0,
        description="of a Deployment's pods, the most that its maxSurge is raised to where a roll-out does not fit its budget; "
        "where nothing is said it is never raised",
    )

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError(f"the region {self.region} has a token and a token_file: keep one of them")
        if self.token is not None and (problem := token_problem(self.token.get_secret_value())) is not None:
            raise ValueError(f"the token of the region {self.region} {problem}")
        if self.source == self.namespace:
            raise ValueError(
                f"the source of the region {self.region} is its own namespace: environments are made in another one than "
                "what is live, so name a namespace that is made for them"
            )
        if (problem := server_problem(self.url)) is not None:
            raise ValueError(f"the url of the region {self.region} {problem}")
        if self.flagd is not None and (problem := server_problem(self.flagd)) is not None:
            raise ValueError(f"the flagd of the region {self.region} {problem}")
        return self

    @property
    def live(self) -> Self | None:
        """Where the live workload is, of a region in which environments are made."""
        return self.model_copy(update={"namespace": self.source, "source": None}) if self.source else None

    @property
    def bearer(self) -> str | None:
        """The token as it is now. OSError if its file cannot be read, TokenError if what is in it is none."""
        if self.token is not None:
            return self.token.get_secret_value()
        return read_token(self.token_file) if self.token_file is not None else None


class TokenError(ValueError):
    """What a file has is no token. The message names the file, and never quotes it."""


def read_token(file: Path) -> str:
    """The token that a file has. OSError if it cannot be read, TokenError if what is in it is none."""
    try:
        token = file.read_text("utf-8").strip()
    except UnicodeDecodeError:
        raise TokenError(f"the token file {file} is no text in UTF-8: write a token into it") from None
    if (problem := token_problem(token)) is not None:
        raise TokenError(f"the token in the file {file} {problem}")
    return token


def token_problem(token: str) -> str | None:
    """What is wrong with a token, and what to do, without quoting it; None if nothing is."""
    if not token:
        return "is empty: make one (kubectl create token)"
    if not all("!" <= character <= "~" for character in token):
        return "has a line break, a blank or another character that no token has: write it on one line"
    return None


def server_problem(url: str) -> str | None:
    """What is wrong with the address of an API server; None if nothing is."""
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        whole = False
    return None if whole else f"is {url!r}, which names no server: write https://HOST:PORT"


def server_of(url: str) -> tuple[str, str | None, int]:
    """What two addresses of the same API server have in common, however they are written."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


class Pace(BaseModel):
    """How often the cluster is looked at, and how long things are waited for. Seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    poll: Duration = Field(
        default=1.0, gt=0, description="until what failed, or cannot be watched, is looked at again"
    )
    reread: Duration = Field(
        default=15.0, gt=0, description="longest time between two looks at all of a region"
    )
    progress: Duration = Field(default=5.0, description="at least this long between two reports of progress")
    drain: Duration = Field(default=2.0, description="from the end of a clone's share to its deletion")
    request: Duration = Field(default=10.0, gt=0, description="longest time for one answer of the API server")


class DeployerSettings(BaseSettings):
    """From the environment: LOCKGATE_DEPLOYER_NAME, and as JSON LOCKGATE_DEPLOYER_REGIONS and _PACE.

    A variable may have 128 KiB on Linux, which some 900 regions fill: `_REGIONS_FILE` names a file with the same JSON.
    """

    model_config = SettingsConfigDict(
        env_prefix="LOCKGATE_DEPLOYER_", frozen=True, extra="ignore", hide_input_in_errors=True
    )
    name: Name
    regions: tuple[RegionSettings, ...] = Field(min_length=1)
    regions_file: Path | None = None
    pace: Pace = Pace()

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, given: dict[str, Any]) -> dict[str, Any]:
        file = given.get("regions_file")
        if not file:
            return given
        if "regions" in given:
            raise ValueError(f"regions are given, and the file {file} that has them: keep one of them")
        try:
            return {**given, "regions": orjson.loads(Path(file).read_bytes())}
        except (OSError, orjson.JSONDecodeError) as error:
            raise ValueError(f"the file of regions {file} cannot be read: {error}") from None

    @model_validator(mode="after")
    def _regions_once(self) -> Self:
        names = [each.region for each in self.regions]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"the region {doubled[0]} is listed twice: a region is one cluster and namespace"
            )
        return self

    @model_validator(mode="after")
    def _environments_apart(self) -> Self:
        """A Service, a policy or a removal of the one would find the pods of the other."""
        having: dict[tuple[Any, ...], list[str]] = {}
        for each in self.regions:
            for namespace in filter(None, (each.namespace, each.source)):
                having.setdefault((*server_of(each.url), namespace), []).append(each.region)
        for tried in (each for each in self.regions if each.source is not None):
            names = having[(*server_of(tried.url), tried.namespace)]
            if (other := next((name for name in names if name != tried.region), None)) is not None:
                raise ValueError(
                    f"environments of the region {tried.region} are made in the namespace {tried.namespace}, which the "
                    f"region {other} has too: name a namespace that is made for them alone"
                )
        return self

    @property
    def namespaces(self) -> dict[str, str]:
        """Region -> namespace: what the core is made for."""
        return {each.region: each.namespace for each in self.regions}

    @property
    def facts(self) -> dict[str, Any]:
        """What the core learns at each start, and the journal keeps: no address and no secret."""
        return {"deployer": self.name, "regions": self.namespaces}
