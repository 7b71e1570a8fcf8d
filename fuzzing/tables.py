"""Cases for tables: labels beside SDF, complexes, lists of ids, INDEX files, inputs of predictions, QM9's csv."""

from __future__ import annotations

import csv
import json
import math
import random
import re
from pathlib import Path
from typing import Any

from fuzzing import package
from fuzzing.cases import EITHER, READ, REFUSED, Case, Reader, Verdict
from fuzzing.molecules import molecules, sdf
from fuzzing.mutations import blind, meaningless, packed
from fuzzing.small_molecules import text_of

NAMES = [f"mol{i}" for i in range(len(molecules()))]
LABELS = [round(-1.25 + 0.5 * i, 3) for i in range(len(NAMES))]
MARKS = ",;\t"


def _csv(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def label_csv() -> str:
    """Return labels of the molecules, with a column before and one behind."""
    return _csv(
        "mol_id,weight,y,note", [f"{n},{i}.5,{y},none" for i, (n, y) in enumerate(zip(NAMES, LABELS, strict=True))]
    )


def cells(text: str) -> list[list[str]]:
    """Return the rows of a csv as Python's own reader has them, with any of the delimiters."""
    found = []
    for mark in MARKS:
        try:
            found += [
                [cell.strip() for cell in row]
                for row in csv.reader(text.replace("\r\n", "\n").split("\n"), delimiter=mark)
            ]
        except csv.Error:
            continue
    return found


def _labels(path: Path) -> dict[str, float]:
    table = package.of("deepchem_density.tables", "load_sdf_csv")(path.parent / "case.sdf", path, ["y"])
    return dict(zip(map(str, table.ids), table.labels[:, 0].tolist(), strict=True))


def _label_case(mutation: str, content: bytes, verdict: Verdict, expected: str = EITHER, gz: str = "") -> Case:
    records = "".join(sdf(molecule, name=name) for molecule, name in zip(molecules(), NAMES, strict=True))
    files = {f"case.csv{gz}": content, "case.sdf": records.encode()}
    return Case("labels beside sdf", mutation, files, _labels, verdict, expected)


def _right_labels(found: dict[str, float]) -> str:
    right = dict(zip(NAMES, LABELS, strict=True))
    wrong = [name for name, value in found.items() if name not in right or value != right[name]]
    return f"{wrong[0]} has {found[wrong[0]]}" if wrong else "" if len(found) == len(right) else f"{len(found)} labels"


def labels_changed(rng: random.Random) -> Case:
    """Return labels after random changes: those of a name must stand in a row with it."""
    content = blind(rng, label_csv().encode())

    def verdict(found: dict[str, float]) -> str:
        rows = cells(text_of(content)) + cells(label_csv())
        for name, value in found.items():
            if not any(name in row and any(_is(cell, value) for cell in row) for row in rows) and not name.isdigit():
                return f"{name} has {value}, which stands in no row with it"
        return ""

    return _label_case("changed at random", content, verdict)


def _is(cell: str, value: float) -> bool:
    if math.isnan(value):
        return cell.lower() in ("", "nan", "na", "n/a", "#n/a", "<na>", "null", "none")
    try:
        return bool(re.fullmatch(r"[-+0-9.eEdD]+", cell)) and math.isclose(float(cell.lower().replace("d", "e")), value)
    except ValueError:
        return bool(re.fullmatch(r"[-+]?[0-9.]+[-+][0-9]{1,3}", cell))


def labels_same(rng: random.Random) -> Case:
    """Return labels in another form of the same meaning."""
    rows = label_csv().rstrip().split("\n")
    body = rows[1:]
    rng.shuffle(body)
    text = _csv(rows[0], body)
    text = text.replace(",", rng.choice(MARKS)) if rng.random() < 0.5 else text.replace("none", '"a, ""quoted"" note"')
    content = meaningless(rng, text)
    if rng.random() < 0.3:
        content = text.replace("weight", "Größe µ").encode(rng.choice(("cp1252", "utf-16", "utf-8")))
    gz = rng.choice(("", "", ".gz"))
    return _label_case("same meaning", packed(rng, content) if gz else content, _right_labels, READ, gz)


def labels_ragged(rng: random.Random) -> Case:
    """Return labels of which rows have a field more or fewer than the header, as the index of some programs."""
    rows = label_csv().rstrip().split("\n")
    kind = rng.choice(
        ("all rows longer", "one row longer", "one row shorter", "blank row", "column twice", "comma in a number")
    )
    i = rng.randrange(1, len(rows))
    if kind == "all rows longer":
        rows[1:] = [f"{place},{row}" for place, row in enumerate(rows[1:])]
    elif kind == "one row longer":
        rows[i] = f"7,{rows[i]}"
    elif kind == "one row shorter":
        rows[i] = rows[i].partition(",")[2]
    elif kind == "blank row":
        rows.insert(min(i, len(rows) - 1), "")
    elif kind == "column twice":
        rows[0] = "mol_id,y,y,note"
    else:
        rows[i] = rows[i].replace(f",{LABELS[i - 1]},", f",{str(LABELS[i - 1]).replace('.', ',')},")
    return _label_case(f"ragged: {kind}", "\n".join(rows).encode(), _right_labels, REFUSED)


def labels_word(rng: random.Random) -> Case:
    """Return labels of which one is no number."""
    text, i = label_csv(), rng.randrange(len(LABELS))
    word = rng.choice(("1_000", "1.5abc", "inf", "0x10", "١", "1e999", "1.2.3", "five", '"1,5"'))
    return _label_case(
        "no number as a label", text.replace(f",{LABELS[i]},", f",{word},").encode(), _right_labels, REFUSED
    )


COMPLEXES = _csv("id,ligand,protein,pK,year", [f"c{i},{'abcd'[i]}.sdf,p.pdb,{4.5 + i},200{i}" for i in range(4)])


def complexes(rng: random.Random) -> Case:
    """Return a csv of complexes, as it is, after random changes, or ragged."""
    text = COMPLEXES
    kind = rng.choice(
        ("changed at random", "changed at random", "same meaning", "ragged", "impossible pK", "header only")
    )
    head, *rows = text.rstrip().split("\n")
    impossible = rng.choice(("99999999", "-400", "4,5", "1e5"))
    content, expected = {
        "changed at random": lambda: (blind(rng, text.encode()), EITHER),
        "same meaning": lambda: (meaningless(rng, text), READ),
        "ragged": lambda: (_csv(head, [f"9,{row}" for row in rows]).encode(), REFUSED),
        "impossible pK": lambda: (text.replace("4.5", impossible).encode(), REFUSED),
        "header only": lambda: (f"{head}\n".encode(), REFUSED),
    }[kind]()

    def read(path: Path) -> dict[str, tuple[str, float]]:
        table = package.of("deepchem_density", "load_complexes")(path)
        files = [Path(str(one)).name for one in table.ligands]
        return dict(zip(map(str, table.ids), zip(files, table.labels[:, 0].tolist(), strict=True), strict=True))

    def verdict(found: dict[str, tuple[str, float]]) -> str:
        known = cells(text_of(content)) + cells(text)
        for name, (file, value) in found.items():
            if not any(
                name in row and any(cell.endswith(file) for cell in row) and any(_is(c, value) for c in row)
                for row in known
            ):
                return f"{name} has {file} and {value}, which stand in no row with it"
        return ""

    files = {"case.csv": content, **{f"{one}.sdf": b"x" for one in "abcd"}, "p.pdb": b"x"}
    return Case("csv of complexes", kind, files, read, verdict, expected)


LISTS = {
    "train.txt": "gdb_1\ngdb_2\n# a remark\n1abc\n2xyz # another\n",
    "case.csv": "pdb,new_split\n1abc,train\n2xyz,test\n3foo,train|test\n4bar,\n",
    "case.json": json.dumps({"train": ["1abc", "2xyz"], "test": ["3foo", 4]}),
    "lists.json": json.dumps({"1abc": "train", "2xyz": "test"}),
}


def lists(rng: random.Random) -> Case:
    """Return lists of ids, as they are or after random changes: each id must stand in the file."""
    name, text = rng.choice(list(LISTS.items()))
    whole = rng.random() < 0.25
    content = meaningless(rng, text) if whole else blind(rng, text.encode())
    right = _ids(name, text)

    def verdict(found: dict[str, list[str]]) -> str:
        if whole:
            return "" if found == right else f"{found}, {right} is right"
        try:
            plain = text_of(content)
        except UnicodeError:
            return ""
        known = (
            (plain + text).lower().encode("utf-8", "replace").decode("unicode-escape", "replace")
            if name.endswith("json")
            else ""
        )
        odd = [one for ids in found.values() for one in ids if one not in (plain + text + known).lower()]
        return f"{odd[0]!r} does not stand in the file" if odd else ""

    return _list_case(
        name, "same meaning" if whole else "changed at random", content, verdict, READ if whole else EITHER
    )


def _ids(name: str, text: str) -> dict[str, list[str]]:
    if name == "train.txt":
        return {"train": ["gdb_1", "gdb_2", "1abc", "2xyz"]}
    if name == "lists.json":
        return {"train": ["1abc"], "test": ["2xyz"]}
    if name == "case.csv":
        return {"train": ["1abc", "3foo"], "test": ["2xyz", "3foo"]}
    return {"train": ["1abc", "2xyz"], "test": ["3foo", "4"]}


def _list_case(name: str, mutation: str, content: bytes, verdict: Verdict, expected: str) -> Case:
    read = lambda path: package.of("deepchem_density.tables.id_lists", "read_id_lists")(path)  # noqa: E731
    return Case("lists of ids", mutation, {name: content}, read, verdict, expected)


def lists_refused(rng: random.Random) -> Case:
    """Return lists whose rows are ragged, whose ids are lists, whose keys stand twice, or that hold a NUL."""
    name, text = rng.choice(
        (
            ("case.csv", "pdb,new_split\n0,1abc,train\n1,2xyz,test\n2,3foo,train\n"),
            ("case.csv", "pdb,new_split\n1abc,train\n2xyz\n"),
            ("case.json", '{"train": [["1abc", "2xyz"]], "test": ["3foo"]}'),
            ("case.json", '{"train": [null], "test": [{"a": 1}]}'),
            ("case.json", '{"train": ["1abc"], "train": ["2xyz"], "test": ["3foo"]}'),
            ("train.txt", "1abc\n2x\0yz\n"),
            ("case.json", "[" * 20000),
            ("case.json", json.dumps({"train": ["a\0b"], "test": ["c"]})),
        )
    )
    return _list_case(name, "not to be read", text.encode(), lambda found: None, REFUSED)


INDEX = """# PDB code, resolution, release year, -logKd/Ki, Kd/Ki, reference, ligand name
3zzf  2.20  2012   0.40  Ki=400mM      // 3zzf.pdf (NLG)
3gww  2.46  2009   0.45  IC50=355mM    // 3gwu.pdf (SFX)
1w8l  1.80  2004   0.49  Ki=320mM      // 1w8l.pdf (1P3)
3fqa  NMR   2009   0.49  IC50=320mM    // 3fq7.pdf (GAB&PMP) incomplete ligand structure
1zsb  2.00  1996   9.00  Kd<1nM        // 1zsb.pdf (AZM)
"""
UNITS = {"M": 1.0, "mM": 1e-3, "uM": 1e-6, "nM": 1e-9, "pM": 1e-12, "fM": 1e-15, "µM": 1e-6, "μM": 1e-6}


def index(rng: random.Random) -> Case:
    """Return an INDEX file, as it is, after random changes, or with values that cannot be."""
    kind = rng.choice(("changed at random", "changed at random", "same meaning", "impossible"))
    content, expected = INDEX.encode(), EITHER
    if kind == "changed at random":
        content = blind(rng, content)
    elif kind == "same meaning":
        content, expected = meaningless(rng, INDEX), READ
    else:
        old, new = rng.choice(
            (
                *(
                    ("  2012", "  6004"),
                    ("2.20", "inf"),
                    ("0.45  IC50=355mM", "99999999.0"),
                    ("400mM", "٤٠٠mM"),
                    ("3gww", "3zzf"),
                ),
                *(("320mM", "3_20mM"), ("1.80", "-1.80"), ("1996", "96"), ("Kd<1nM", "Kd<0nM"), ("400mM", "4,0mM")),
            )
        )
        content, expected = INDEX.replace(old, new, 1).encode(), REFUSED
    read = lambda path: package.of("deepchem_density.tables.pdbbind_index", "read_index")(path)  # noqa: E731
    verdict = lambda frame: _against_lines(frame, text_of(content) + INDEX)  # noqa: E731
    return Case("INDEX of PDBbind", kind, {"INDEX_case.2020": content}, read, verdict, expected)


def _against_lines(frame: Any, text: str) -> str:
    lines = [line.split() for line in text.split("\n")]
    for code, row in frame.iterrows():
        own = [words for words in lines if words and words[0].lower() == code]
        if not any(
            str(row["year"]) in words and (row["measurement"] in words or not row["measurement"]) for words in own
        ):
            return f"{code} has {row['year']} and {row['measurement']}, in no line of the file"
        if row["measurement"]:
            found = re.fullmatch(r"(?:Kd|Ki|IC50)[<>=~]+([0-9.eE+-]+)(\w?M)", row["measurement"])
            if found is None:
                return f"{code} has the measurement {row['measurement']}"
            value, unit = found.groups()
            if abs(row["pK"] + math.log10(float(value) * UNITS[unit])) > 1e-6:
                return f"{code} has pK {row['pK']} for {row['measurement']}"
        if not 1900 <= row["year"] <= 2100 or not -20 < row["pK"] < 30:
            return f"{code} has the year {row['year']} and pK {row['pK']}"
    return ""


INPUTS = _csv("id,smiles,note", [f"n{i},{molecule.smiles},x" for i, molecule in enumerate(molecules())])


def inputs(rng: random.Random) -> Case:
    """Return molecules to predict: each SMILES must stand in a row with its name."""
    form = rng.choice(("csv", "csv", "smi", "sdf"))
    kind = rng.choice(("changed at random", "same meaning", "ragged")) if form == "csv" else "changed at random"
    text = INPUTS
    if form == "smi":
        text = "".join(f"{molecule.smiles} n{i}\n" for i, molecule in enumerate(molecules()))
    if form == "sdf":
        text = "".join(sdf(molecule, name=f"n{i}") for i, molecule in enumerate(molecules()[:3]))
    content, expected = text.encode(), EITHER
    if kind == "ragged":
        head, *rows = text.rstrip().split("\n")
        content, expected = _csv(head, [f"{i},{row}" for i, row in enumerate(rows)]).encode(), REFUSED
    elif kind == "same meaning":
        content, expected = meaningless(rng, text), READ
    else:
        content = blind(rng, content)

    def read(path: Path) -> dict[str, Any]:
        reading = package.of("deepchem_density.voxels.datapoints", "Reading")()
        found = package.of("deepchem_density.models.prediction_inputs", "read_inputs")(path, reading)
        return {one.name: one.datapoint for one in found if not one.failure}

    verdict = (lambda found: _in_rows(found, content, text)) if form == "csv" else (lambda found: None)
    return Case("molecules to predict", f"{form}, {kind}", {f"case.{form}": content}, read, verdict, expected)


def _in_rows(found: dict[str, Any], content: bytes, text: str) -> str:
    rows = cells(text_of(content)) + cells(text)
    for name, datapoint in found.items():
        if (
            isinstance(datapoint, str)
            and not any(name in row and datapoint in row for row in rows)
            and not name.isdigit()
        ):
            return f"{datapoint} is called {name}, in no row of the file"
    return ""


QM9 = _csv(
    "Index,SMILES,N_atoms,Elements,XYZ_Ang,RotA_GHz,RotB_GHz,RotC_GHz,Dipole_debye,Polarizability_bohr3,HOMO_au,LUMO_au,HOMO_LUMO_gap_au,"
    "R2_bohr2,ZPVE_au,InternalEnergy_0K_au,InternalEnergy_298K_au,Enthalphy_298K_au,GibbsFreeEnergy_298K_au,Heatcapacity_Cv_cal_mol_K",
    [f"""{i},O,3,"['O','H','H']","[[0.,0.,.1],[0,.7,-.4],[0,-.7,-.4]]",{",".join(["1.5"] * 15)}""" for i in (1, 2, 3)],
)


def qm9(rng: random.Random) -> Case:
    """Return the csv files of qm9pack after random changes: they are never all of QM9."""
    part = rng.choice((1, 2, 3))
    files = {f"qm9_part{i}.csv": QM9.encode() for i in (1, 2, 3)}
    files[f"qm9_part{part}.csv"] = blind(rng, QM9.encode())
    read = lambda path: package.of("deepchem_density.tables.qm9", "read_qm9pack")(path.parent)  # noqa: E731
    return Case("qm9pack", "changed at random", files, read, lambda table: None, REFUSED, ("qm9pack", "qm9_part"))


READERS = (
    Reader("labels beside sdf", 3, (labels_changed, labels_changed, labels_same, labels_ragged, labels_word)),
    Reader("csv of complexes", 4, (complexes,)),
    Reader("lists of ids", 7, (lists, lists, lists, lists_refused)),
    Reader("INDEX of PDBbind", 5, (index,)),
    Reader("molecules to predict", 5, (inputs,)),
    Reader("qm9pack", 1, (qm9,)),
)
