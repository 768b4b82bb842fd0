"""The assembly of a process: startup, workers and gateway side by side, an orderly end."""
