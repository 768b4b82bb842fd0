"""The terminal reader: one reading, shown as a full screen or line by line."""
