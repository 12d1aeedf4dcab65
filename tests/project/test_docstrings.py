"""The examples in docstrings do what they show, and every public name has one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import pyhopper

PACKAGE = Path(pyhopper.__file__).parent
MODULES = [
    ".".join(["pyhopper", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(
        ".__init__"
    )
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
NEEDS = {
    "plot": "matplotlib",
    "custom": "scipy",
    "view": "pandas",
    "convert": "scipy",
    **dict.fromkeys(["lightgbm", "lightning", "optuna", "sklearn", "transformers", "xgboost"]),
    **dict.fromkeys(["catboost", "hydra", "keras"]),
}
"""Packages that the examples of a module, or the module itself, need."""


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_examples(name, tmp_path, monkeypatch):
    for part, package in NEEDS.items():
        if part in name.split("."):
            pytest.importorskip(package or part)
    monkeypatch.chdir(tmp_path)
    if "plot" in name:
        monkeypatch.setenv("MPLBACKEND", "agg")
    options = doctest.ELLIPSIS
    done = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert done.attempted
    assert not done.failed


WITHOUT = {"__version__", "callbacks", "plot", "pruners", "FAILED", "PRUNED"}
"""Values and modules; what is in them has examples."""

NAMES = sorted({*pyhopper.__all__, "bool", "float", "int", "list"} - WITHOUT)


def test_every_public_name_has_an_example():
    lacking = [name for name in NAMES if ">>>" not in inspect.getdoc(getattr(pyhopper, name))]
    for owner in (pyhopper.Search, pyhopper.callbacks, pyhopper.plot, pyhopper.pruners):
        for name in getattr(owner, "__all__", dir(owner)):
            thing = getattr(owner, name)
            if name.startswith("_") or name in ("Advice", "as_pruner", "estimated_by"):
                continue
            if ">>>" not in inspect.getdoc(thing):
                lacking.append(f"{owner.__name__}.{name}")
    assert not lacking
