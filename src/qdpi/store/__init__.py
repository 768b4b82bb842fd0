"""The page store: its ports, their rows, and the adapters."""
