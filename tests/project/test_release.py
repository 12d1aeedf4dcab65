"""What a user gets: wheel and sdist, installed in fresh environments, old and new."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers import ROOT
from test_pages import outputs, program, without_times

import pyhopper

pytestmark = pytest.mark.heavy

OLDEST = ["cloudpickle==2.2.0", "numpy==1.23.0", "tabulate==0.9.0", "tqdm==4.64.0"]
"""The least versions of ``install_requires``, which a test compares."""


def interpreters():
    """The Pythons that are supported and on this machine, by their version."""
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    found = {}
    for minor in range(10, 14):
        named = [each for root in roots for each in sorted(root.glob(f"3.{minor}.*/bin/python"))]
        path = shutil.which(f"python3.{minor}")
        candidates = [*([path] if path else []), *named]
        if sys.version_info[:2] == (3, minor):
            candidates.insert(0, sys.executable)
        for each in candidates:
            check = [str(each), "-c", "import sys, venv; print(sys.version_info[1])"]
            done = subprocess.run(check, capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout.strip() == str(minor):
                found[f"3.{minor}"] = str(each)
                break
    return found


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The built files."""
    pytest.importorskip("build", reason="pip install build")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    names = ["pyhopper", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
    for name in names:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    command = [sys.executable, "-m", "build", "--outdir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return target


def test_metadata_and_contents(dist):
    pytest.importorskip("twine", reason="pip install twine")
    files = sorted(dist.iterdir())
    assert [each.name for each in files] == [
        f"pyhopper-{pyhopper.__version__}-py3-none-any.whl",
        f"pyhopper-{pyhopper.__version__}.tar.gz",
    ]
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    wheel = set(zipfile.ZipFile(files[0]).namelist())
    for path in (ROOT / "pyhopper").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(ROOT)) in wheel
    assert not [each for each in wheel if each.startswith(("tests", "docs", "benchmarks"))]
    with tarfile.open(files[1]) as sdist:
        assert any(each.endswith("/LICENSE") for each in sdist.getnames())


def install(python, folder, wheel, *pins):
    """A fresh environment with the wheel; its Python."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True)
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    command = [str(inside), "-m", "pip", "install", "-q", str(wheel), *pins]
    done = subprocess.run(command, env=apart(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return str(inside)


def apart():
    """The environment variables without those by which Python would find the source."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYHOPPER"))}


def try_pages(python, folder, *names):
    """Run pages of the docs with an installed package only; the source is nowhere near."""
    for name in names:
        text = (ROOT / name).read_text(encoding="utf-8")
        inside = folder / Path(name).stem
        inside.mkdir()
        script = inside / "page.py"
        script.write_text("import pyhopper; " + program(text), encoding="utf-8")
        done = subprocess.run(
            [python, script.name],
            cwd=inside,
            env={**apart(), "PYTHON": python},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        printed = without_times(done.stdout)
        for shown in outputs(text):
            assert set(without_times(shown)) <= set(printed)


@pytest.mark.parametrize("version", [f"3.{minor}" for minor in range(10, 14)])
def test_wheel_in_a_fresh_environment(version, dist, tmp_path):
    """With the newest dependencies, in each Python that is there."""
    found = interpreters()
    if version not in found:
        pytest.skip(f"there is no Python {version}")
    python = install(found[version], tmp_path / "env", next(dist.glob("*.whl")))
    try_pages(python, tmp_path, "README.md", "docs/checkpoints.md")


def test_oldest_dependencies(dist, tmp_path):
    found = interpreters()
    version = next((each for each in ("3.10", "3.11") if each in found), None)
    if version is None:
        pytest.skip("NumPy 1.23 needs Python 3.10 or 3.11")
    python = install(found[version], tmp_path / "env", next(dist.glob("*.whl")), *OLDEST)
    names = ["README.md", "docs/concepts.md", "docs/spaces.md", "docs/checkpoints.md"]
    try_pages(python, tmp_path, *names, "docs/pruning.md", "docs/parallel.md")


def test_sdist_installs(dist, tmp_path):
    python = install(sys.executable, tmp_path / "env", next(dist.glob("*.tar.gz")))
    try_pages(python, tmp_path, "docs/index.md")


def test_the_oldest_are_those_of_setup_cfg():
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    for pin in OLDEST:
        name, version = pin.split("==")
        assert f"\n    {name}>={version.removesuffix('.0')}\n" in text
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {pyhopper.__version__}\n" in cited
    assert f"## [{pyhopper.__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
