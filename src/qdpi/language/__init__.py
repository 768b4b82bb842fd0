"""Language models: hosted, Ollama, a small local one in its own process, offline. Imported when they are chosen."""
