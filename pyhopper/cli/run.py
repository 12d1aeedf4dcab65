"""``pyhopper run``: the search for the best way to call a command."""

from __future__ import annotations

import contextlib
import json
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyhopper.budget import parse_runtime
from pyhopper.cli.command import Command, as_file, config_name, missing_program
from pyhopper.cli.constraints import Constraint
from pyhopper.cli.grammar import is_expression, parse, pointed
from pyhopper.cli.spacefile import read_space
from pyhopper.cli.texts import as_options, complain, say
from pyhopper.cli.values import Source
from pyhopper.cli.words import (
    FILES,
    check_places,
    check_variables,
    merged,
    names_of,
    parse_words,
    places,
)
from pyhopper.errors import ArgumentError, CheckpointError, ObjectiveError, SearchFailedError
from pyhopper.files import read_path
from pyhopper.journal import Holder, is_abandoned
from pyhopper.journal.table import Table
from pyhopper.parameters.space import merge_dicts, nested
from pyhopper.pruners import Pruner, QuantilePruner, TopKPruner
from pyhopper.search import Search

OK, ERROR, NOTHING, INTERRUPTED = 0, 1, 3, 130
"""Exit codes."""

_DRY = 3
"""How many commands ``--dry-run`` shows."""


class Plan(NamedTuple):
    """What is to be searched, and by which command.

    Attributes
    ----------
    command : Command
        The objective.
    template : dict
        Parameters and constants.
    constraints : list of Constraint
        Which candidates are allowed.
    guesses : list of dict
        Values to try first.
    remarks : list of str
        What the user should know.
    """

    command: Command
    template: dict[str, Any]
    constraints: list[Constraint]
    guesses: list[dict[str, Any]]
    remarks: list[str]


def plan(args: Any, arguments: Sequence[str]) -> Plan:
    """Read the space and the command.

    Parameters
    ----------
    args : Namespace
        The options.
    arguments : list of str
        The command, as the shell gave it.

    Raises
    ------
    ArgumentError
        For the first thing that makes no sense; nothing has run then.
    """
    remarks: list[str] = []
    parsed = parse_words(arguments, remarks)
    templates, constraints, guesses = [parsed.template], [], []
    if args.space is not None:
        file = read_space(args.space, remarks)
        templates.append(file.template)
        constraints += [(each, f"{args.space}, constraints") for each in file.constraints]
        guesses += [(each, f"{args.space}, guesses") for each in file.guesses]
    templates += [_parameter(each, remarks) for each in args.param]
    constraints += [(each, "--constraint") for each in args.constraint]
    guesses += [(_guess(each), "--guess") for each in args.guess]
    template = merged(templates)
    names = list(dict.fromkeys(names_of(template)))
    _check(parsed.words, args, template, names)
    return Plan(
        _command(parsed.words, args),
        template,
        [Constraint(text, where, names) for text, where in constraints],
        [_known(guess, where) for guess, where in guesses],
        remarks,
    )


def _known(guess: dict[str, Any], where: str) -> dict[str, Any]:
    """A guess whose dotted names are nested."""
    try:
        return merge_dicts(*(nested(key, value) for key, value in guess.items()))
    except ArgumentError as error:
        raise ArgumentError("guess", guess, "", f"{where}: {error}") from None


def _parameter(text: str, remarks: list[str]) -> dict[str, Any]:
    """One ``--param``, such as ``lr=float(0, 1)``."""
    name, equals, expression = text.partition("=")
    name = name.strip()
    if not equals or not name.replace(".", "_").replace("-", "_").isidentifier():
        problem = "must look like NAME=EXPRESSION, as in lr='float(0, 1)'"
        raise ArgumentError("param", text, "", f"--param {text}: {problem}")
    where = f"--param {name}"
    if not is_expression(expression, where):
        problem = "must be a parameter, as in float(0, 1) or choice(1, 2)"
        raise pointed(where, expression or " ", 0, problem)
    return nested(name, parse(expression, where, remarks))


def _guess(text: str) -> dict[str, Any]:
    try:
        guess = json.loads(text)
    except json.JSONDecodeError as error:
        raise pointed("--guess", text, error.pos, f"is no JSON: {error.msg}") from None
    except RecursionError:
        raise pointed("--guess", text, 0, "this is nested too deep") from None
    if not isinstance(guess, dict):
        raise pointed("--guess", text, 0, """must be an object such as '{"lr": 0.01}'""")
    return guess


def _check(words: Sequence[str], args: Any, template: dict[str, Any], names: list[str]) -> None:
    check_places([*words, *([args.value_file] if args.value_file else [])], names)
    check_variables(names)
    for place in places(words):
        if place in FILES:
            as_file(Path(config_name(place)).suffix, {})  # its package may be missing
    if not any(map(places, words)) and not template:
        problem = (
            "nothing in the command may vary: write a parameter into it, as in "
            "--lr 'float(1e-5, 1e-1, \"0.1g\")', or give a file with parameters"
        )
        raise ArgumentError("command", list(words), "", problem)
    if args.value_file and args.n_jobs != "1" and not places([args.value_file]):
        problem = "all candidates would write the same file; put {dir} into its path"
        raise ArgumentError("value_file", args.value_file, problem)


