"""What APM's agent sends of our metrics: by how much they grew since it last sent them.

Left to itself it sends totals since the process began: the mean of the last minutes would be that of a lifetime, and
totals of several processes can't be added up, since each begins anew. Growth can be summed and averaged over any time
and any number of processes. Gauges are sent as they are; each process's name stands beside them, to add them up.
"""

import threading
from collections.abc import Iterator
from typing import Any

from elasticapm.metrics.base_metrics import MetricsRegistry
from elasticapm.metrics.sets.prometheus import PrometheusMetrics

from core.telemetry import metrics

Metric = tuple[str, frozenset[tuple[str, str]]]  # its name and labels


class Growth(PrometheusMetrics):
    """Made by the agent (METRICS_SETS), which collects by a timer and once more when it is closed."""

    def __init__(self, registry: MetricsRegistry) -> None:
        super().__init__(registry)
        self._sent: dict[Metric, list[float]] = {}
        self._one_at_a_time = threading.Lock()

    def collect(self) -> Iterator[dict[str, Any]]:
        with self._one_at_a_time:
            yield from super().collect()

    def before_yield(self, data: dict[str, Any]) -> dict[str, Any]:
        labels = frozenset(data.setdefault("tags", {}).items())
        for name, sample in data["samples"].items():
            if "counts" in sample:  # a histogram's
                sample["counts"] = self._grown((name, labels), sample["counts"])
            elif sample.get("type") != "gauge":
                [sample["value"]] = self._grown((name, labels), [sample["value"]])
        data["tags"]["process"] = metrics.process()
        return data

    def _grown(self, metric: Metric, totals: list[float]) -> list[float]:
        before = self._sent.get(metric, [0] * len(totals))
        self._sent[metric] = totals
        return [now - then for now, then in zip(totals, before, strict=True)]
