"""/metrics: Prometheus text. Web workers on one port share their figures through files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.requests import Request
from starlette.responses import Response

from tertulia.http.cached import Cached
from tertulia.http.workers import SHARED_FIGURES
from tertulia.hub import metrics as hub_metrics

REQUESTS = Counter("tertulia_http_requests", "REST requests answered", ["operation", "status"])
REFUSED = Counter(
    "tertulia_http_refused",
    "Requests and connections refused before they were read, by the code of the answer",
    ["code"],
)
SECONDS = Histogram(
    "tertulia_http_request_seconds",
    "Seconds until they were answered",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def forget_dead_workers() -> None:
    """Drop the gauges of workers that ended, whose connections are gone; counters stay. To be called at each start."""
    if SHARED_FIGURES in os.environ:
        for path in Path(os.environ[SHARED_FIGURES]).glob("gauge_live*_*.db"):
            pid = int(re.sub(r"\D", "", path.stem.rpartition("_")[2]) or 0)
            if not Path(f"/proc/{pid}").exists():
                multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


class Metrics:
    """The figures of all web workers on this port."""

    def __init__(self) -> None:
        self._text = Cached(_collect)

    async def metrics(self, _request: Request) -> Response:
        """All of them, at most a second old."""
        return Response(await self._text.get(), 200, {"Cache-Control": "no-store"}, CONTENT_TYPE_LATEST)


async def _collect() -> bytes:
    hub_metrics.settle()
    registry = REGISTRY
    if SHARED_FIGURES in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
