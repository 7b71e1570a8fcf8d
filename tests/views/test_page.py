from __future__ import annotations

import re

import numpy as np
import torch
from html_reader import Reader
from views_of import page_data, points_of, values_of

from deepchem_density import Structure, xtb_density
from deepchem_density.views.page import page_of
from deepchem_density.views.scene import scene_of

SETTINGS = {"box_width": 12.0, "voxel_width": 1.0}


def test_a_page_fetches_nothing_and_holds_the_licence_of_what_draws_it(molecules):
    html = page_of(scene_of(molecules["water"], "density", SETTINGS))
    reader = Reader(html)
    assert not reader.open
    for tag, attributes in reader.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed")
        assert not {"src", "href", "srcset", "data-pdb", "data-cid", "data-href"} & set(attributes)
    css = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in css
    assert "@import" not in css
    own = html[html.rindex("<script>") :]
    assert not re.search(r"https?:|fetch|XMLHttpRequest|import\(|\$3Dmol\.(download|get)", own)
    assert "Redistributions of source code must retain the above copyright" in html
    assert "$3Dmol" in html
    assert html.count("</script>") == html.count("<script")


def test_it_holds_the_numbers_of_the_field_and_the_atoms(molecules):
    water = molecules["water"]
    data = page_data(page_of(scene_of(water, "density+atom", SETTINGS)))
    density, atoms = data["panels"]
    points = torch.from_numpy(points_of(density).reshape(-1, 3))
    expected = xtb_density(water).at(points).reshape(density["shape"]).numpy()
    assert expected.max() > 1.0
    np.testing.assert_allclose(values_of(density), expected, rtol=1e-3, atol=1e-6)  # half precision
    assert (density["unit"], density["start"], density["log"]) == ("e/Å³", 0.3, True)
    assert density["low"] < density["start"] < density["high"]
    assert [channel["name"] for channel in atoms["channels"]] == ["H", "O"]
    volume = abs(np.linalg.det(atoms["steps"]))
    assert [round(values_of(atoms, c).sum() * volume) for c in (0, 1)] == [2, 1]
    assert [atom["elem"] for atom in data["atoms"]] == ["O", "H", "H"]
    np.testing.assert_allclose([[a[k] for k in "xyz"] for a in data["atoms"]], water.positions, atol=1e-4)
    assert [sorted(atom["bonds"]) for atom in data["atoms"]] == [[1, 2], [0], [0]]


def test_a_turn_shows_the_molecule_flat(molecules):
    scene = scene_of(molecules["benzene"], "occupancy", SETTINGS)
    x, y, z, w = page_data(page_of(scene))["turn"]
    turned = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    positions = molecules["benzene"].positions
    np.testing.assert_allclose(turned @ (positions - scene.center).T, scene.local(positions).T, atol=1e-9)


def test_names_are_no_markup(molecules):
    water = molecules["water"]
    named = Structure(water.numbers, water.positions, name="</script><script>alert(1)</script><b>")
    html = page_of(scene_of(named, "occupancy", SETTINGS))
    assert "<script>alert" not in html
    assert "&lt;/script&gt;" in html
    Reader(html)
