"""The commands of ``deepchem-density``; each offers ``add_to`` for the parser and ``run``."""
