"""The tree of errors that reach a person: a stable code, an exit status, a sentence and a remedy.

Nothing here prints or exits; `cli.main` turns an `AceStepError` into words and a status.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit statuses; documented in the README and never renumbered."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CHECKPOINT = 3
    DEVICE = 4
    INPUT = 5
    OUTPUT = 6
    NETWORK = 7
    PARTIAL = 8
    UNUSABLE = 9
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


class AceStepError(Exception):
    """Base of all errors a person can act on.

    `message` is one sentence naming the value and the limit; `hint` names the remedy (may be
    empty); `code` is a stable word for programs; `exit_code` is the process status.
    """

    code = "internal"
    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def as_dict(self) -> dict[str, str | None]:
        """The `error` object of records and of `--json`: code, message, hint (null when empty)."""
        return {"code": self.code, "message": self.message, "hint": self.hint or None}


class UsageError(AceStepError):
    """A flag, a parameter or a setting that cannot be meant (exit 2)."""

    code = "usage"
    exit_code = ExitCode.USAGE


class SettingsError(UsageError):
    """A settings file or environment variable with an unknown key or a bad value (exit 2)."""

    code = "settings"


class CheckpointError(AceStepError):
    """A checkpoint that is missing, incomplete, corrupt or unfit for the task (exit 3)."""

    code = "checkpoint_unusable"
    exit_code = ExitCode.CHECKPOINT


class CheckpointMissing(CheckpointError):
    """No checkpoint where one is needed (exit 3)."""

    code = "checkpoint_missing"


class DeviceError(AceStepError):
    """A device that is absent or cannot do what is asked (exit 4)."""

    code = "device"
    exit_code = ExitCode.DEVICE


class OutOfMemory(DeviceError):
    """Not enough memory for the request (exit 4)."""

    code = "out_of_memory"


class InputError(AceStepError):
    """Audio, lyrics or codes that cannot be read or used (exit 5)."""

    code = "bad_input"
    exit_code = ExitCode.INPUT


class OutputError(AceStepError):
    """A folder, file or disk that cannot take the result (exit 6)."""

    code = "cannot_write"
    exit_code = ExitCode.OUTPUT


class NetworkError(AceStepError):
    """A download that failed (exit 7)."""

    code = "network"
    exit_code = ExitCode.NETWORK


class PartialFailure(AceStepError):
    """Some items of a batch failed (exit 8)."""

    code = "partial"
    exit_code = ExitCode.PARTIAL


class UnusableResult(AceStepError):
    """The result is not finite or is silent (exit 9)."""

    code = "unusable_result"
    exit_code = ExitCode.UNUSABLE


class Cancelled(AceStepError):
    """The run was stopped by a signal; the status is 128 plus the signal's number (130 or 143)."""

    code = "cancelled"

    def __init__(self, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__("cancelled")
        self.exit_code = exit_code
