"""Who is answered, and how much of what somebody sends is read."""

import secrets
from dataclasses import dataclass

from minialex.explore.pictures import MOST_BYTES

NO_TOKEN = "the token is missing, or of an earlier start: open the address in the terminal"

#: The longest question, in bytes.
MOST_JSON = 1_000_000

#: Where questions and pictures are sent to.
QUESTIONS, PICTURES = "/api/", "/api/pictures"


@dataclass(frozen=True)
class Access:
    """The right to be answered by the server at a port of this machine.

    token   what each request must bring
    """

    token: str
    port: int

    @property
    def hosts(self) -> set[str]:
        """The names by which the server may be called."""
        at = "" if self.port == 80 else f":{self.port}"  # which browsers leave out
        return {f"127.0.0.1{at}", f"localhost{at}"}

    def is_known(self, given: str) -> bool:
        """Whether it is the token, compared in a time that tells nothing about it."""
        return secrets.compare_digest(given.encode(), self.token.encode())

    def is_granted(self, authorization: str) -> bool:
        """Whether the header of this name has the token."""
        return self.is_known(authorization.partition("Bearer ")[2])

    def refusal(
        self, path: str, host: str, origin: str | None, authorization: str
    ) -> tuple[int, str] | None:
        """The status and the sentence with which a request is refused; None if it is answered."""
        if host not in self.hosts:
            return 403, f"this server is {' or '.join(sorted(self.hosts))}"
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return 403, "this request comes from another page"
        if path.startswith(QUESTIONS) and not self.is_granted(authorization):
            return 401, NO_TOKEN
        return None

    def longest_body(self, path: str, authorization: str) -> int:
        """How many bytes may come with such a request: none from who has no token."""
        if not self.is_granted(authorization):
            return 0
        return MOST_BYTES if path == PICTURES else MOST_JSON
