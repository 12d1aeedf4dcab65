"""Templates that are mistakes, and spaces in which nothing is left to try."""

import pytest

import pyhopper


@pytest.mark.parametrize("keep_history", [True, False])
def test_a_resume_ends_where_options_were_removed(tmp_path, keep_history):
    """Several evaluations without a place in the space do not hide that all others are done."""
    options, path = ("a", "bb", "ccc", "dddd"), tmp_path / "run.ckpt"
    for count, steps in ((4, 10), (2, 20)):
        search = pyhopper.Search(x=pyhopper.choice(*options[:count]))
        best = search.run(
            lambda p: len(p["x"]),
            steps=steps,
            checkpoint_path=path,
            quiet=True,
            keep_history=keep_history,
        )
        assert best == {"x": options[count - 1]}


def test_a_resume_ends_where_all_options_are_new(tmp_path):
    """What does not fit is not counted, so that everything new is evaluated once."""
    path, seen = tmp_path / "run.ckpt", []
    for options in (("a", "b", "c"), ("d", "e")):
        search = pyhopper.Search(x=pyhopper.choice(*options))
        search.run(lambda p: seen.append(p["x"]) or 1.0, steps=20, checkpoint_path=path, quiet=True)
    assert sorted(seen) == ["a", "b", "c", "d", "e"]
