"""Language models: hosted, Ollama, in-process llama.cpp, offline."""
