"""Sources: systems without a server that report jobs running elsewhere."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Model


class RefusedSighting(Model):
    job_id: str = ""
    #: `job_of_this_queue`: the job belongs to this monitor's queue.
    code: str = ""
    detail: str = ""


class SightingsAnswer(Model):
    #: Jobs with new information.
    taken: int = 0
    #: Jobs without new information.
    known: int = 0
    #: Jobs that were left unchanged.
    refused: list[RefusedSighting] = Field(default_factory=list)


class UnreadableSighting(Model):
    #: A line number, a key or a row's id.
    where: str = ""
    why: str = ""


class SourceProblem(Model):
    message: str = ""
    #: How to fix it.
    hint: str | None = None


class FollowedSource(Model):
    #: Its URL, without secrets.
    name: str = ""
    #: STARTING: not read yet. FOLLOWING. FAILING: the last read failed and will be retried.
    state: str = ""
    last_read_at: AwareDatetime | None = None
    #: Since the monitor started: jobs of which it had news, jobs left unchanged, and lines, files, rows or messages
    #: looked at.
    jobs_taken: int = 0
    jobs_refused: int = 0
    looked_at: int = 0
    #: Of these, reports about jobs.
    found_count: int = 0
    #: Of these, those that could not be read as a report and still can't; the first ten of them.
    unreadable_count: int = 0
    unreadable: list[UnreadableSighting] = Field(default_factory=list)
    #: What else there is to know about what was read.
    notes: list[str] = Field(default_factory=list)
    problem: SourceProblem | None = None
