"""Which account PostgreSQL runs as, and which folders that account can reach.

PostgreSQL refuses to run as root. Started by root it runs as nobody, who cannot pass a 0700 folder such as
/root: what nobody needs is then kept in places of the system that it can.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int

    def may(self, bits: int, path: Path) -> bool:
        """Whether the mode of `path` grants all `bits` (4 read, 2 write, 1 pass or execute); no ACLs."""
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & bits == bits

    def reaches(self, path: Path) -> bool:
        """Whether the account can pass every folder above the existing `path`, and `path` itself."""
        place = path.resolve()
        return all(self.may(1, folder) for folder in (place, *place.parents))

    def reads(self, file: Path) -> bool:
        """Whether the account can open the existing `file`."""
        return self.may(4, file) and self.reaches(file.resolve().parent)


def unprivileged() -> Account | None:
    """The account that root drops to; None where nothing has to be dropped."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)
