"""Learning curves and searches: configurations in, rows of results, tables, figures and reports out."""
