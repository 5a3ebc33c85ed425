"""A counter for other people's pages: one line, drawn with the letters that the reader's system has."""

from typing import Final

from markupsafe import escape

from fedicause.web import art

HEIGHT: Final = 32
_STAR: Final = 34
_PADDING: Final = 11
_NUMBER: Final = 16
_WORDS: Final = 14
# Parts of the size of a letter in common sans-serif fonts; the text is then fitted to what was reckoned.
_WIDTHS: Final = {
    "ijl|!.,:;'’": 0.28,
    "frtI()[]-/ \u202f\u00a0": 0.36,
    "mwMW%@": 0.88,
    "ABCDEFGHKNOQRUVXYZ": 0.69,
}
_USUAL: Final = 0.565
_BOLD: Final = 1.09


def svg(number: str, words: str, *, title: str) -> bytes:
    """`number` may be empty; `title` is said to who can't see it."""
    number_width = round(_width(number, _NUMBER) * _BOLD)
    words_width = round(_width(words, _WORDS))
    gap = 6 if number else 0
    width = _STAR + _PADDING + number_width + gap + words_width + _PADDING + 2
    # XML has no word for most control characters, and there is nothing to see of them.
    shown = "".join(letter for letter in title if letter.isprintable())
    said = escape(": ".join(part for part in (shown, f"{number} {words}".strip()) if part))
    at = _STAR + _PADDING
    texts = ""
    if number:
        texts = (
            f'<text class="n" x="{at}" y="21.5" textLength="{number_width}" '
            f'lengthAdjust="spacingAndGlyphs">{escape(number)}</text>'
        )
    texts += (
        f'<text x="{at + number_width + gap}" y="21" textLength="{words_width}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
        f'viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{said}"><title>{said}</title>'
        f"<style>text{{font:500 {_WORDS}px system-ui,'Segoe UI',Verdana,'DejaVu Sans',sans-serif}}"
        "text{fill:#24103a}"
        f".n{{font-weight:700;font-size:{_NUMBER}px}}.s{{fill:#fffdfb}}.l{{fill:none;stroke:#8a7b9e}}"
        "@media(prefers-color-scheme:dark){text{fill:#f7f1ff}.s{fill:#22152f}}</style>"
        f'<clipPath id="c"><rect width="{width}" height="{HEIGHT}" rx="8"/></clipPath>'
        f'<g clip-path="url(#c)"><path class="s" d="M0 0h{width}v{HEIGHT}H0z"/>'
        f'<path fill="#ffc53d" d="M0 0h{_STAR}v{HEIGHT}H0z"/>'
        f'<path fill="#24103a" transform="translate(6 5) scale(.22)" d="{art.STAR}"/></g>'
        f'<rect class="l" x=".5" y=".5" width="{width - 1}" height="{HEIGHT - 1}" rx="7.5"/>{texts}</svg>'
    ).encode()


def _width(text: str, size: int) -> float:
    return size * sum(
        next((width for letters, width in _WIDTHS.items() if letter in letters), _USUAL) for letter in text
    )
