"""The command line: ``pyhopper run`` tunes any command, other commands look into checkpoints.

::

    pyhopper run --max --steps 50 --checkpoint run.ckpt -- python train.py --lr 'float(0, 1)'
    pyhopper show run.ckpt             # budget, best, table of evaluations; --watch goes on
    pyhopper best run.ckpt             # the best candidate as JSON, --yaml or --flags
    pyhopper replay run.ckpt 37        # runs the command once more with the values of candidate 37
    pyhopper export run.ckpt all.csv   # or .jsonl, .parquet; columns as in to_pandas
    pyhopper report run.ckpt -o run.html         # one page with everything; or several

``python -m pyhopper`` is the same. Nothing that looks into a checkpoint takes a lock, writes to it
or runs code from it; ``replay`` runs the command that stands in it.
"""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of those of the process.

    Returns
    -------
    int
        The exit code: 0, 1 for an error, 3 if no evaluation had a value, 130 after Ctrl-C.
    """
    # Imported here, since a worker needs this package for the command only.
    from pyhopper.cli.parser import answer

    return answer(arguments)
