"""What a run shows from its first line to its last: terminals, files, notebooks, debuggers."""

import ast
import logging
import re
import textwrap
import types

import pytest
from helpers import ROOT
from processes import environment, in_terminal, run_python

import pyhopper

HEAD = """
import time, pyhopper
search = pyhopper.Search(x=pyhopper.float(-1, 1), opt=pyhopper.choice("a", "b"), epochs=9, seed=1)
def score(p):
    return p["x"]
"""


def script(folder, text):
    path = folder / "train.py"
    path.write_text(HEAD + textwrap.dedent(text))
    return path


def run(path, **more):
    return run_python([path], **more)


def lines_of(written):
    """The lines as they stand in a terminal at the end, without what was overwritten as a whole."""
    return [line.rpartition("\r")[2] for line in written.replace("\r\n", "\n").split("\n")]


def test_the_first_line_and_the_last(tmp_path):
    """Direction, budget and how to change them at the start; all of the time used at the end."""
    path = script(tmp_path, 'search.run(lambda p: time.sleep(0.05) or p["x"], "max", 1)')
    lines = lines_of(in_terminal([path]))
    assert lines[0] == (
        'Maximizing <lambda> (pass "min" to minimize): runtime 1.0 s, 2 parameters, 1 slot'
    )
    bar = next(line for line in reversed(lines) if "%|" in line)
    assert bar.startswith("100%")
    assert "0:01/0:01, best" in bar
    assert "(max)" in bar
    assert any(re.match(r"new best \S+ \(max\) after \d+ \(0:0\d\): x ", line) for line in lines)


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_the_first_line_fits(columns, tmp_path):
    path = script(tmp_path, 'search.run(score, "min", steps=3)')
    written = in_terminal([path], columns)
    first = lines_of(written)[0]
    assert len(first) < columns
    assert first.startswith("Minimizing")
    assert "max" in first
    assert "3 evaluations" in first
    assert "Best (lowest) value" in written


@pytest.mark.parametrize("more", [{"TERM": "dumb"}, {"TERM": "dumb", "NO_COLOR": "1"}])
def test_a_terminal_that_cannot_go_back_gets_lines(more, tmp_path):
    path = script(tmp_path, 'search.run(score, "max", steps=3)')
    written = in_terminal([path], **more)
    assert "\r" not in written.replace("\r\n", "\n")
    assert "\x1b" not in written
    assert "3/3" in written


def test_levels(tmp_path):
    """From nothing to a line for each candidate."""
    path = script(
        tmp_path,
        """
        def half(p):
            if p["x"] > 0.5:
                raise ValueError("too large")
            return p["x"]
        search.run(half, "max", steps=4, verbose=LEVEL)
        """,
    )
    text = path.read_text()
    found = {}
    for level in (0, 1, 2):
        path.write_text(text.replace("LEVEL", str(level)))
        done = run(path)
        assert done.returncode == 0, done.stderr
        found[level] = done.stdout, done.stderr
    assert found[0] == ("", "")
    each = re.compile(
        r"^\d+: (\S+ in .+: x |failed in .+, ValueError: too large: x )", re.MULTILINE
    )
    assert not each.findall(found[1][1])
    assert len(each.findall(found[2][1])) == 4
    assert "failed in" in found[2][1]
    assert found[1][1].startswith("Maximizing half")


def test_lines_of_a_log(caplog):
    """The same lines go to the package's logger, also under ``quiet``; not unless it listens."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], "max", steps=2, quiet=True)
    assert not caplog.records
    with caplog.at_level(logging.INFO, "pyhopper"):
        search.run(lambda p: p["x"], "max", steps=3, quiet=True)
    assert len(caplog.records) == 3
    assert re.match(r"2: 0\.\d+ in .*: x 0\.\d+$", caplog.records[0].getMessage())
    handlers = logging.getLogger("pyhopper").handlers
    assert any(isinstance(each, logging.NullHandler) for each in handlers)


PRINTS = """
    def talk(p):
        print("epoch 1\\repoch 2")
        print("no line end", end="")
        return p["x"]
    if __name__ == "__main__":
        search.run(talk, "max", steps=2, n_jobs=2, OUTPUT)
