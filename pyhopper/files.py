"""Files that a path leads to: read, written and replaced only if they are what they should be.

A path comes from a user, who may mean a device or a pipe, or follow a link, or from a checkpoint
that somebody else has made. Nothing here waits for a pipe, replaces a device, or takes a folder or
a socket for a file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from pathlib import Path
from typing import Any

from pyhopper.errors import ArgumentError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symbolic link",
}

_FLAGS = (
    getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)
"""A pipe that nobody else has open is not waited for."""

_NOT_REPLACEABLE = (errno.EACCES, errno.EPERM, errno.EBUSY)

_CANNOT_SYNC = tuple(getattr(errno, name, 0) for name in ("EINVAL", "ENOSYS", "ENOTSUP"))
"""With these a file system says that it has nothing to sync, rather than that it failed."""


def read_path(argument: str, value: Any, kind: str = "file or folder") -> Path:
    """The path that an argument means, absolute and with ``~`` replaced; it need not exist.

    It is made absolute at once, since the objective may change the working directory.

    Parameters
    ----------
    argument : str
        Its name, for messages.
    value : str or path-like
        What was given.
    kind : str
        What it should be the path of, for messages.

    Raises
    ------
    ArgumentError
        If there can be no such path.
    """
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ArgumentError(argument, value, f"must be the path of a {kind}")
    try:
        path = Path(value).expanduser()
        path.lstat()
    except TypeError:  # a path of bytes
        raise ArgumentError(argument, value, f"must be the path of a {kind}, as text") from None
    except RuntimeError:
        problem = "there is no such user; write ./ before a name that begins with ~"
        raise ArgumentError(argument, value, problem) from None
    except ValueError:  # a zero byte, or half of a character
        raise ArgumentError(argument, value, "has a character that no path can have") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ArgumentError(argument, value, "is too long for a path") from None
    return path.absolute()


def kind(mode: int) -> str:
    """What an entry of a folder is, in words, by its mode."""
    return _KINDS.get(stat.S_IFMT(mode), "a device")


def is_stream(path: Path) -> bool:
    """Whether a path leads to a pipe or a character device, such as ``/dev/null``."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def check_regular(mode: int, *, pipes: bool = False) -> None:
    """Refuse what is no regular file.

    Parameters
    ----------
    mode : int
        Of the file.
    pipes : bool
        Allow a pipe too.

    Raises
    ------
    OSError
        That says what it is.
    """
    if not stat.S_ISREG(mode) and not (pipes and stat.S_ISFIFO(mode)):
        raise OSError(errno.EINVAL, f"it is {kind(mode)}, not a regular file")


def open_regular(path: Path, flags: int, *, follow: bool = True, pipes: bool = False) -> int:
    """Open a regular file.

    Parameters
    ----------
    path : Path
        The file.
    flags : int
        Of :func:`os.open`.
    follow : bool
        Follow a symbolic link in the last place of the path.
    pipes : bool
        Open a pipe too.

    Returns
    -------
    int
        The file descriptor.

    Raises
    ------
    OSError
        If it cannot be opened, or is something else.
    """
    with contextlib.suppress(FileNotFoundError):
        # Before it is opened, since opening a device may do something.
        check_regular(path.stat(follow_symlinks=follow).st_mode, pipes=pipes)
    flags |= _FLAGS | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    handle = os.open(path, flags, 0o644)
    try:
        mode = os.fstat(handle).st_mode
        check_regular(mode, pipes=pipes)
        if stat.S_ISFIFO(mode):
            os.set_blocking(handle, True)
    except BaseException:
        os.close(handle)
        raise
    return handle


def read_small(path: Path, most: int) -> bytes:
    """The content of a regular file of at most so many bytes; a symbolic link is not followed.

    Raises
    ------
    OSError
        If it cannot be read, is something else or is larger.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY, follow=False), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes")
    return data


def write_all(handle: int, data: bytes) -> None:
    """Write to an open file, in as many parts as it takes."""
    while data:
        data = data[os.write(handle, data) :]


def sync(handle: int) -> None:
    """Return once an open file is safe on the disk, as far as its file system can tell.

    Raises
    ------
    OSError
        If it could not be written.
    """
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def sync_folder(folder: Path) -> None:
    """Make a new or removed file of a folder survive a power cut, where that can be done.

    Raises
    ------
    OSError
        If the disk failed.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # folders cannot be opened on Windows
    try:
        sync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader sees the old or the new content in full.

    A symbolic link is followed, a device or a pipe is written to.

    Parameters
    ----------
    path : Path
        The file; its folder is created if it does not exist.
    data : bytes
        Its content.
    durable : bool
        Return only once it is safe on the disk.

    Raises
    ------
    OSError
        If it cannot be written, or the path leads to something else, such as a folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_stream(path):
        _write_in_place(path, data)
        return
    target = Path(os.path.realpath(path))
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = path.stat().st_mode
        check_regular(mode)
    if mode is not None and not target.exists():
        # A file without a name, to which standard output may lead.
        _write_in_place(path, data)
        return
    try:
        _replace(target, data, mode, durable=durable)
    except OSError as error:
        if mode is None or error.errno not in _NOT_REPLACEABLE:
            raise
        # It may be written to, but not its folder, or it is the root of a mount.
        _write_in_place(target, data)


def _replace(path: Path, data: bytes, mode: int | None, *, durable: bool) -> None:
    part = beside(path, "part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
    try:
        try:
            write_all(handle, data)
            if durable:
                sync(handle)
        finally:
            os.close(handle)
        if mode is not None:
            with contextlib.suppress(OSError):
                part.chmod(stat.S_IMODE(mode))
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def beside(path: Path, what: str) -> Path:
    """A new hidden name in the folder of a file, for what is to be put in its place."""
    return path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.{what}")


def _write_in_place(path: Path, data: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC | _FLAGS)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(error.errno, "it is a pipe that nobody reads") from None
        raise
    try:
        if hasattr(os, "set_blocking"):
            os.set_blocking(handle, True)
        write_all(handle, data)
    finally:
        os.close(handle)
