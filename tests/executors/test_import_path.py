"""Workers import the user's modules from where the script does, wherever it has gone."""

import pytest
from processes import run_python

SCRIPT = """
import os, sys
sys.path.insert(0, {entry!r})
{early}
import pyhopper

def objective(p):
    {inside}
    import loss_of_mine, late_of_mine
    return loss_of_mine.loss(p) + late_of_mine.more(p)

if __name__ == "__main__":
    {outside}
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(objective, steps=4, n_jobs=2, quiet=True)
    assert search.best_f == max(3 * p["x"] for p in search.history)
"""


@pytest.mark.parametrize("entry", [".", "sub/..", ""])
@pytest.mark.parametrize(
    ("early", "inside", "outside"),
    [
        ("import loss_of_mine", "pass", "os.chdir('elsewhere')"),
        ("import loss_of_mine", "os.chdir('/')", "pass"),
        ("pass", "os.chdir('/')", "pass"),
    ],
    ids=["the script goes", "the objective goes", "all imports are late"],
)
def test_relative_entries(entry, early, inside, outside, tmp_path):
    if not entry and outside != "pass":
        pytest.skip("the empty entry is the present working directory, also for the script")
    for folder in ("sub", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "loss_of_mine.py").write_text("def loss(p):\n    return p['x']\n")
    (tmp_path / "late_of_mine.py").write_text("def more(p):\n    return 2 * p['x']\n")
    script = tmp_path / "elsewhere" / "script.py"
    script.write_text(SCRIPT.format(entry=entry, early=early, inside=inside, outside=outside))
    done = run_python([script], tmp_path)
    assert done.returncode == 0, done.stderr
