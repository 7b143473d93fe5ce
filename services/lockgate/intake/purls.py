"""Package URLs of images, as they are announced: by digest, in the form that CDEvents' own examples have. Pure."""

from urllib.parse import quote


def purl(package: str, digest: str, tag: str | None = None, repository: str | None = None) -> str:
    """The package URL of an artifact, by the rules of its specification; qualifiers in alphabetical order."""
    given = (("repository_url", repository), ("tag", tag))
    qualifiers = "&".join(f"{name}={quote(value, safe='/')}" for name, value in given if value)
    return f"{package}@{quote(digest, safe='')}" + (f"?{qualifiers}" if qualifiers else "")
