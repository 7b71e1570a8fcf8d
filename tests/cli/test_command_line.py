from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deepchem_density.cli.command_line import COMMANDS, main, parser
from deepchem_density.cli.compare import CompareRun, configs_of
from deepchem_density.cli.curve import CurveRun, curve_config
from deepchem_density.cli.describe import DescribeRun
from deepchem_density.cli.export import ExportRun
from deepchem_density.cli.featurize import FeaturizeRun
from deepchem_density.cli.options import asked_for, config_from, settings_by_heading
from deepchem_density.cli.predict import PredictSettings
from deepchem_density.cli.tune import TuneRun, plan_of
from deepchem_density.cli.view import ViewRun
from deepchem_density.curves.config import CurveConfig
from deepchem_density.settings import class_defaults, special_defaults

ROOT = Path(__file__).parents[2]
PROJECTS = sorted((ROOT / "mlflow_projects").glob("*/MLproject"))


NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]
DECLARING = {
    "describe": DescribeRun,
    "curve": CurveRun,
    "compare": CompareRun,
    "tune": TuneRun,
    "featurize": FeaturizeRun,
    "predict": PredictSettings,
    "view": ViewRun,
    "export": ExportRun,
}
POSITIONAL = {
    "predict": ["a model", "in.smi"],
    "featurize": ["sample"],
    "view": ["CCO"],
    "export": ["CCO", "out.cube"],
}
WITHOUT = {"describe": {"out", "threads", "dry_run"}, "compare": {"rep"}, "tune": {"fractions", "seeds"}}


