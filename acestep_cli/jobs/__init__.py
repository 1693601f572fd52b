"""Jobs as files: their ids and the record that says how far each one came."""

from acestep_cli.jobs.ids import is_job_id, new_job_id
from acestep_cli.jobs.record import SCHEMA, JobRecord, Parts

__all__ = ["SCHEMA", "JobRecord", "Parts", "is_job_id", "new_job_id"]
