"""``python -m deepchem_density.cli``."""

from deepchem_density.cli.command_line import main

raise SystemExit(main())
