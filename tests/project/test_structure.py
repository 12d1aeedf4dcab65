"""The shape of the code: layers, sizes, the public names, what an import costs."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

import pyhopper

PACKAGE = Path(pyhopper.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each layer may import from those before it; the members of a layer do not know each other, unless
# they are parts of one package.
LAYERS = [
    {"_version", "errors", "extras", "forks", "ownership"},
    {"habits", "noise", "objectives"},
    {"blas", "events", "budget", "files", "parameters", "results"},
    {"arguments", "objective", "history"},
    {"kernels", "journal", "executors", "pruners", "stopping", "workdir", "callbacks"},
    {"display", "log", "roster", "settings", "signals", "supply"},
    {"engine", "rerun", "retrace", "session", "plot", "report"},
    {"search"},
    {"testing", "cli", "utils", "integrations", "__init__"},
    {"__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def part(path):
    """The top-level part of the package to which a file belongs."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """The modules of the package that a file imports anywhere, also for its types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pyhopper":
            for alias in node.names:
                base = PACKAGE.parent.joinpath(*node.module.split("."))
                inner = base / alias.name
                found = [inner.with_suffix(".py"), inner / "__init__.py", base.with_suffix(".py")]
                yield next((each for each in found if each.exists()), base / "__init__.py")


def imports(path):
    """The parts that a file imports."""
    return {part(other) for other in imported(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layers(path):
    """Imports go one way."""
    own = part(path)
    for other in imports(path):
        assert other in RANK, f"{other} has no layer"
        assert other == own or RANK[other] < RANK[own], f"{path.name} imports {other}"


def test_no_circles():
    """No file imports itself through others."""
    left = {path: set(imported(path)) - {path} for path in MODULES}
    while free := [path for path, others in left.items() if not others & left.keys()]:
        for path in free:
            del left[path]
    assert not left


def test_layers_control():
    """The control: a module at the bottom that imports one above would be found."""
    assert len(LAYERS) <= 10
    assert RANK["errors"] < RANK["search"]
    assert "errors" in set(imports(PACKAGE / "search.py"))
    assert "search" not in set(imports(PACKAGE / "engine.py"))


def documented(tree):
    """Lines of docstrings, also of those below attributes."""
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return {line for node in texts for line in range(node.lineno, node.end_lineno + 1)}


def lines_of_code(path):
    """The numbers of the lines that are neither blank nor comment nor docstring."""
    text = path.read_text()
    skipped = documented(ast.parse(text))
    lines = enumerate(text.splitlines(), 1)
    return {
        n
        for n, line in lines
        if n not in skipped and line.strip(" \t#") and line.lstrip()[:1] != "#"
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_sizes(path):
    """No module has more than 300 lines of code, no function more than 50."""
    code = lines_of_code(path)
    assert len(code) <= 300
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = range(node.body[0].lineno, node.end_lineno + 1)
            assert len(code.intersection(body)) <= 50, node.name


def test_sizes_control():
    """The control: the largest module is not far below the limit, so its lines are counted."""
    assert max(len(lines_of_code(path)) for path in MODULES) > 200


def test_public_names():
    """``__all__`` is sorted and what can be seen, without the names of Python's own types."""
    assert pyhopper.__all__ == sorted(pyhopper.__all__)
    shadowing = {"bool", "float", "int", "list"}
    assert dir(pyhopper) == sorted({*pyhopper.__all__, *shadowing})
    assert not shadowing.intersection(pyhopper.__all__)
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    for_readers = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("pyhopper")
        for alias in node.names
    }
    assert for_readers == set(dir(pyhopper))
    assert not hasattr(pyhopper, "nothing")
    assert pyhopper.testing.FakeClock


def test_everything_public_is_documented():
    """Public names have a docstring of their own."""
    for name in dir(pyhopper):
        if name != "__version__":
            assert getattr(pyhopper, name).__doc__, name


def printed(program):
    """The words that a program prints in a fresh interpreter."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_pulls_in_little():
    """All that is public needs NumPy and the standard library, nothing else."""
    program = (
        "import sys, numpy; before = set(sys.modules); from pyhopper import *;"
        "print(' '.join({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    loaded = printed(program) - set(sys.stdlib_module_names)
    assert loaded - {"numpy"} <= {"pyhopper"}


def test_a_worker_pulls_in_less():
    """A worker that prunes has neither the space nor the search."""
    program = (
        "import sys, pyhopper.executors.worker; pyhopper.should_prune, pyhopper.wrap_n_times;"
        "print(*sys.modules)"
    )
    parts = {name.split(".")[1] for name in printed(program) if name.startswith("pyhopper.")}
    of_all = {
        "_version",
        "errors",
        "events",
        "forks",
        "noise",
        "objectives",
        "ownership",
        "results",
    }
    assert parts == {"executors", "objective", *of_all}


def test_linter_and_types():
    """The linter, the formatter and the type checker have nothing to say."""
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


PUBLIC = (
    "Search int float choice bool custom list distribution Parameter merge_dicts parse_runtime "
    "ParamInfo CandidateType PruneEvaluation should_prune wrap_n_times PRUNED FAILED __version__ "
    "pruners.Pruner pruners.QuantilePruner pruners.TopKPruner callbacks.Callback "
    "callbacks.History callbacks.SaveBestOnDisk callbacks.tensorboard.TensorboardCallback "
    "callbacks.mlflow.MLflowCallback callbacks.wandb.WandbCallback callbacks.aim.AimCallback"
)


@pytest.mark.parametrize("name", PUBLIC.split())
def test_names_that_scripts_use(name):
    """Each can be reached from the package."""
    found = functools.reduce(getattr, name.split("."), pyhopper)
    assert isinstance(found, str) if name == "__version__" else found is not None
