"""Scripts that complete commands and options in a shell, made from the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

_BASH = """\
# pyhopper completion bash > ~/.local/share/bash-completion/completions/pyhopper
_pyhopper() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}" each
    # What comes after -- is another command.
    for ((each = 1; each < COMP_CWORD; each++)); do
        [[ "${{COMP_WORDS[each]}}" == -- ]] && COMPREPLY=($(compgen -f -- "$word")) && return
    done
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "{commands}" -- "$word"))
        return
    fi
    local options=""
    case "$command" in
{cases}
    esac
    if [[ "$word" == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _pyhopper pyhopper
"""

_ZSH = """\
#compdef pyhopper
# pyhopper completion zsh > a folder of $fpath, as _pyhopper
_pyhopper() {{
    local each
    for ((each = 2; each < CURRENT; each++)); do
        [[ "${{words[each]}}" == -- ]] && _files && return
    done
    if ((CURRENT == 2)); then
        compadd -- {commands}
        return
    fi
    local -a options
    case "${{words[2]}}" in
{cases}
    esac
    if [[ "${{words[CURRENT]}}" == -* ]]; then
        compadd -- $options
    else
        _files
    fi
}}
compdef _pyhopper pyhopper
"""


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script for ``bash``, ``zsh`` or ``fish``."""
    commands = dict(_commands(parser))
    if shell == "fish":
        return "".join(_fish(commands))
    quote = (
        '        {name}) options="{options}" ;;'
        if shell == "bash"
        else "        {name}) options=({options}) ;;"
    )
    cases = "\n".join(
        quote.format(name=name, options=" ".join(option for option, _ in options))
        for name, (_, options) in commands.items()
    )
    return (_BASH if shell == "bash" else _ZSH).format(commands=" ".join(commands), cases=cases)


def _commands(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, tuple[str, list[tuple[str, str]]]]]:
    """Each command with its description and its options with their help."""
    for action in parser._actions:  # noqa: SLF001 - there is no public way to ask a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, each in action.choices.items():
                options = [
                    (option, str(inner.help or ""))
                    for inner in each._actions  # noqa: SLF001
                    for option in inner.option_strings
                    if option.startswith("--")
                ]
                yield name, (str(each.description or ""), options)


def _fish(commands: dict[str, tuple[str, list[tuple[str, str]]]]) -> Iterator[str]:
    yield "# pyhopper completion fish > ~/.config/fish/completions/pyhopper.fish\n"
    for name, (text, options) in commands.items():
        yield f"complete -c pyhopper -n __fish_use_subcommand -a {name} -d {_quoted(text)}\n"
        for option, told in options:
            where = (
                f"'__fish_seen_subcommand_from {name}; and not contains -- -- (commandline -opc)'"
            )
            yield f"complete -c pyhopper -n {where} -l {option[2:]} -d {_quoted(told)}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
