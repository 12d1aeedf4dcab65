"""What a new user types and gets wrong, and the words that lead to the way out."""

import inspect
import pickle
import traceback
import warnings

import pytest

import pyhopper
from pyhopper import habits, pruners

TABLE = [
    # The words of other tools: budget and direction.
    ("search.run(f, n_trials=100)", "steps=100"),
    ("search.run(f, max_evals=100)", "steps=100"),
    ("search.run(f, num_samples=100)", "steps=100"),
    ("search.run(f, n_iter=100)", "steps=100"),
    ("search.run(f, time_budget_s=60)", 'runtime="30min"'),
    ("search.run(f, mode='min', steps=3)", '"max" or "min"'),
    ("search.run(f, minimize=True, steps=3)", '"max" or "min"'),
    ("search.run(f, metric='accuracy', steps=3)", '"value": accuracy'),
    ("search.run(f, setps=100)", "did you mean steps"),
    ("search.run(f, nonsense=100)", "it has callbacks"),
    ("search.run(f)", 'the search needs a budget: runtime="30min", steps=100, or endless_mode'),
    ("search.run(f, steps=5, runtime='1h')", "runtime='1h' and steps=5 are given"),
    ("search.run(f, 100)", "steps=100, or runtime=100 (seconds)"),
    ("search.run(f, 'maximize accuracy', steps=3)", 'must be "max" or "min"'),
    ("search.run(f, steps=0)", "at least 1"),
    ("search.run(f, steps='ten')", "must be an integer"),
    ("search.run(f, runtime='1 fortnight')", '"1h 30min"'),
    ("search.run(f, steps=3, stop='soon')", "must be a number"),
    ("search.run(f, steps=3, patience=5)", 'stop={"patience": 50}'),
    # And of what else run can do.
    ("search.run(f, steps=3, n_workers=4)", "n_jobs=4"),
    ("search.run(f, steps=3, n_jobs='all')", "must be a number of processes"),
    ("search.run(f, steps=3, seed=1)", "Search(..., seed=1)"),
    ("search.run(f, steps=3, random_state=1)", "Search(..., seed=1)"),
    ("search.run(f, steps=3, sampler='tpe')", "nothing to choose"),
    ("search.run(f, steps=3, storage='x.db')", 'checkpoint_path="run.ckpt"'),
    ("search.run(f, steps=3, catch=ValueError)", 'on_error="raise"'),
    ("search.run(f, steps=3, show_progress_bar=True)", "verbose=0"),
    ("search.run(f, steps=3, verbose=10)", "must be 0 (nothing), 1 "),
    ("search.run(f, steps=3, output='show')", '"last" or "prefix"'),
    ("search.run(f, steps=3, args=(1, 2))", "kwargs="),
    ("search.run(f, steps=3, pruner='median')", "QuantilePruner(0.5)"),
    ("search.run(f, steps=3, pruner=pyhopper.pruners.TopKPruner)", "create one"),
    ("search.run(f, steps=3, callbacks=print)", "must be a list of"),
    ("search.run(f, steps=3, timeout='soon')", "timeout='soon'"),
    ("search.run(f, steps=3, on_error='ignore')", '"continue" or "raise"'),
    # The objective.
    ("search.run(lambda lr, opt: 1, steps=3)", "write lambda p: f(**p)"),
    ("search.run(lambda: 1, steps=3)", "gets one argument, the dict"),
    ("search.run(f({'lr': 1}), steps=3)", "without calling it"),
    ("search.run(lambda p: print(end=''), steps=3, quiet=True)", "is a `return`"),
    ("search.run(lambda p: 'good', steps=3, quiet=True)", "instead of a number"),
    ("search.run(lambda p: {'acc': 1}, steps=3, quiet=True)", 'without the key "value"'),
    ("search.run(lambda t: t.suggest_float('lr', 0, 1), steps=1, quiet=True)", 'params["lr"]'),
    ("search.run(lambda p: p.lr, steps=1, quiet=True)", 'params["lr"]'),
    # Definitions.
    ("pyhopper.int(0, 100, step=10)", "multiple_of=10"),
    ("pyhopper.int(0, 100, 10)", "multiple_of=10"),
    ("pyhopper.float(0, 1, q=0.1)", "multiple_of=10"),
    ("pyhopper.float(0, 1, 0.1)", "multiple_of=0.1"),
    ("pyhopper.float(0, 1, 'log')", "did you mean log=True?"),
    ("pyhopper.float(1e-5, 1, log_scale=True)", "log=True"),
    ("pyhopper.float(low=0, high=1)", "the bounds"),
    ("pyhopper.float('lr', 1e-5, 0.1)", "write Search(lr=pyhopper.float(1e-05, 0.1))"),
    ("pyhopper.int('units', 16, 128)", "write Search(units=pyhopper.int(16, 128))"),
    ("pyhopper.int(0, 100, default=5)", "init="),
    ("pyhopper.float(0, 1, name='lr')", "its key in Search"),
    ("pyhopper.float(0, 1, size=3)", "shape="),
    ("pyhopper.float(0, 1, log=True)", "needs positive bounds"),
    ("pyhopper.float(1, 0)", "write float(0, 1)"),
    ("pyhopper.int(9, 3)", "write int(3, 9)"),
    ("pyhopper.float(3, 3)", "for a constant write 3"),
    ("pyhopper.float(3)", "means float(0, 3)"),
    ("pyhopper.choice({'adam': 1, 'sgd': 2})", "choice(list(d))"),
    ("pyhopper.choice('a', 'a')", "weights="),
    ("pyhopper.choice('opt', ['adam', 'sgd'])", "choice(['adam', 'sgd'])"),
    ("pyhopper.choice('a', 'b', ordinal=True)", "is_ordinal=True"),
    ("pyhopper.choice('a', 'b', p=[1, 2])", "weights=[3, 1]"),
    ("pyhopper.choice(options=['a', 'b'])", "with the options as arguments"),
    ("pyhopper.choice()", "at least one option"),
    ("pyhopper.Search(lr=(1e-5, 1e-1)).run(f, steps=3)", "pyhopper.float(1e-05, 0.1)"),
    ("pyhopper.Search(lr=float).run(f, steps=3)", "did you mean pyhopper.float(low, high)"),
    ("pyhopper.Search(lr=pyhopper.float).run(f, steps=3)", "write () after it"),
    ("pyhopper.Search([pyhopper.float(0, 1)])", "must be a dict"),
    ("pyhopper.Search().run(f, steps=3)", "has no entries"),
    # Names that other packages have.
    ("pyhopper.loguniform(1e-5, 1)", "pyhopper.float(1e-5, 1e-1, log=True)"),
    ("pyhopper.uniform(0, 1)", "pyhopper.float(0, 1)"),
    ("pyhopper.randint(0, 9)", "pyhopper.int(0, 100)"),
    ("pyhopper.quniform(0, 1, 0.1)", "multiple_of=0.1"),
    ("pyhopper.categorical(['a'])", "pyhopper.choice("),
    ("pyhopper.suggest_float('lr', 0, 1)", "pyhopper.float(0, 1)"),
    ("pyhopper.create_study()", "pyhopper.Search("),
    ("pyhopper.fmin(f)", "search.run(objective"),
    ("pyhopper.MedianPruner()", "QuantilePruner(0.5)"),
    ("pyhopper.pruners.MedianPruner()", "QuantilePruner(0.5)"),
    ("pyhopper.pruners.QuantilPruner(0.5)", "did you mean QuantilePruner?"),
    ("pyhopper.TrialPruned", "pyhopper.PruneEvaluation"),
    ("pyhopper.chioce('a')", "did you mean choice?"),
    ("search.best_params", "search.best (a dict)"),
    ("search.best_value", "search.best_f"),
    ("search.optimize(f)", "search.run(objective"),
    ("search.trials", "search.history.evaluations"),
    ("search.trials_dataframe()", "search.history.to_pandas()"),
    ("search.enqueue_trial({'lr': 0.1})", "search.enqueue"),
    ("search.hisotry", "did you mean history?"),
    # Names of parameters, guesses and results.
    ("search.history['learning_rate']", "the names are: lr, model, model.depth"),
    ("search.history['modle']", "did you mean 'model'?"),
    ("search['learning_rate']", "the names are: lr, model"),
    ("search.enqueue({'lrr': 0.1})", "lrr"),
    ("search.enqueue([{'lr': 0.1}])", "must be a dict"),
    ("search.enqueue({'lr': 'high'})", "must be a number"),
    ("search.tell({'lr': 0.1}, 0.5)", "search.add"),
    ("search.add({'lr': 0.1}, 0.5)", "this parameter has no value"),
    ("search.load('nowhere.ckpt')", "nowhere.ckpt"),
]  # fmt: skip


