"""The journal: everything that happens in a search, in a file that survives whatever happens."""

from pyhopper.journal.checkpoint import Checkpoint, checkpoint_file
from pyhopper.journal.codec import from_json
from pyhopper.journal.file import read
from pyhopper.journal.lockfile import Holder, is_abandoned
from pyhopper.journal.replay import Replay

__all__ = [
    "Checkpoint",
    "Holder",
    "Replay",
    "checkpoint_file",
    "from_json",
    "is_abandoned",
    "read",
]
