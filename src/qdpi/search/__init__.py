"""Search over the canon, a reader's own pages and vault: pure, built on indexes kept in memory."""
