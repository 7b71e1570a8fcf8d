"""The part of a protein that quantum chemistry can solve together with a ligand."""
