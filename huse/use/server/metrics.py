"""What a server counts, in the format of Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts of one server; each server of a process has its own."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.registry = of = CollectorRegistry()
        ProcessCollector(registry=of)
        labels = ("path", "method", "status")
        self._requests = Counter("huse_requests", "Requests that were answered.", labels, registry=of)
        self._seconds = Histogram("huse_request_seconds", "To the answer.", ("path",), buckets=SECONDS, registry=of)
        self._batches = Histogram("huse_batch_size", "Products in a batch.", buckets=SIZES, registry=of)
        self._gone = Counter("huse_cancelled", "Requests whose client left before the answer.", registry=of)

    def watch(self, name: str, said: str, value: Callable[[], float]) -> None:
        """Show a number that is asked for whenever somebody looks."""
        Gauge(f"huse_{name}", said, registry=self.registry).set_function(value)

    def answered(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count an answer; the path is that of a route, never what a client wrote."""
        self._requests.labels(path, method, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def batched(self, size: int) -> None:
        """Count a batch."""
        self._batches.observe(size)

    def cancelled(self) -> None:
        """Count a client that left."""
        self._gone.inc()

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)
