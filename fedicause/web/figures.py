"""What a campaign's count is called, and how it is said in one line."""

from typing import Final

from fedicause.web import translations
from fedicause.web.views import Progress

_EXACT: Final = 1000
_KINDS: Final = {
    "petition": "Petition",
    "open-letter": "Open letter",
    "message": "Message",
    "pledge": "Pledge",
}


def kind(language: str, name: str) -> str:
    return translations.gettext(language, _KINDS.get(name, "Consultation"))


def noun(language: str, progress: Progress) -> str:
    """What is counted: the words of `parts/noun.html`."""
    if progress.sort == "both":
        return translations.gettext(language, "signatures and endorsements")
    if progress.sort == "signatures":
        return translations.ngettext(language, "signature", "signatures", progress.total)
    return translations.ngettext(language, "endorsement", "endorsements", progress.total)


def counted(language: str, progress: Progress) -> str:
    """`12,431 signatures`; nothing where nobody told us the count."""
    if not progress.is_known:
        return ""
    return f"{translations.number(language, progress.total)} {noun(language, progress)}"


def about(language: str, total: int) -> str:
    """The number with three digits that say something, rounded down: `12,400+`."""
    step: int = max(10 ** (len(str(total)) - 3), 1)
    if total < _EXACT or total % step == 0:
        return translations.number(language, total)
    return f"{translations.number(language, total - total % step)}+"


def towards(language: str, progress: Progress) -> str:
    """How far it is, in the words of `parts/progress.html`; nothing where there is nowhere to go."""
    if not progress.is_known or not progress.target:
        return ""

    def said(text: str, **values: int) -> str:
        return translations.gettext(language, text) % {
            name: translations.number(language, value) for name, value in values.items()
        }

    percent = translations.percent(language, progress.percent_of_target)
    if progress.reached:
        return said("goal of %(goal)s reached", goal=progress.target)
    if progress.target == progress.goal:
        return f"{percent} {said('of the goal of %(goal)s', goal=progress.target)}"
    return f"{percent} {said('of the next step: %(step)s', step=progress.target)}"
