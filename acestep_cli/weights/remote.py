"""What a hub holds of a checkpoint, asked through the hub's own client; and its answers in words.

Knows nothing about where files go. The client reads the environment when it is imported, so that
everything it may have read too early is handed to it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from acestep_cli import __version__
from acestep_cli.errors import CheckpointError, NetworkError
from acestep_cli.weights.catalog import Entry
from acestep_cli.weights.needed import needed_names

T = TypeVar("T")

PUBLIC_HUB = "https://huggingface.co"
TRIES = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_TOKENS = ("HF_TOKEN", "HUGGINGFACE_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_TRUE = frozenset(("1", "ON", "YES", "TRUE"))
_NOT_ALLOWED, _NOT_FOUND, _TOO_MANY = (401, 403), 404, 429
_PASSING = frozenset((408, _TOO_MANY, 500, 502, 503, 504))
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")
# What may become the name of a file or folder here, whoever sent it.
_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a checkpoint: its `name` in the checkpoint's folder, its `path` in the
    repository, its size in bytes.

    `digest` is its SHA-256, or git's SHA-1 of a small file; `etag` names it in a hub cache.
    """

    name: str
    path: str
    size: int
    etag: str
    digest: str


@dataclass(frozen=True, slots=True)
class Remote:
    """A checkpoint as it stands on the hub: the commit, and the files that are needed of it, the
    config last."""

    entry: Entry
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def nbytes(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub and how to speak with it; without `token` the client uses one it has stored."""

    endpoint: str
    token: str | None = None
    offline: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Hub:
        """The hub of `HF_ENDPOINT`, with the token and the offline switch of the environment."""
        token = next((environ[name].strip() for name in _TOKENS if environ.get(name)), None)
        offline = environ.get("HF_HUB_OFFLINE") or environ.get("TRANSFORMERS_OFFLINE") or ""
        endpoint = environ.get("HF_ENDPOINT") or PUBLIC_HUB
        return cls(endpoint.rstrip("/"), token, offline.strip().upper() in _TRUE)

    def look_up(self, entry: Entry, revision: str | None = None) -> Remote:
        """What the hub holds of `entry` at `revision` (the entry's own, else `main`).

        NetworkError when the hub cannot be reached, refuses or does not know it; CheckpointError
        when what it holds is no complete checkpoint.
        """
        if self.offline:
            raise offline()
        api = self._api()
        wanted = revision or entry.revision or "main"
        info = self.asked(entry, lambda: api.model_info(entry.repo, revision=wanted))
        commit = str(info.sha)
        if not _SAFE.fullmatch(commit):
            raise _no_hub(f"{self.endpoint} calls {commit!r} a commit of {entry.repo}")
        listed = self.asked(
            entry, lambda: list(api.list_repo_tree(entry.repo, recursive=True, revision=commit))
        )
        found = {}
        prefix = f"{entry.folder}/" if entry.folder else ""
        for item in listed:
            name = item.path.removeprefix(prefix)
            if hasattr(item, "size") and item.path.startswith(prefix) and "/" not in name:
                found[name] = item
        names, lacks = needed_names(found, entry.kind)
        if lacks:
            raise CheckpointError(
                f"{entry.repo} holds no complete {entry.name} at {wanted}: "
                f"it lacks {', '.join(lacks)}",
                "name another --revision",
                code="checkpoint_incomplete",
            )
        files = tuple(self._file(api, entry, commit, name, found[name]) for name in names)
        return Remote(entry, wanted, commit, files)

    @contextmanager
    def stream(self, remote: Remote, file: RemoteFile, start: int) -> Iterator[Any]:
        """The answer to asking for `file` from byte `start` on: an open response of the client."""
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.utils import get_session, hf_raise_for_status

        url = hf_hub_url(
            remote.entry.repo, file.path, revision=remote.commit, endpoint=self.endpoint
        )
        headers = {**self._headers(), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        session, timeout = get_session(), constants.HF_HUB_DOWNLOAD_TIMEOUT
        with session.stream(
            "GET", url, headers=headers, timeout=timeout, follow_redirects=True
        ) as response:
            hf_raise_for_status(response)
            yield response

    def asked(self, entry: Entry, question: Callable[[], T]) -> T:
        """The answer to `question`, asked again a few times where the trouble may pass."""
        for attempt in range(1, TRIES):
            try:
                return question()
            except failures() as error:
                if not is_passing(error):
                    raise told(error, entry, self) from error
                time.sleep(pause(attempt, error))
        try:
            return question()
        except failures() as error:
            raise told(error, entry, self) from error

    def _api(self) -> Any:
        from huggingface_hub import HfApi

        return HfApi(
            endpoint=self.endpoint,
            token=self.token,
            library_name="acestep",
            library_version=__version__,
        )

    def _headers(self) -> dict[str, str]:
        from huggingface_hub.utils import build_hf_headers

        headers: dict[str, str] = build_hf_headers(
            token=self.token, library_name="acestep", library_version=__version__
        )
        return headers

    def _file(self, api: Any, entry: Entry, commit: str, name: str, item: Any) -> RemoteFile:
        """The etag is asked for: it is how other programs name the file in the cache."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(entry.repo, item.path, revision=commit, endpoint=self.endpoint)
        etag = self.asked(entry, lambda: api.get_hf_file_metadata(url=url)).etag or ""
        sha256 = item.lfs.sha256 if item.lfs is not None else ""
        digest = next((word for word in (sha256, etag) if _SHA256.fullmatch(word)), etag)
        if not is_digest(digest):
            raise _no_hub(f"{self.endpoint} gives no hash of {item.path} in {entry.repo}")
        safe = etag if _SAFE.fullmatch(etag) else digest
        return RemoteFile(name, item.path, int(item.size), safe, digest)


def new_hash(digest: str, size: int) -> hashlib._Hash:
    """The hash that a file of `size` bytes with this `digest` is checked by."""
    if _SHA256.fullmatch(digest):
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def is_digest(word: str) -> bool:
    """Whether `word` is a hash that files can be checked by."""
    return bool(_SHA256.fullmatch(word) or _GIT_SHA1.fullmatch(word))


def failures() -> tuple[type[BaseException], ...]:
    """What the client raises where the network or the hub fails."""
    from huggingface_hub.errors import FileMetadataError, HTTPError, OfflineModeIsEnabled

    return (HTTPError, OfflineModeIsEnabled, FileMetadataError)


def is_passing(error: BaseException) -> bool:
    """Whether it may help to ask again: a busy hub, a connection that broke."""
    status = _status(error)
    if status is not None:
        return status in _PASSING
    from huggingface_hub.errors import HTTPError

    return isinstance(error, HTTPError)


def pause(attempt: int, error: BaseException | None = None) -> float:
    """Seconds to wait after the `attempt`-th failure in a row (1, 2, ...); what the hub asks for,
    within reason, comes first."""
    asked = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    if asked.isascii() and asked.isdigit():
        return min(float(asked), _LONGEST_PAUSE)
    return min(_FIRST_PAUSE * 2.0 ** (attempt - 1), _LONGEST_PAUSE)


def told(error: BaseException, entry: Entry, hub: Hub) -> NetworkError:
    """`error` in a sentence, with what can be done about it."""
    status = _status(error)
    if status is None:
        if type(error).__name__ == "OfflineModeIsEnabled":
            return offline()
        words = str(error).strip().splitlines()
        return NetworkError(
            f"{hub.endpoint} cannot be reached: {words[0] if words else type(error).__name__}",
            "check the connection and HF_ENDPOINT, then run the same command again; what was "
            "fetched is kept",
            code="unreachable",
        )
    where = f"{entry.repo} on {hub.endpoint}"
    if status in _NOT_ALLOWED:
        return NetworkError(
            f"{where} may not be read (status {status})",
            "set HF_TOKEN to a token that may read it, or look whether its terms must be accepted",
            code="not_allowed",
        )
    if status == _NOT_FOUND:
        return NetworkError(
            f"{where} does not have what is asked for ({_missing(error)} not found)",
            "check the name and --revision",
            code="not_found",
        )
    if status == _TOO_MANY:
        return NetworkError(
            f"{hub.endpoint} refuses more requests for now (status 429)",
            "wait some minutes and run the same command again; a token in HF_TOKEN allows more",
            code="too_many_requests",
        )
    return NetworkError(
        f"{hub.endpoint} failed (status {status})",
        "try again later; what was fetched is kept",
        code="hub_failed",
    )


def offline() -> NetworkError:
    """Nothing can be fetched while the network is switched off."""
    return NetworkError(
        "HF_HUB_OFFLINE is set: nothing can be fetched",
        "unset HF_HUB_OFFLINE, or copy the checkpoint's folder from another machine",
        code="offline",
    )


def _no_hub(message: str) -> NetworkError:
    return NetworkError(
        message, "check HF_ENDPOINT: it must be a Hugging Face hub or a mirror", code="no_hub"
    )


def _status(error: BaseException) -> int | None:
    code = getattr(getattr(error, "response", None), "status_code", None)
    return code if isinstance(code, int) else None


def _missing(error: BaseException) -> str:
    name = type(error).__name__
    found = {"RevisionNotFoundError": "revision", "RemoteEntryNotFoundError": "file"}
    return found.get(name, "repository")
