"""The shape of the code: layers, sizes, the public names, what an import costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pyhopper

PACKAGE = Path(pyhopper.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each layer may import from those before it; the members of a layer do not know each other, unless
# they are parts of one package.
LAYERS = [
    {"_version", "errors"},
    {"events", "budget", "noise", "parameters", "paths"},
    {"objective", "history"},
    {"kernels", "journal", "executors", "pruners", "workdir"},
    {"callbacks"},
    {"display", "log", "settings", "signals", "supply"},
    {"engine", "retrace", "session"},
    {"search"},
    {"testing", "cli", "utils", "__init__"},
    {"__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def part(path):
    """The top-level part of the package to which a file belongs."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """The parts that a file imports when it is imported itself."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in guarded:
            names = (node.module or "").split(".")
            if names[0] != "pyhopper":
                continue
            if len(names) > 1:
                yield names[1]
            else:
                yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layers(path):
    """Imports go one way."""
    own = part(path)
    for other in imports(path):
        assert other in RANK, f"{other} has no layer"
        assert other == own or RANK[other] < RANK[own], f"{path.name} imports {other}"


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
    assert parts == {"_version", "errors", "events", "executors", "noise", "objective"}


def test_linter_and_types():
    """The linter, the formatter and the type checker have nothing to say."""
    root = PACKAGE.parent
    if not (root / "pyproject.toml").exists():
        root = Path(__file__).parent.parent
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            check=False,
            cwd=root,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
