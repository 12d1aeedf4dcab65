"""Pictures of a search, with matplotlib: ``pip install "pyhopper[plot]"``.

Every function takes a search, its history or the path of a checkpoint, also of one that is still
being written. The template is not needed for that.

>>> import pyhopper
>>> search = pyhopper.Search(lr=pyhopper.float(1e-5, 1e-1, log=True))
>>> _ = search.run(lambda params: params["lr"], steps=20, quiet=True)
>>> axes = pyhopper.plot.progress(search)  # doctest: +SKIP
>>> axes.figure.savefig("progress.png")  # doctest: +SKIP

A function that draws on one Axes takes it as ``ax`` and returns it; without it there is a new
figure. Colours follow the style in use, light or dark, and no setting of matplotlib is changed.
"""

from pyhopper.plot.front import front
from pyhopper.plot.importance import importance
from pyhopper.plot.parallel import parallel
from pyhopper.plot.parameters import contour, moves, parameter
from pyhopper.plot.time import curves, progress, slots

__all__ = [
    "contour",
    "curves",
    "front",
    "importance",
    "moves",
    "parallel",
    "parameter",
    "progress",
    "slots",
]
