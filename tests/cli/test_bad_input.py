"""What is wrong with a command line or a file is one clear sentence that names the place."""

import os
import shlex

import pytest

from pyhopper.cli import main

# Options, command, and what the message has. Files are those of the fixture `folder`.
ROWS = [
    # Parameters in the command; a line of the message points at the character.
    ("", "true --lr flaot(0,1)", '--lr: there is no kind "flaot"; did you mean float(1e-5'),
    ("", "true --lr Float(0,1)", 'no kind "Float"; did you mean float('),
    ("", "true --lr uniform(0,1)", "write float(0, 1)"),
    ("", "true --lr custom(f)", "needs Python"),
    ("", "true --lr float(0,1", 'this "(" is not closed by a ")"'),
    ("", "true --lr 'choice(\"a)'", "this quote is not closed"),
    ("", "true --lr float(0)", "the upper bound is missing"),
    ("", "true --lr int()", "its bounds are missing"),
    ("", "true --lr choice()", "something is missing"),
    ("", "true --lr choice(adam,sgd)", 'text needs quotes: "adam"'),
    ("", "true --lr float(0,,1)", "a value is missing here"),
    ("", "true --lr 'float(0 1)'", 'a comma or ")" is missing'),
    ("", "true --lr 'float(0,1) x'", "the expression has ended before this"),
    ("", "true --lr int(1,2,3)", "this is one argument too many"),
    ("", "true --lr float(0,1,lgo=true)", "float has no argument lgo; it has lb, ub"),
    ("", "true --lr float(0,1,log=true)", "needs positive bounds"),
    ("", "true --lr float(1,2,'\"0.2x\"')", "must look like"),
    ("", "true --lr choice(1,2,init=9)", "init"),
    ("", "true --lr float(1e,2)", "this is no number"),
    ("", "true --lr list(3,1)", "must be a parameter"),
    ("", "true --lr float(0,1,log=true,log=true)", "log is there twice"),
    ("", "true --lr " + "list(" * 40, "nested too deep"),
    ("", "true --n={nn} --m int(0,1)", "{nn} has no parameter"),
    ("", "true 'switch()'", "a switch must follow its flag"),
    ("", "true --lr 5", "nothing in the command may vary"),
    ("", "true --a-b int(0,1) --a_b.c int(0,1)", "is defined twice"),
    # Programs
    ("", "no_such_program int(0,1)", "was not found on the PATH"),
    ("", "./nothing int(0,1)", "there is no such file"),
    ("", "./plain.txt int(0,1)", "is not executable"),
    ("", "./sub int(0,1)", "is a folder"),
    ("", "local.sh int(0,1)", "write ./local.sh"),
    # Options
    ("--param lr", "true {lr}", "must look like NAME=EXPRESSION"),
    ("--param lr=5", "true {lr}", "must be a parameter"),
    ("--guess {lr:1}", "true --lr int(0,1)", "is no JSON"),
    ("--guess '{\"lrr\": 1}'", "true --lr int(0,1)", "lrr"),
    ("--guess 5", "true --lr int(0,1)", "must be an object"),
    ("--constraint 'lr < size'", "true --lr int(0,1)", 'there is no parameter "size"'),
    ("--constraint 'lr <'", "true --lr int(0,1)", "cannot be read"),
    ("--constraint lr+1", "true --lr int(0,1)", "must compare something"),
    ("--constraint '__import__(1) < 2'", "true --lr int(0,1)", "only the functions abs"),
    ("--constraint 'lr.real.__class__ == 1'", "true --lr int(0,1)", "no parameter"),
    ("--constraint '[l for l in [lr]] == [1]'", "true --lr int(0,1)", "cannot stand in a"),
    ("--pruner median", "true --lr int(0,1)", "must be auto, quantile=0.8 or topk=5"),
    ("--pruner quantile=200", "true --lr int(0,1)", "must be auto, quantile=0.8 or topk=5"),
    ("--value-regex 'acc=('", "true --lr int(0,1)", "is no regular expression"),
    ("--value-regex acc", "true --lr int(0,1)", "needs brackets around the number"),
    ("--value-regex '(.)' --value x", "true --lr int(0,1)", "cannot be combined with --value"),
    ("--value-file v.json --n-jobs 2", "true --lr int(0,1)", "put {dir} into its path"),
    ("--n-jobs per-gpu", "true --lr int(0,1)", "no GPU"),
    ("--n-jobs none", "true --lr int(0,1)", "--n-jobs none: must be"),
    ("--timeout soon", "true --lr int(0,1)", "--timeout"),
    ("--runtime 2h", "true --lr int(0,1)", "give only one of them"),
    ("--deadline kill", "true --lr int(0,1)", "--deadline kill: there is no deadline"),
    ("--step 5 --frobnicate", "true --lr int(0,1)", "unrecognized arguments: --frobnicate"),
    # Files
    ("nothing.yaml", "true {lr}", "nothing.yaml: cannot be read: No such file"),
    ("space.ini", "true {lr}", "must end in .yaml, .toml or .json"),
    ("keys.yaml", "true {lr}", "there is no key 'params'; did you mean parameters?"),
    ("list.yaml", "true {lr}", "parameters must be a mapping"),
    ("broken.yaml", "true {lr}", "broken.yaml, line 3, column"),
    ("twice.yaml", "true {lr}", "twice.yaml, line 3: the key 'lr' is there twice"),
    ("kind.yaml", "true {lr}", "kind.yaml, opt.lr: there is no kind"),
    ("option.yaml", "true {lr}", "a choice has no key 'weigths'"),
    ("date.yaml", "true {lr}", "put it in quotes"),
    ("name.yaml", "true {lr}", "'a.b' is no name"),
    ("python.yaml", "true {lr}", "could not determine a constructor"),
    ("cycle.yaml", "true {lr}", "nested more than"),
    ("bomb.yaml", "true {lr}", "has more than 100000 entries"),
    ("broken.json", "true {lr}", "broken.json, line 1, column 2"),
    ("broken.toml", "true {lr}", "broken.toml: "),
    ("good.yaml", "true {lr} --lr int(0,1)", "is defined twice"),
    ("constraint.yaml", "true {lr}", "constraint.yaml, constraints: there is no parameter"),
]