def answer(code):
    """The error or the warnings for a line of code."""
    search = pyhopper.Search(
        lr=pyhopper.float(0, 1), model=pyhopper.choice("a", {"depth": pyhopper.int(1, 3)}), seed=1
    )
    names = {"pyhopper": pyhopper, "search": search, "f": lambda p: 1.0}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(code, "mine.py", "exec"), names)
        except Exception as error:
            return error
    assert caught, "nothing was said"
    assert [each.filename for each in caught] == ["mine.py"] * len(caught)
    return caught[0].message


@pytest.mark.parametrize(("code", "words"), TABLE, ids=[code for code, _ in TABLE])
def test_the_message_has_the_way_out(code, words):
    """The message names it, and its traceback has one frame of ours at most."""
    error = answer(code)
    assert words in str(error)
    if isinstance(error, pyhopper.PyhopperError):
        frames = [each.filename for each in traceback.extract_tb(error.__traceback__)]
        assert frames.index("mine.py") >= len(frames) - 2


def test_the_table_is_long():
    """It covers what people were seen to type."""
    assert len(TABLE) >= 60


def test_what_is_right_is_said_nothing_of():
    """The control: definitions as the documentation has them warn of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for made in (
            pyhopper.int(10),
            pyhopper.float(1),
            pyhopper.float(),
            pyhopper.int(),
            pyhopper.int(0, 100, init=10),
            pyhopper.int(-5),
            pyhopper.choice(1, True, 1.0),
            pyhopper.choice({"a": pyhopper.int(1, 2)}),
            pyhopper.choice(["adam"]),
            pyhopper.float([0.0, 1.0], [1.0, 1.0]),
        ):
            assert made is not None


def test_a_habit_has_one_hint_and_no_name_of_ours():
    """A word in a table must not stand for something that exists."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    assert not [name for name in habits.SEARCH if name in dir(search)]
    assert not [name for name in habits.MODULE if name in dir(pyhopper)]
    assert not [name for name in habits.PRUNERS if name in vars(pruners)]
    run = inspect.signature(pyhopper.Search.run).parameters
    assert "steps" in run
    assert not [name for name in habits._KEYWORDS_OF_RUN if name in run]


def test_unknown_names_are_errors_of_the_usual_kinds():
    """So that code that expects Python's own kinds goes on working, also after a pickle."""
    error = answer("search.run(f, n_trials=100)")
    assert isinstance(error, TypeError)
    assert isinstance(error, pyhopper.ArgumentError)
    assert error.argument == "n_trials"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    error = answer("search.history['learning_rate']")
    assert isinstance(error, KeyError)
    assert error.names == ["lr", "model", "model.depth"]
    assert not hasattr(pyhopper.Search(x=1), "best_params")


def test_numbers_without_a_last_unit():
    """``1h30`` is an hour and a half; what has no next smaller unit is refused."""
    assert pyhopper.parse_runtime("1h30") == 5400
    assert pyhopper.parse_runtime("2d12") == 2.5 * 86400
    assert pyhopper.parse_runtime("1m30") == 90
    with pytest.raises(pyhopper.ArgumentError):
        pyhopper.parse_runtime("10s5")
