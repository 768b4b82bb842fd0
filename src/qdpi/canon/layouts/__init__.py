"""The three layouts that a book may come in: the corpus, texts.json, a folder of Markdown."""
