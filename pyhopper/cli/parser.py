"""The options of the command line, and what happens with errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from pyhopper._version import __version__
from pyhopper.budget import parse_runtime
from pyhopper.cli import look
from pyhopper.cli.texts import as_options, complain, put
from pyhopper.errors import ArgumentError, PyhopperError, plural
from pyhopper.journal.table import Table

_RUN_HELP = """\
examples:
  pyhopper run --max --runtime 2h --n-jobs per-gpu --checkpoint run.ckpt -- \\
      python train.py --lr 'float(1e-5, 1e-1, "0.1g")' --opt 'choice("adam", "sgd")'
  pyhopper run space.yaml --min --steps 200 -- ./solver --config {config} --alpha={alpha}

parameters in the command (in quotes, for the shell):
  int(1, 4)  int(16, 512, power_of=2)  float(0, 1)  float(1e-5, 1e-1, "0.1g")
  choice("adam", "sgd")  list(int(8, 64), 1, 4)  normal(0, 1)  bool()
  switch()     the flag before it is there or not
  {lr}         the value of a parameter from the file or --param
  {config}     a JSON file with all values; also {config.yaml} and {config.toml}
  {dir}        the candidate's folder
The command also finds the values in its environment, as PYHOPPER_PARAM_LR and so on.

value: the last line of standard output that is a number or a JSON object with "value".
Lines such as {"step": 3, "value": 0.91} are estimates on the way, for the pruner.

Start the same command again to go on from its checkpoint. Start it in several shells of a machine
at the same time, and they share the search: each runs candidates that no other does.
exit codes: 0 complete, 1 error, 3 no evaluation had a value, 130 interrupted.
"""


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence, with code 1 as for any other error."""

    def error(self, message: str) -> NoReturn:
        complain(f"{self.prog}: {message}\n{self.prog} --help shows what there is")
        raise SystemExit(1)


