"""What a server takes on, declared once: the command `huse serve` has an option for each that people change."""

from pydantic import Field

from huse.settings import Settings

MIB = 2**20


class Limits(Settings):
    """Limits of one server; what goes beyond is refused with a message, and never computed in part."""

    body: int = Field(default=16 * MIB, gt=0, description="bytes of one request")
    bodies: int = Field(default=256 * MIB, gt=0, description="bytes of all requests that are in memory at a time")
    products: int = Field(default=64, gt=0, description="products in one request")
    pictures: int = Field(default=64, gt=0, description="pictures in one request")
    pixels: int = Field(default=50_000_000, gt=0, description="width × height of a picture")
    text: int = Field(default=2000, gt=0, description="characters of a text")
    hits: int = Field(default=200, gt=0, description="hits of one search")
    batch: int = Field(default=32, gt=0, description="products that go through the model together")
    linger: float = Field(default=0.002, ge=0, description="seconds that a batch waits for more")
    queue: int = Field(default=256, gt=0, description="products that wait for the model; beyond: 503")
    requests: int = Field(default=256, gt=0, description="requests at a time; beyond: 503")
    seconds: float = Field(default=20, gt=0, description="for the answer to one request; beyond: 504")
    reading: float = Field(default=10, gt=0, description="seconds in which a request has to be sent; beyond: 408")
    drain: float = Field(default=1, ge=0, description="seconds between SIGTERM and the end of listening")


RETRY = 1  # seconds, said with each 503
