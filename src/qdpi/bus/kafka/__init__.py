"""The event bus on Apache Kafka and compatible brokers."""

from qdpi.bus.kafka.adapter import KafkaBus

__all__ = ["KafkaBus"]
