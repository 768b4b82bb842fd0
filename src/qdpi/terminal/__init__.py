"""The terminal reader: a reader session on the full screen or line by line."""
