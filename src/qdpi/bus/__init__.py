"""The event bus: the port, its adapters, and the key-ordered worker."""
