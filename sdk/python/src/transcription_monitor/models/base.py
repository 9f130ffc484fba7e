"""Base classes of all results: pydantic models that keep fields they don't know.

Words such as states are `str`, not enumerations, so that a newer monitor may send new ones. A field that an older or a
newer monitor does not send is None, 0 or empty. Required are only those by which one thing differs from another, and
those whose absence must not be taken for an empty result: leases that are not renewed, a transcript without segments.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A result. Fields unknown to this version are kept: `job.new_field`, `job.model_extra`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


class Document(Model):
    """A result that shows a part of the journal's state."""

    #: The last journal segment that changed this document; as `min_seq` it makes any instance return at least this
    #: state.
    as_of_seq: int = 0
