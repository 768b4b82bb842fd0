"""The Prometheus metrics of a process, in a registry of their own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The process's counters, gauges and histograms."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count_traffic()
        self._count_runs()
        self._gauge_workers()

    def _count_traffic(self) -> None:
        r = self.registry
        self.presses = Counter("qdpi_presses", "Presses and asks accepted by the gateway.", ["kind"], registry=r)
        self.refused = Counter("qdpi_refused", "Requests refused by the gateway.", ["code"], registry=r)
        self.streams = Gauge("qdpi_stream_clients", "Clients streaming a journey.", ["kind"], registry=r)
        self.dropped = Counter("qdpi_stream_drops", "Clients disconnected because they were too slow.", registry=r)

    def _count_runs(self) -> None:
        r = self.registry
        self.outcomes = Counter("qdpi_outcomes", "Outcomes committed.", ["outcome", "trajectory"], registry=r)
        self.adopted = Counter("qdpi_outcomes_adopted", "Outcomes that were already committed.", registry=r)
        self.model_calls = Counter(
            "qdpi_model_calls", "Calls to a language model.", ["model", "phase", "result"], registry=r
        )
        self.tokens = Counter("qdpi_model_tokens", "Tokens of model calls.", ["model", "direction"], registry=r)
        self.readings = Counter(
            "qdpi_locus_readings",
            "Readings of a locus: computed at a press, or found in the store.",
            ["how"],
            registry=r,
        )
        self.lost_deltas = Counter("qdpi_deltas_lost", "Text deltas that could not be published.", registry=r)
        self.phase_seconds = Histogram(
            "qdpi_phase_seconds", "Time of each phase of a run.", ["phase"], buckets=_SECONDS, registry=r
        )
        self.press_seconds = Histogram(
            "qdpi_press_to_outcome_seconds", "Time from a press to its outcome.", buckets=_SECONDS, registry=r
        )

    def _gauge_workers(self) -> None:
        r = self.registry
        self.handled = Counter("qdpi_records_handled", "Records handled, dead letters included.", ["group"], registry=r)
        self.retries = Counter("qdpi_retries", "Retries of a handler.", ["group", "cause"], registry=r)
        self.dead_letters = Counter("qdpi_dead_letters", "Dead letters published.", ["group"], registry=r)
        self.lanes = Gauge("qdpi_lanes", "Keys with work.", ["group"], registry=r)
        self.in_flight = Gauge("qdpi_in_flight", "Records fetched and not finished.", ["group"], registry=r)
        self.paused = Gauge("qdpi_paused_partitions", "Paused partitions.", ["group"], registry=r)
        self.lag_records = Gauge("qdpi_lag_records", "Uncommitted records of a group.", ["group", "topic"], registry=r)
        self.lag_seconds = Gauge(
            "qdpi_lag_seconds", "Age of a group's oldest uncommitted record.", ["group", "topic"], registry=r
        )

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
