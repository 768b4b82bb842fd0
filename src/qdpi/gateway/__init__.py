"""The HTTP gateway: direct calls, event gateway, streams, limits."""
