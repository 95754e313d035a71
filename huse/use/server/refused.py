"""What a server answers to a request that it refuses."""

from huse.use.server.limits import RETRY


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        status: of HTTP.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, **headers: str) -> None:
        """Make it; the message says what was expected, what was found, and what to do."""
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-").lower(): value for name, value in headers.items()}


def busy(message: str) -> RefusedError:
    """Return the refusal of what may be asked again in a moment."""
    return RefusedError(503, message, retry_after=str(RETRY))
