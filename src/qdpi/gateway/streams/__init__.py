"""Streams of a journey's events: the hub, its subscriptions, SSE and WebSocket frames."""
