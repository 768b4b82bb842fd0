"""The archive of a journey: its format, writing, reading, checking and restoring one."""