FILES = {
    "good.yaml": "parameters:\n  lr: float(0, 1)\n",
    "space.ini": "[parameters]\n",
    "keys.yaml": "params:\n  lr: float(0, 1)\n",
    "list.yaml": "parameters: [1]\n",
    "broken.yaml": "parameters:\n  lr: [1\n",
    "twice.yaml": "parameters:\n  lr: float(0, 1)\n  lr: float(0, 2)\n",
    "kind.yaml": "parameters:\n  opt: {lr: 'flot(0, 1)'}\n",
    "option.yaml": "parameters:\n  lr: {choice: [1, 2], weigths: [1, 2]}\n",
    "date.yaml": "parameters:\n  lr: 2020-01-01\n",
    "name.yaml": "parameters:\n  a.b: int(0, 1)\n",
    "python.yaml": "parameters:\n  lr: !!python/object/apply:os.system ['touch ran']\n",
    "cycle.yaml": "parameters:\n  lr: &a [*a]\n",
    "bomb.yaml": "parameters:\n  a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(
        f"  {b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
        for a, b in zip("abcdef", "bcdefg", strict=True)
    ),
    "broken.json": "{parameters}",
    "broken.toml": "parameters",
    "constraint.yaml": "parameters: {lr: 'int(0, 1)'}\nconstraints: ['lr < layers']\n",
    "plain.txt": "",
    "local.sh": "#!/bin/sh\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files that are wrong in different ways, as the working directory."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "sub").mkdir()
    (tmp_path / "local.sh").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="permissions, and programs, of Unix")
@pytest.mark.parametrize(("options", "command", "expected"), ROWS)
def test_bad_input(options, command, expected, folder, capsys):
    if ".yaml" in options:
        pytest.importorskip("yaml")
    arguments = ["run", *shlex.split(options), "--max", "--steps", "5", "--", *shlex.split(command)]
    try:
        code = main(arguments)
    except SystemExit as error:  # of argparse
        code = error.code
    out, err = capsys.readouterr()
    assert code == 1, err
    assert out == ""
    assert expected in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 5
    assert sorted(each.name for each in folder.iterdir()) == sorted([*FILES, "sub"])


def test_the_caret_points_at_the_character(capsys):
    main(["run", "--max", "--steps", "5", "--", "true", "--lr", "float(0, 1, lgo=true)"])
    _, line, caret = capsys.readouterr().err.splitlines()
    assert line[caret.index("^") :].startswith("lgo=")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--max", "--steps", "5", "true"], "put -- before it"),
        (
            ["run", "--max", "--steps", "5", "a", "b", "--lr", "int(0,1)"],
            "put -- before the command",
        ),
        (["run", "--max", "--until", "25:00", "--", "true", "int(0,1)"], "--until 25:00: must be"),
        (["run", "--max", "--steps", "5", "--"], "nothing stands after --"),
        (["run", "--steps", "5", "--", "true", "int(0,1)"], "--max or --min"),
        (["run", "--max", "--", "true", "int(0,1)"], "--runtime 2h, --until 08:00, --steps 100"),
        (["run", "--max", "--min", "--", "true"], "not allowed with"),
        (["template", "space.txt"], "must end in .yaml, .toml or .json"),
        (["replay", "nothing.ckpt", "3"], "no such file"),
    ],
)
def test_bad_use(arguments, expected, capsys):
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 1
    assert expected in capsys.readouterr().err
