"""The archive of a journey, the lossless export: its format, and writing, reading, checking and restoring it."""
