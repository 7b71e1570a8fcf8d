"""Labelled molecules and complexes: where they come from, how their labels are checked, how they are split."""
