"""Writing files so that a reader never sees half of one: temporary names, fsync, atomic replace."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acestep_cli.errors import OutputError

_PART_SUFFIX = ".part"
# No blocks left, or none left for this user (Windows has no quota error).
_FULL = frozenset((errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)))


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder; one that may not be seen or named is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether `path` is a regular file; one that may not be seen or named is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def part_path(target: Path) -> Path:
    """A fresh hidden name beside `target`: `.NAME.XXXX.part`."""
    return target.with_name(f".{target.name}.{os.urandom(2).hex()}{_PART_SUFFIX}")


def remove_stale_parts(target: Path) -> None:
    """Delete `.NAME.XXXX.part` leftovers of killed runs beside `target`."""
    for stale in target.parent.glob(f".{_escape(target.name)}.????{_PART_SUFFIX}"):
        with suppress(OSError):
            stale.unlink()


@contextmanager
def atomic_target(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path; on normal exit flush it to disk and rename it to `target`.

    Missing folders are made. With `overwrite=False` an existing `target` is an OutputError and is
    never touched, even when it appears while the block runs. On any error the temporary file is
    removed.
    """
    temporary = part_path(target)
    try:
        _make_folder(target.parent)
        yield temporary
        _flush_to_disk(temporary)
        if overwrite:
            os.replace(temporary, target)
        else:
            _rename_exclusively(temporary, target)
    except OSError as error:
        raise write_error(error, target) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target` (absolute); on normal exit it takes the place of `target`,
    where what was there is deleted last, or comes back. On any error the new one is removed.

    No other folder is touched. OSError where one cannot be made or moved.
    """
    temporary = part_path(target)
    old = temporary.with_suffix(".old")
    temporary.mkdir(parents=True)  # before what removes it: whatever has that name is not ours
    try:
        yield temporary
        if target.exists():
            target.rename(old)
        try:
            temporary.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_bytes(target: Path, data: bytes) -> None:
    """Atomically replace or create `target` with `data`; OutputError where that cannot be done."""
    with atomic_target(target, overwrite=True) as temporary:
        temporary.write_bytes(data)


def create_exclusively(target: Path, data: bytes) -> bool:
    """Create `target` holding all of `data`, or return False when the name is taken.

    Missing folders are made. The file appears complete: it is written under a temporary name and
    hard-linked. Where there are
    no links an exclusively created `.NAME.lock` guards the rename.
    """
    temporary = part_path(target)
    try:
        _make_folder(target.parent)
        temporary.write_bytes(data)
        _flush_to_disk(temporary)
        _rename_exclusively(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        raise write_error(error, target) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return True


def prove_writable(folder: Path, names: Iterable[str] = (), needed_bytes: int = 0) -> None:
    """OutputError unless files called `names` can be made in `folder` and `needed_bytes` fit there.

    The folder need not exist; nothing is left behind.
    """
    probe = folder / f"probe.{os.urandom(4).hex()}"
    with _briefly_made(folder):
        for target in (probe, *(folder / name for name in names)):
            # The temporary name is the longest one that will be asked for.
            temporary = part_path(target)
            try:
                temporary.write_bytes(b"")
                temporary.unlink()
            except OSError as error:
                # Nobody knows the probe by its name.
                raise write_error(error, folder if target is probe else target) from error
        free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise OutputError(
            f"{folder} has {free / 1e6:.0f} MB free and this job needs {needed_bytes / 1e6:.0f} MB",
            "free some space or choose another folder with -o or --output-dir",
            code="disk_full",
        )


def write_error(error: OSError, target: Path) -> OutputError:
    """The OutputError that tells a person what `error` means for `target`."""
    if error.errno in _FULL:
        return OutputError(
            f"the disk of {target} is full",
            "free some space or choose another folder with -o or --output-dir",
            code="disk_full",
        )
    if isinstance(error, FileExistsError):
        return OutputError(
            f"{target} already exists", "choose another name or pass --force", code="exists"
        )
    reason = error.strerror or type(error).__name__
    return OutputError(
        f"cannot write {target}: {reason}", "choose another place with -o or --output-dir"
    )


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_exclusively(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise
    lock = target.with_name(f".{target.name}.lock")
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError as error:
        if target.exists():
            raise
        raise OSError(
            errno.EBUSY, f"another run is writing it (else delete {lock})", str(target)
        ) from error
    try:
        if target.exists():
            raise FileExistsError(errno.EEXIST, "File exists", str(target))
        os.replace(temporary, target)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            lock.unlink()


@contextmanager
def _briefly_made(folder: Path) -> Iterator[None]:
    """Make `folder` for this block; take away again what did not exist before."""
    missing = [path for path in (folder, *folder.parents) if not is_folder(path)]
    try:
        _make_folder(folder)
        yield
    except OSError as error:
        raise write_error(error, folder) from error
    finally:
        for path in missing:
            # Another run may have put something there meanwhile.
            with suppress(OSError):
                path.rmdir()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", str(folder)) from error


def _escape(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
