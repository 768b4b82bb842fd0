"""Observability: metrics, W3C trace context, structured logs."""
