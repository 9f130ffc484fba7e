"""What every answer of the monitor is made of: pydantic models that take fields they don't know yet, and keep them.

Words such as states are `str`, not enumerations, so that a monitor newer than this package can say a new one.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An answer. Fields that this version doesn't know are kept: `job.new_field`, `job.model_extra`."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


class Document(Model):
    """An answer that shows a part of the journal's state."""

    #: The last journal segment that changed what this shows; as `min_seq` it asks any instance for no less.
    as_of_seq: int
