"""Reading books: the corpus layout, texts.json, a folder of Markdown."""
