"""The event bus on Apache Kafka, or whatever speaks its protocol."""

from qdpi.bus.kafka.adapter import KafkaBus

__all__ = ["KafkaBus"]