def _command(words: Sequence[str], args: Any) -> Command:
    source = Source(args.value or "", args.value_regex or "", args.value_file or "")
    source.check()
    folder = str(Path.cwd())
    if problem := missing_program(words, folder):
        raise ArgumentError("program", words[0], problem)
    work_dir = ""
    if args.work_dir is not None:
        work_dir = str(read_path("work_dir", args.work_dir, "folder"))
    return Command(words, source, folder, work_dir)


def read_pruner(text: str | None) -> Pruner | str | None:
    """The option ``--pruner``.

    Raises
    ------
    ArgumentError
        If it makes no sense.
    """
    if text is None or text == "auto":
        return text
    name, _, number = text.partition("=")
    problem = "must be auto, quantile=0.8 or topk=5"
    try:
        if name == "quantile":
            return QuantilePruner(float(number))
        if name == "topk":
            return TopKPruner(int(number))
    except ValueError as error:
        problem += "" if not isinstance(error, ArgumentError) else f" ({error})"
    raise ArgumentError("pruner", text, "", f"--pruner {text}: {problem}")


def make_search(args: Any, what: Plan) -> Search:
    """The search, with its constraints and guesses.

    Raises
    ------
    PyhopperError
        If something makes no sense.
    """
    search = Search(what.template, seed=args.seed)
    for constraint in what.constraints:
        search.constrain(constraint)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for guess in what.guesses:
            search.enqueue(guess)
    what.remarks.extend(str(each.message) for each in caught)
    return search


def _budget(args: Any) -> dict[str, Any]:
    given = {
        "runtime": args.runtime if args.until is None else f"until {args.until}",
        "steps": args.steps,
        "endless_mode": args.endless,
    }
    if args.until is not None and args.runtime is not None:
        problem = "--runtime and --until are given; give only one of them"
        raise ArgumentError("runtime", args.runtime, "", problem)
    if args.until is not None and not args.until.startswith("end of"):
        try:
            parse_runtime(f"until {args.until}")
        except ArgumentError:
            problem = f"--until {args.until}: must be a time of day, such as 08:00"
            raise ArgumentError("until", args.until, "", problem) from None
    if not any(given.values()):
        problem = (
            "the search needs a budget: --runtime 2h, --until 08:00, --steps 100, or --endless to "
            "search until Ctrl-C"
        )
        raise ArgumentError("runtime", None, "", problem)
    return given


def _stop(args: Any) -> dict[str, Any] | None:
    given = {"value": args.target, "patience": args.patience}
    return {key: value for key, value in given.items() if value is not None} or None


def run(args: Any, arguments: Sequence[str]) -> int:
    """Tune a command; the exit code.

    Raises
    ------
    PyhopperError
        If something makes no sense, or an evaluation failed and ``--on-error`` is ``raise``.
    """
    what, budget = plan(args, arguments), _budget(args)
    search = make_search(args, what)
    for remark in dict.fromkeys(what.remarks):
        complain(f"pyhopper: {remark}")
    if args.dry_run:
        return _show_first(search, what, args)
    if args.overwrite and args.checkpoint is not None:
        _refuse_if_run(args.checkpoint)
    # What a command that is killed leaves of its temporary folder goes with this one.
    scratch = tempfile.TemporaryDirectory(prefix="pyhopper-", ignore_cleanup_errors=True)
    try:
        what.command.scratch = scratch.name
        best = search.run(
            what.command,
            args.direction,
            **budget,
            n_jobs=args.n_jobs,
            timeout=args.timeout,
            deadline=args.deadline,
            stop=_stop(args),
            pruner=read_pruner(args.pruner),
            checkpoint_path=args.checkpoint,
            overwrite_checkpoint=args.overwrite,
            resume=args.resume,
            shared=args.checkpoint is not None,
            work_dir=args.work_dir,
            on_error=args.on_error,
            ignore_nans=args.ignore_nans,
            quiet=args.quiet,
            verbose=1 + args.verbose,
            output=args.output,
        )
    except (SearchFailedError, ObjectiveError) as error:
        complain(f"pyhopper: {as_options(str(error))}")
        return NOTHING
    finally:
        scratch.cleanup()
    if best is not None:
        if not args.quiet:
            say(f"\nAs a command:\n{winner(what.command, search)}")
        return INTERRUPTED if search.interrupted else OK
    return INTERRUPTED if search.interrupted else NOTHING


def _refuse_if_run(path: str) -> None:
    """Refuse to overwrite a checkpoint that another process is using."""
    if not Path(path).is_file():
        return
    with contextlib.suppress(CheckpointError):
        for number, each in Table(Path(path)).state.running.items():
            if not is_abandoned(each.holder):
                holder = Holder.parse(each.holder)
                problem = (
                    f"process {holder.pid} on {holder.host} runs candidate {number} of it; end "
                    "that process before --overwrite"
                )
                raise ArgumentError("checkpoint_path", path, problem)


def winner(command: Command, search: Search) -> str:
    """The command of the best candidate."""
    best = search.best or {}
    found = [each.id for each in search.history.evaluations if each.params == best]
    return command.typed(best, found[0] if found else -1)


def _show_first(search: Search, what: Plan, args: Any) -> int:
    """Show what would be run first."""
    if args.checkpoint is not None and Path(args.checkpoint).is_file() and not args.overwrite:
        search.load(args.checkpoint)
    complain("The first commands would be:")
    for _ in range(_DRY):
        candidate = search.ask(args.direction)
        if candidate is None:
            break
        say(what.command.typed(candidate.params, candidate.id))
    return OK