"""


def test_what_workers_print_is_shown_with_their_slot(tmp_path):
    done = run(script(tmp_path, PRINTS.replace("OUTPUT", 'output="prefix"')))
    for text in ("epoch 2", "no line end"):
        found = [line for line in done.stdout.splitlines() if line.endswith(f"] {text}")]
        assert len(found) == 2
        assert all(line.startswith("[process ") for line in found)
    assert "Output of the processes" not in done.stderr


@pytest.mark.parametrize(
    ("more", "where"), [("", "is kept for failures"), ('work_dir="runs"', "is in the folders of ")]
)
def test_one_line_says_where_the_output_is(more, where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(script(tmp_path, PRINTS.replace("OUTPUT", more)))
    assert done.stderr.count(where) == 1
    assert 'output="prefix" shows it' in done.stderr
    assert "epoch 2" not in done.stdout


@pytest.mark.parametrize("jobs", [1, 2])
def test_tracebacks_show_the_users_lines(jobs, tmp_path):
    """File, line and source of every frame of theirs, and one frame of ours."""
    path = script(
        tmp_path,
        f"""
        def helper(p):
            return 1 / (p["x"] - p["x"])
        def bad(p):
            return helper(p)
        if __name__ == "__main__":
            search.run(bad, "max", steps=8, n_jobs={jobs})
        """,
    )
    error = run(path).stderr
    told = error[error.index("candidate:") :]
    number = path.read_text().splitlines().index('    return 1 / (p["x"] - p["x"])') + 1
    assert f'File "{path}", line {number}, in helper\n    return 1 / (p["x"] - p["x"])' in told
    assert "    return helper(p)\n" in told
    assert str(ROOT / "pyhopper") not in told
    assert error.count(str(ROOT / "pyhopper")) == 1


def test_a_debugger_can_be_used(tmp_path):
    """The bar does not write into its prompt, and leaving it ends the search."""
    path = script(
        tmp_path,
        """
        def stop(p):
            breakpoint()
            return p["x"]
        print("best is", search.run(stop, "max", steps=9))
        """,
    )
    written = in_terminal(
        [path], typed=[("(Pdb) ", "p 6 * 7\n"), ("(Pdb) ", "c\n"), ("(Pdb) ", "q\n")]
    )
    if "[y/n]" in written:
        pytest.skip("this Python asks before it quits")
    assert "42" in lines_of(written)
    between = written[written.index("(Pdb) p 6") : written.index("(Pdb) c")]
    assert "%|" not in between
    assert "interrupted" in written
    assert "best is {'x': 0.0" in written


def test_a_debugger_in_a_worker_is_answered(tmp_path):
    path = script(
        tmp_path,
        """
        def stop(p):
            import pdb; pdb.set_trace()
            return p["x"]
        if __name__ == "__main__":
            search.run(stop, "max", steps=9, n_jobs=2)
        """,
    )
    done = run(path)
    assert done.returncode == 1
    assert "a subprocess has no terminal; debug it with n_jobs=1" in done.stderr


def test_bars_of_the_objective_stand_alone(tmp_path):
    """Neither bar leaves a part of itself in a line of the other's."""
    path = script(
        tmp_path,
        """
        from tqdm import tqdm
        def slow(p):
            for leave in (True, False):
                for _ in tqdm(range(3), desc="epoch", leave=leave):
                    time.sleep(0.15)
            return p["x"]
        search.run(slow, "max", steps=2)
        """,
    )
    written = in_terminal([path])
    assert len([line for line in lines_of(written) if line.startswith("epoch: 100%")]) == 2
    for line in written.replace("\r", "\n").split("\n"):
        assert not ("epoch" in line and "best" in line)
    # Bars that count each other move the cursor up and down.
    assert "\x1b[A" not in written


