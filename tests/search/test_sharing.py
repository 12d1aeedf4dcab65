"""What a search says that goes on in a file which others use, too."""

import pyhopper


def new():
    return pyhopper.Search(x=pyhopper.float(0, 1), seed=1)


def test_candidates_of_other_processes_do_not_run_again(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    both = {"x": "max", "size": "min"}
    asking, running = new(), new()
    told = {"x": 1.0, "size": 2.0}
    asking.tell(asking.ask(both, steps=2, checkpoint_path=path), told)
    asking.ask(both, steps=2)
    running.run(lambda p: told, both, steps=2, checkpoint_path=path, shared=True)
    line = capsys.readouterr().out.splitlines()[0]
    assert line.endswith(": 1 evaluation, 1 on the front; 1 runs in other processes.")
