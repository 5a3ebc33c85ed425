"""That there is nothing where somebody looks."""


class Missing(Exception):
    """There is no such page."""


class Gone(Exception):
    """There was such a page; the organisation deleted it."""
