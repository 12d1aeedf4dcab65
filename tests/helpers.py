"""What the tests of the interface share."""

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


class Notes(Callback):
    """Notes the hooks with their arguments, and keeps their number in the checkpoint."""

    def __init__(self):
        self.calls = []
        self.count = 0

    def note(self, *call):
        self.calls.append(call)
        self.count += 1

    def on_search_start(self, search):
        self.note("on_search_start", search)

    def on_evaluate_start(self, candidate, info):
        self.note("on_evaluate_start", candidate, info)

    def on_evaluate_end(self, candidate, f, info):
        self.note("on_evaluate_end", candidate, f, info)

    def on_evaluate_pruned(self, candidate, info):
        self.note("on_evaluate_pruned", candidate, info)

    def on_evaluate_nan(self, candidate, info):
        self.note("on_evaluate_nan", candidate, info)

    def on_evaluate_failed(self, candidate, info):
        self.note("on_evaluate_failed", candidate, info)

    def on_duplicate_sampled(self, candidate, info):
        self.note("on_duplicate_sampled", candidate, info)

    def on_new_best(self, candidate, f, info):
        self.note("on_new_best", candidate, f, info)

    def on_search_end(self):
        self.note("on_search_end")

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]

    def of(self, hook):
        return [call[1:] for call in self.calls if call[0] == hook]

    def types(self):
        return [call[-1].type for call in self.calls if call[0] == "on_evaluate_start"]


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


def line(**more):
    return pyhopper.Search(x=pyhopper.float(0, 1), **more)


def x_of(params):
    return params["x"]


def told(search):
    """Everything of a history that an interruption must not change."""
    return [
        (e.id, e.type, repr(e.point), e.status, repr(e.value), e.estimates, e.metrics)
        for e in search._log.state.evaluations
    ]


def statuses(search):
    return {e.id: e.status for e in search._log.state.evaluations}
