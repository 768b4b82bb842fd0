"""What is measured of a page, against what its book's own pages teach. Pure: texts in, verdicts out."""
