"""Every table there is: the modules that define them, imported for that.

Whoever looks through all of them takes `Base` from here: some are mapped by nobody else before they are
needed.
"""

from storage import (
    coalition_models,
    cosigner_models,
    handover_models,
    key_models,
    kinds_models,
    moderation_models,
    partner_models,
    people_models,
    running_models,
    shared_models,
    staff_models,
)
from storage.models import Base

__all__ = [
    "Base",
    "coalition_models",
    "cosigner_models",
    "handover_models",
    "key_models",
    "kinds_models",
    "moderation_models",
    "partner_models",
    "people_models",
    "running_models",
    "shared_models",
    "staff_models",
]
