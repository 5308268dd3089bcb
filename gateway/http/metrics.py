"""What the gateway counts of itself, for Prometheus. Routes are templates, so that series stay countable."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class HttpMetrics:
    """The metrics of one gateway process, on a registry of their own."""

    def __init__(self) -> None:
        """Create every metric at zero."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "proctor_gateway_requests", "Requests", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "proctor_gateway_request_seconds", "Time to answer", ("route",), registry=self.registry, buckets=BUCKETS_S
        )
        self._logins = Counter("proctor_gateway_logins_refused", "Logins that were refused", registry=self.registry)
        self._troubles = Gauge(
            "proctor_gateway_companions_in_trouble", "Parts beside the gateway that failed", registry=self.registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def login_refused(self) -> None:
        """Count a login that was refused."""
        self._logins.inc()

    def render(self, troubles: int) -> bytes:
        """Give all of them in Prometheus' text format."""
        self._troubles.set(troubles)
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
