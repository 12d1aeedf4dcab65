"""What the tests of whole searches share."""

from pathlib import Path
from types import SimpleNamespace

import pyhopper
from pyhopper.budget import Stopwatch
from pyhopper.callbacks import Callback
from pyhopper.callbacks.tracker import Tracker
from pyhopper.events import CandidateType

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"

INIT, MANUAL = CandidateType.INIT, CandidateType.MANUALLY_ADDED
RANDOM, LOCAL = CandidateType.RANDOM_SEEDING, CandidateType.LOCAL_SAMPLING

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]


class Calls(Callback):
    """Keeps the calls of the hooks with their arguments, and their number in the checkpoint."""

    def __init__(self):
        self.calls = []
        self.count = 0

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]

    def of(self, hook):
        """The arguments of each call of one hook."""
        return [call[1:] for call in self.calls if call[0] == hook]

    def names(self):
        """The hooks in the order in which they were called."""
        return [call[0] for call in self.calls]

    def types(self):
        """The types of the candidates, in the order in which they started."""
        return [info.type for _, info in self.of("on_evaluate_start")]


def _keeping(hook):
    def call(self, *arguments):
        self.calls.append((hook, *arguments))
        self.count += 1

    return call


for _hook in HOOKS:
    setattr(Calls, _hook, _keeping(_hook))


class Records(Tracker):
    """A tracker that keeps what it gets."""

    def __init__(self):
        super().__init__()
        self.records = []

    def open(self):
        pass

    def close(self):
        pass

    def record(self, step, numbers, params, texts):
        self.records.append(SimpleNamespace(step=step, numbers=numbers, params=params, texts=texts))


def running(clock):
    """A stopwatch that has been started."""
    stopwatch = Stopwatch(clock)
    stopwatch.start()
    return stopwatch


def search_of_x(**more):
    """A search of one number from 0 to 1."""
    return pyhopper.Search(x=pyhopper.float(0, 1), **more)


def x_of(params):
    """An objective: the number itself."""
    return params["x"]


def told(search):
    """Everything of a history that an interruption must not change."""
    return [
        (e.id, e.type, repr(e.params), e.status, repr(e.value), e.estimates, e.metrics)
        for e in search.history.evaluations
    ]


def ids(search):
    """The numbers of the evaluations, in the order in which they ended."""
    return [each.id for each in search.history.evaluations]


def statuses(search):
    """How each evaluation ended, by its number."""
    return {each.id: each.status for each in search.history.evaluations}


def count(search, status):
    """How many evaluations ended in one way."""
    return sum(each.status == status for each in search.history.evaluations)
