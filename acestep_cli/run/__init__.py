"""One request as one job: checkpoints, record, songs, files.

Every command that makes sound, a worker and later the server call `run_job`.
"""

from acestep_cli.run.job import Outcome, run_job
from acestep_cli.run.spec import RunSpec

__all__ = ["Outcome", "RunSpec", "run_job"]
