"""Models behind HTTP: the protocols of OpenAI (and the many servers that speak it) and Anthropic."""
