"""One request as one job: checkpoints, record, songs, files.

Every command that makes sound, a worker and later the server call `run_job`.
"""

from acestep_cli.run.job import Outcome, RunSpec, run_job

__all__ = ["Outcome", "RunSpec", "run_job"]