def test_help_imports_nothing_heavy():
    for arguments in ([], *([name] for name in NAMES)):
        code = "import sys; from deepchem_density.cli.command_line import main\n"
        code += f"try: main({[*arguments, '--help']})\nexcept SystemExit: pass\n"
        code += "heavy = {'deepchem', 'torch', 'mlflow', 'optuna', 'pandas', 'rdkit', 'gemmi', 'numba', 'scipy', 'matplotlib'}\n"
        code += "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rep", "orbital"], "'orbital' arrived; 'atom', 'density', 'gradient', 'occupancy', or several of them"),
        (["--dataset", "sdf", "--data-dir", "nowhere"], "0 .sdf files"),
        (["--voxel-width", "0.7"], "whole number"),
    ],
)
def test_what_cannot_run_is_one_line_and_status_2(arguments, message, tmp_path, capsys):
    assert main(["curve", "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["curve", "--fractions", "half"], ["curve", "--seeds", "1.5"], ["curve", "--other", "perhaps"], ["orbit"], []],
)
def test_arguments_that_cannot_be_read_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.rstrip().endswith("--help` lists the options.")


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_is_not_known_is_named_with_the_command_that_lists_its_own(name, capsys):
    given = {
        "predict": ["a model", "in.smi"],
        "featurize": ["sample"],
        "view": ["CCO"],
        "export": ["CCO", "out.cube"],
    }.get(name, [])
    for arguments in (["--transfrom", "log"], ["--orbitals=7"]):
        with pytest.raises(SystemExit) as stopped:
            main([name, *given, *arguments])
        assert stopped.value.code == 2
        assert capsys.readouterr().err == (
            f"deepchem-density {name}: unrecognized arguments: {' '.join(arguments)}. `deepchem-density {name} --help` lists "
            "the options.\n"
        )


def options_in(shown):
    """Return name -> what help says of it, of each option, and the headings, with all words one space apart."""
    blocks = re.split(r"\n  --(?=[a-z])", shown)[1:]
    said = {block.split()[0].replace("-", "_"): re.split(r"\n\n", block)[0] for block in blocks}
    return {name: " ".join(text.split()) for name, text in said.items()}, re.findall(r"^(\S.*):$", shown, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_help_lists_every_setting_below_its_heading_with_choices_and_defaults_where_there_are_some(name, capsys):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    said, headings = options_in(capsys.readouterr().out)
    declaring, left_out = DECLARING[name], WITHOUT.get(name, set())
    defaults, special = class_defaults(declaring), special_defaults(declaring, "complexes")
    assert set(defaults) - left_out <= set(said)
    assert not left_out & set(said)
    for heading, settings in settings_by_heading(declaring):
        assert (heading in headings) == bool(set(settings) - left_out)
        for setting in set(settings) - left_out:
            if choices := settings[setting].choices:
                assert "{" + ",".join(choices) + "}" in said[setting]
            has_default = defaults[setting] not in (None, "", ()) or special.get(setting) not in (None, "", ())
            assert ("(default: " in said[setting]) == has_default, said[setting]
            assert not re.search(r"default: (\)|None|\()", said[setting])


def test_every_command_has_help(capsys):
    for name in NAMES:
        with pytest.raises(SystemExit) as stopped:
            main([name, "--help"])
        assert stopped.value.code == 0
        shown = capsys.readouterr().out
        assert f"usage: deepchem-density {name}" in shown
        assert f"Example: deepchem-density {name}" in shown


def entry_points(project):
    """Return the command and the parameters with their defaults of each entry point of an MLproject."""
    text = project.read_text().partition("entry_points:")[2]
    found = {}
    for name, part in re.findall(r"^  (\w+):\n((?:    .*\n?)+)", text, re.MULTILINE):
        line = r"^ {6}(\w+): \{type: string(?:, default: \"?([^\"}]*)\"?)?\}$"
        parameters = dict(re.findall(line, part, re.MULTILINE))
        command = part.partition("command: >-")[2].split()
        assert set(re.findall(r"\{(\w+)\}", " ".join(command))) == set(parameters)
        found[name] = command, parameters
    return found


def arguments_of(project, name, **values):
    """Return the arguments of the command as MLflow fills them in: what an entry point does not name comes behind."""
    command, parameters = entry_points(project)[name]
    assert command[:3] == ["python", "-m", "deepchem_density.cli"]
    extra = [part for one, value in values.items() if one not in parameters for part in (f"--{one}", value)]
    return [*(word.format(**(parameters | values)) for word in command[3:]), *extra]


def sample_text(value, about, hint):
    """Return a value that is not the default, as it is written on the command line."""
    if about.choices:
        return next(choice for choice in about.choices if choice != value)
    if isinstance(value, bool):
        return str(not value).lower()
    if isinstance(value, (int, float)):
        return str(value + 1) if about.most is None else str(about.most / 2)
    words = {"str": "some/word", "tuple[str, ...]": "C,Si", "tuple[str, str] | None": "FWT,PHWT", "bool | None": "true"}
    return words.get(hint, "3")


@pytest.mark.parametrize(("entry", "command"), [("main", "curve"), ("compare", "compare"), ("tune", "tune")])
def test_every_setting_arrives_through_its_parameter_and_no_other_does(entry, command):
    declaring = DECLARING[command]
    for field in dataclasses.fields(declaring):
        if field.name in WITHOUT.get(command, ()):
            continue
        text = sample_text(field.default, field.metadata["setting"], field.type)
        given = asked_for(parser().parse_args(arguments_of(ROOT / "MLproject", entry, **{field.name: text})), declaring)
        typed = asked_for(parser().parse_args([command, f"--{field.name.replace('_', '-')}={text}"]), declaring)
        own = asked_for(parser().parse_args(arguments_of(ROOT / "MLproject", entry)), declaring)
        assert given == own | typed
        assert set(typed) == {field.name}
        assert typed[field.name] != field.default


def run_options(options):
    names = ("params", "n_jobs", "threads", "out", "track", "command")
    return {name: getattr(options, name) for name in names}


def test_the_main_entry_point_has_the_defaults_of_the_command_line_but_for_its_own():
    arguments = arguments_of(ROOT / "MLproject", "main")
    given, bare = (parser().parse_args(one) for one in (arguments, ["curve"]))
    assert curve_config(bare) == CurveConfig()
    own = {"steps": 400, "voxel_width": 0.5, "baseline": "composition"}
    assert curve_config(given) == dataclasses.replace(CurveConfig(), **own)
    assert run_options(given) == run_options(bare)


def test_the_compare_entry_point_has_the_defaults_of_the_command_line():
    arguments = arguments_of(ROOT / "MLproject", "compare")
    given, bare = (parser().parse_args(one) for one in (arguments, ["compare"]))
    assert [config.rep for config in configs_of(given)] == ["atom", "density", "gradient", "occupancy"]
    assert configs_of(given) == configs_of(bare)
    assert run_options(given) == run_options(bare)


def test_the_tune_entry_point_has_the_defaults_of_the_command_line():
    arguments = arguments_of(ROOT / "MLproject", "tune")
    given, bare = (parser().parse_args(one) for one in (arguments, ["tune"]))
    assert config_from(asked_for(given)) == config_from(asked_for(bare)) == CurveConfig()
    assert plan_of(given) == dataclasses.replace(plan_of(bare), fixed=())
    assert run_options(given) == run_options(bare)


def test_the_predict_entry_point_has_the_defaults_of_the_command_line():
    arguments = arguments_of(ROOT / "MLproject", "predict", model="a model", input="in.smi")
    given, bare = (parser().parse_args(one) for one in (arguments, ["predict", "a model", "in.smi"]))
    assert vars(given) == vars(bare)


@pytest.mark.parametrize("name", ["main", "compare"])
def test_values_of_parameters_arrive(name):
    arguments = arguments_of(ROOT / "MLproject", name, targets="mu,gap", seeds="3", voxel_width="1.2", out="elsewhere")
    options = parser().parse_args(arguments)
    assert (options.targets, options.seeds, options.voxel_width) == (("mu", "gap"), (3,), 1.2)
    assert options.out == "elsewhere"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_other_projects_run_what_the_command_line_takes(project):
    for name in entry_points(project):
        parser().parse_args(arguments_of(project, name))
