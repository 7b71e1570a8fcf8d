from __future__ import annotations

import pytest
from complex_files import write_complex
from views_of import page_data

from deepchem_density.cli import main

QUICK = ["--box-width", "12", "--voxel-width", "1.5"]


def test_a_complex_is_written_as_a_page(tmp_path, capsys):
    ligand, pocket = write_complex(tmp_path, "1abc")
    out = tmp_path / "seen.html"
    arguments = [
        "view",
        ligand,
        "--protein",
        pocket,
        "--rep",
        "density+occupancy",
        "--hydrogens",
        "keep",
        "--out",
        str(out),
    ]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "Electron density: all electrons of independent atoms" in shown
    assert f"Written: {out}" in shown
    panels = page_data(out.read_text(encoding="utf-8"))["panels"]
    assert [panel["title"] for panel in panels] == ["Electron density", "Occupancy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["map.ccp4", "--protein", "a.pdb"], "'map.ccp4' is a map, and arrived with a protein"),
        (["CCO", "--target", "gap"], "target='gap' arrived without a model"),
        (["a.pdb", "--ligand", "LIG", "--protein", "b.pdb"], "an entry of the PDB holds both"),
        (["nowhere.sdf"], "There is no file"),
        (["CCO", "--out", "seen.gif"], "'seen.gif' arrived to be written"),
    ],
)
def test_what_cannot_be_seen_is_one_line_and_status_2(arguments, message, capsys):
    assert main(["view", *arguments, "--rep", "occupancy", *QUICK]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
