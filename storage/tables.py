"""Every table there is: the modules that define them, imported for that."""

from storage import (
    coalition_models,
    handover_models,
    key_models,
    kinds_models,
    people_models,
    running_models,
    shared_models,
    staff_models,
)
from storage.models import Base

__all__ = [
    "Base",
    "coalition_models",
    "handover_models",
    "key_models",
    "kinds_models",
    "people_models",
    "running_models",
    "shared_models",
    "staff_models",
]
