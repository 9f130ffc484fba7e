"""Sources: systems without a server that tell of jobs which run elsewhere."""

from __future__ import annotations

from pydantic import AwareDatetime

from .base import Model


class RefusedSighting(Model):
    job_id: str
    #: `job_of_this_queue`: the monitor has it from its own workers.
    code: str
    detail: str


class SightingsAnswer(Model):
    #: Jobs of which something new was told.
    taken: int
    #: Jobs of which all of it was known.
    known: int
    #: Jobs that were left as they are.
    refused: list[RefusedSighting]


class UnreadableSighting(Model):
    #: A line's number, a key, a row's id.
    where: str
    why: str


class SourceProblem(Model):
    message: str
    #: What mends it.
    hint: str | None


class FollowedSource(Model):
    #: Its URL, without what is secret in it.
    name: str
    #: STARTING: not yet read. FOLLOWING. FAILING: the last reading failed; it is tried again.
    state: str
    last_read_at: AwareDatetime | None
    #: Since the monitor started: times that something new was told, jobs left as they are, and lines, files, rows or
    #: messages looked at.
    jobs_taken: int
    jobs_refused: int
    looked_at: int
    #: Those that tell of no job as they should; the first ten of them.
    unreadable_count: int
    unreadable: list[UnreadableSighting]
    problem: SourceProblem | None
