"""The page store: the port and its adapters."""