def test_a_finished_checkpoint_says_so(tmp_path, capsys):
    """That nothing is left to do is another thing than that a search has ended."""
    for _ in range(2):
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        search.run(lambda p: p["x"], "max", steps=5, checkpoint_path=tmp_path / "run.ckpt")
        out = capsys.readouterr().out
        assert ("Search ended after" in out) is ("Going on from" not in out)
    assert "Search is complete: 5 of 5 evaluations; give more steps to go on" in out


def test_the_summary_has_what_was_found(capsys):
    """Values as one writes them, constants apart, no empty rows, a line of Python to paste."""
    path = "/home/someone/" + "deep/" * 30 + "train.npz"
    search = pyhopper.Search(
        lr=pyhopper.float(1e-4, 1e-2, log=True),
        model={"depth": pyhopper.int(1, 4), "name": "cnn"},
        data=path,
        seed=3,
    )
    search.run(lambda p: -abs(p["lr"] - 0.00101), "max", steps=12)
    out = capsys.readouterr().out
    found, constants = out.split("\nand the constants\n")
    assert f"\nlr: {search.best['lr']:.5g}\n" in found
    assert "name: cnn" not in found
    assert "name: cnn" in constants
    assert "deep/train.npz\n" in constants
    assert "data: ..." in constants
    for absent in ("Manual", "Duplicates", "Pruned", "No value", "Failed"):
        assert absent not in out
    best = ast.literal_eval(re.search(r"^As Python: (.*)$", out, re.MULTILINE)[1])
    assert best == {"lr": search.best["lr"], "model": {"depth": search.best["model"]["depth"]}}
    search += best


def test_objects_tell_their_state():
    """In a shell, and as HTML in a notebook, in which nothing of the user's is markup."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), opt=pyhopper.choice("<b>", "a"), seed=1)
    assert repr(search) == "<Search of 2 parameters: 0 evaluations, no value yet>"
    search.run(lambda p: -p["x"], "min", steps=4, quiet=True)
    assert repr(search).startswith("<Search of 2 parameters: 4 evaluations, best (lowest) value -")
    assert repr(search.history).startswith("<History of 4 evaluations, best (lowest) value -")
    table = search._repr_html_()
    assert table.count("<tr>") == 5
    assert "<b>" not in table
    assert "&lt;b&gt;" in table
    shown = []
    for found in (search.history.importance(), search.history.outlook(9)):
        found._repr_pretty_(types.SimpleNamespace(text=shown.append), False)
        assert shown.pop() == str(found)
    assert repr(pyhopper.pruners.QuantilePruner(80)) == "QuantilePruner(0.8, warmup=5)"
    assert repr(pyhopper.pruners.TopKPruner(3)) == "TopKPruner(3)"
    candidate = search.ask("min")
    assert repr(candidate).startswith("<Candidate 4 (random seeding): {'x': ")


def test_notebook(tmp_path):
    """What is saved is the end of the progress; nothing is red but an error."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    bad = """
def bad(p):
    return 1 / 0
pyhopper.Search(x=pyhopper.float(0, 1)).run(bad, steps=8, n_jobs=2)
"""
    cells = [HEAD + 'search.run(score, "max", steps=7)', "search", bad]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    client = nbclient.NotebookClient(book, timeout=300, allow_errors=True, kernel_name="python3")
    client.execute(cwd=str(tmp_path), env=environment())
    first, shown, failed = (cell.outputs for cell in book.cells)
    assert {each.get("name") for each in first} == {"stdout", None}
    (page,) = (each for each in first if each.output_type == "display_data")
    assert page.data["text/plain"].startswith("100% 7/7")
    assert "best" in page.data["text/html"]
    assert "<table>" in shown[0].data["text/html"]
    told = "\n".join(each.get("evalue", "") for each in failed)
    assert "    return 1 / 0\n" in told