def answer(arguments: list[str] | None = None) -> int:
    """Run a command; see :func:`pyhopper.cli.main`."""
    given = sys.argv[1:] if arguments is None else arguments
    own, command = given, None
    if given[:1] == ["run"] and "--" in given:
        own, command = given[: given.index("--")], given[given.index("--") + 1 :]
    parser = make_parser()
    args, unknown = parser.parse_known_args(own)
    if unknown:
        parser.prog += f" {given[0]}" if args.command is not None else ""
        hint = "; put -- before the command" if given[:1] == ["run"] and command is None else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    if args.command is None:
        parser.print_help()
        return 0
    try:
        code = args.command(args, command)
        sys.stdout.flush()
    except (PyhopperError, ImportError) as error:  # such as that of an extra that is missing
        complain(f"pyhopper: {as_options(str(error))}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code)


def make_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = _Parser(
        prog="pyhopper",
        description="Tune any command, and look into checkpoints, also of a search that runs.",
    )
    parser.add_argument("--version", action="version", version=f"pyhopper {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_run(commands)
    _add_looking(commands)
    _add_others(commands)
    return parser


def _add_run(commands: Any) -> None:
    text = "Tune any command: find the arguments with which its value is the best."
    run = commands.add_parser(
        "run",
        help=text,
        description=text,
        usage="pyhopper run [SPACE] (--max | --min) [options] -- COMMAND [ARGUMENT ...]",
        epilog=_RUN_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.set_defaults(command=_run, direction=None)
    run.add_argument("space", nargs="?", metavar="SPACE", help="a .yaml, .toml or .json file")
    group = run.add_argument_group("what is searched").add_mutually_exclusive_group()
    group.add_argument(
        "--max", dest="direction", action="store_const", const="max", help="larger is better"
    )
    group.add_argument(
        "--min", dest="direction", action="store_const", const="min", help="smaller is better"
    )
    add = run.add_argument_group("parameters beside those in the command").add_argument
    add("-p", "--param", action="append", default=[], metavar="NAME=EXPRESSION", help="for {NAME}")
    add("--constraint", action="append", default=[], metavar="EXPRESSION", help='"lr * size < 1"')
    add("--guess", action="append", default=[], metavar="JSON", help="values to try first")
    add = run.add_argument_group("how long").add_argument
    add("--runtime", metavar="TIME", help='such as 90s, "1h 30min" or 2d')
    add("--until", metavar="TIME", help="the next such time of day: 08:00")
    add("--steps", metavar="N", help="how many candidates")
    add("--endless", action="store_true", help="until Ctrl-C")
    add("--target", type=float, metavar="VALUE", help="end once this value is reached")
    add("--patience", metavar="N|TIME", help="end after that long without a better value")
    add("--timeout", metavar="TIME", help="end a candidate that takes longer")
    add("--deadline", default="finish", metavar="finish|kill", help="what happens at the end")
    add = run.add_argument_group("how it runs").add_argument
    add("--n-jobs", default="1", metavar="N|per-gpu|ENGINE", help="how many at the same time (1)")
    add("--checkpoint", metavar="FILE", help="write everything there, and go on from it")
    add("--overwrite", action="store_true", help="delete what is in the checkpoint")
    add("--resume", default="auto", metavar="auto|force", help="force: of another command, too")
    add("--work-dir", metavar="FOLDER", help="a folder with one for each candidate")
    add("--seed", type=int, metavar="N", help="makes the search repeatable")
    add("--on-error", default="continue", metavar="continue|raise", help="raise: stop")
    add = run.add_argument_group("its value").add_argument
    add("--value", metavar="KEY", help="the key of the JSON object that counts")
    add("--value-regex", metavar="REGEX", help="'acc=([0-9.]+)', in the log; each is an estimate")
    add("--value-file", metavar="FILE", help="a file that the command writes: {dir}/value.json")
    add("--pruner", metavar="RULE", help="auto, quantile=0.8 or topk=5: end poor ones early")
    add("--ignore-nans", action="store_true", help="NaN is a result, not a failure")
    add = run.add_argument_group("what is shown").add_argument
    add("--dry-run", action="store_true", help="only show the first three commands")
    add("-q", "--quiet", action="store_true", help="print nothing but errors")
    add("-v", "--verbose", action="store_true", help="a line for every candidate")
    add("--output", default="last", metavar="last|prefix", help="prefix: show what it prints")


def _add_looking(commands: Any) -> None:
    def add(name: str, command: Callable[[Table, Any], None], text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        added.add_argument("checkpoint", help="the file given as checkpoint")
        added.add_argument(
            "--recover", action="store_true", help="leave damaged lines out instead of stopping"
        )
        added.set_defaults(command=_looking(command))
        return added

    shows = add("show", look.look, "Show budget, best and the last and best evaluations.")
    watch = add("watch", look.look, "Show a checkpoint again and again, until Ctrl-C.")
    shows.add_argument("--watch", action="store_true", help="go on until Ctrl-C, drawn in place")
    watch.set_defaults(watch=True)
    for each in (shows, watch):
        each.add_argument("-n", type=_count, default=5, help="how many of each (5)")
        each.add_argument(
            "--importance", action="store_true", help="which parameters matter, by their share"
        )
        each.add_argument(
            "--every", type=_seconds, default=2.0, metavar="TIME", help="how often to look (2s)"
        )
    best = add("best", look.best, "Print the best candidate.")
    best.add_argument(
        "--pick", action="append", default=[], metavar="NAME=NUMBER", type=_target,
        help="of several objectives: what it has to reach, as in accuracy=0.9",
    )  # fmt: skip
    form = best.add_mutually_exclusive_group()
    form.add_argument(
        "--yaml", action="store_true", help="as YAML instead of JSON (needs the extra cli)"
    )
    form.add_argument("--flags", action="store_true", help="as the command line, ready to paste")
    export = add("export", look.export, "Write all evaluations to a file.")
    export.add_argument("output", help="a file that ends in .csv, .jsonl or .parquet; - for CSV")
    report = add("report", look.report, "Write one HTML page that opens without a server.")
    report.add_argument("more", nargs="*", help="further checkpoints, to compare them")
    report.add_argument("-o", "--output", default="report.html", help="the page (report.html)")


def _add_others(commands: Any) -> None:
    text = "Run the command of a checkpoint again with the values of one candidate."
    replay = commands.add_parser("replay", help=text, description=text)
    replay.add_argument("checkpoint", help="the file given as checkpoint")
    replay.add_argument("candidate", help='its number, or "best"')
    replay.add_argument("--recover", action="store_true", help="leave damaged lines out")
    replay.add_argument("--dry-run", action="store_true", help="only show the command")
    replay.set_defaults(command=_looking(look.replay))
    text = "Write an example of a file with parameters, with comments."
    template = commands.add_parser("template", help=text, description=text)
    template.add_argument("output", help="a file that ends in .yaml, .toml or .json; - for YAML")
    template.set_defaults(command=_template)
    text = "Print a script that completes commands and options in a shell."
    completion = commands.add_parser("completion", help=text, description=text)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    completion.set_defaults(command=_completion)


def _looking(command: Callable[[Table, Any], int | None]) -> Callable[[Any, Any], int]:
    """A command that needs a checkpoint."""

    def run(args: Any, _: Any) -> int:
        table = Table(Path(args.checkpoint), args.recover)
        code = command(table, args)
        if table.lost:
            complain(f"left out: {plural(table.lost, 'damaged or missing line')}")
        if table.skipped:
            complain(f"left out: {plural(table.skipped, 'line')} that cannot be understood")
        return code or 0

    return run


def _run(args: Any, command: list[str] | None) -> int:
    from pyhopper.cli.run import run

    if not command:
        what = "put -- before it" if command is None else "nothing stands after --"
        complain(
            f"pyhopper run: the command is missing; {what}, as in: "
            "pyhopper run --max --steps 50 -- python train.py --lr 'float(0, 1)'"
        )
        return 1
    if args.direction is None:
        complain("pyhopper run: say whether a larger value is better: --max or --min")
        return 1
    return run(args, command)


def _template(args: Any, _: Any) -> int:
    from pyhopper.cli.template import write_template

    write_template(args.output)
    return 0


def _completion(args: Any, _: Any) -> int:
    from pyhopper.cli.completion import script

    put(script(args.shell, make_parser()))
    return 0


def _count(text: str) -> int:
    """A number of rows."""
    if not text.isdigit() or text == "0":
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows, at least 1")
    return int(text)


def _target(text: str) -> tuple[str, float]:
    """A number that an objective has to reach."""
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like accuracy=0.9") from None


def _seconds(text: str) -> float:
    """A duration."""
    try:
        return parse_runtime(text)
    except ArgumentError as error:
        raise argparse.ArgumentTypeError(error.problem) from None
