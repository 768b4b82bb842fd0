"""The terminal reader: one reader, shown as a full screen or line by line."""
