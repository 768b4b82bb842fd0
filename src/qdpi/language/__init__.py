"""Language models: hosted, Ollama, a small one in a process of its own, offline. Importing this imports none."""
