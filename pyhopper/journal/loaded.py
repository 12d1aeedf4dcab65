"""A space made from its description in a checkpoint, to look at results without the template."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NoReturn

from pyhopper.errors import ArgumentError
from pyhopper.journal.codec import Described
from pyhopper.journal.file import Line
from pyhopper.parameters import Branching, Parameter, Partial, Selector
from pyhopper.parameters.mistakes import check_searchable
from pyhopper.parameters.space import Space


class LoadedSpace(Space):
    """The space of a checkpoint. Its candidates are what JSON holds; nothing can be drawn from it.

    Parameters
    ----------
    line : dict
        The last line of the file that describes the space.
    """

    def __init__(self, line: Line) -> None:
        entries = {entry["key"]: entry for entry in line["leaves"]}
        super().__init__(_restored(line["template"], entries))


def space_for(space: Space, lines: Iterable[Line]) -> Space:
    """The space in which to read a checkpoint: its own last one, if the search has no template."""
    if space.template and not isinstance(space, LoadedSpace):
        return space
    found = [each for each in lines if each.get("event") in ("header", "space")]
    return LoadedSpace(found[-1]) if isinstance(found[-1].get("template"), dict) else space


def refuse_loaded(space: Space) -> None:
    """Refuse to search in what was only loaded, or to write it again.

    Raises
    ------
    ArgumentError
        If there is no template.
    """
    if isinstance(space, LoadedSpace):
        _refuse(space.template)


def check_can_draw(space: Space, guesses: Collection[Partial]) -> None:
    """Refuse to search in a space that was only loaded, or has neither parameters nor guesses.

    Raises
    ------
    ArgumentError
        If there is nothing to draw.
    """
    refuse_loaded(space)
    if not space.leaves and not guesses:
        check_searchable(space.template)


def _refuse(template: Any) -> NoReturn:
    problem = (
        "was read from a checkpoint, which does not hold what a parameter needs to be drawn; to go "
        "on, make a Search with your template and load into that; to keep it, copy the file"
    )
    raise ArgumentError("template", template, problem)


class _Value(Described, Parameter):
    """A parameter that is only known by its entry."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.entry = entry

    def sample(self, *_: Any) -> Any:
        _refuse(self.entry["key"])

    def mutate(self, *_: Any) -> Any:
        _refuse(self.entry["key"])

    def decode(self, data: Any) -> Any:
        # Imported here, since a search with a template has no need of it.
        from pyhopper.journal.table import shown

        return shown(data, self.entry.get("options"))

    def describe(self) -> str:
        return str(self.entry["text"])


class _Index(Described, Selector):
    """The index of an option of such a choice."""

    def __init__(self, entry: dict[str, Any], size: int) -> None:
        super().__init__(size, False, None, _Value.init)
        self.entry = entry

    def describe(self) -> str:
        return str(self.entry["text"])


class _Options(Branching):
    """A choice whose options may hold such parameters."""

    branches = True

    def __init__(self, entry: dict[str, Any], options: list[Any]) -> None:
        self.options = tuple(options)
        self.selector = _Index(entry, len(options))

    def sample(self, *_: Any) -> Any:
        _refuse(self.selector.describe())

    def mutate(self, *_: Any) -> Any:
        _refuse(self.selector.describe())


def _restored(part: Any, entries: dict[str, dict[str, Any]]) -> Any:
    """A template for a skeleton, see :func:`~pyhopper.journal.skeleton.skeleton`."""
    if isinstance(part, list):
        return [_restored(inner, entries) for inner in part]
    if not isinstance(part, dict):
        return part
    if "$leaf" in part:
        return _Value(entries[part["$leaf"]])
    if "$choice" in part:
        options = [_restored(option, entries) for option in part["options"]]
        return _Options(entries[part["$choice"]], options)
    return {key: _restored(inner, entries) for key, inner in part.items()}
