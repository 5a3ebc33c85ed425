"""base58btc, the one multibase encoding that keys and proofs of the fediverse use."""

from typing import Final

from federation.vocabulary import Malformed

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {character: value for value, character in enumerate(_ALPHABET)}


def encode(data: bytes) -> str:
    """Multibase base58btc: `z` and the digits."""
    number = int.from_bytes(data)
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "z" + "1" * zeros + "".join(reversed(digits))


def decode(text: object, *, size: int) -> bytes:
    """The `size` bytes that a multibase base58btc string stands for; anything else raises Malformed."""
    # Decoding costs the square of the length, and a stranger chooses it: nothing longer is looked at.
    if not isinstance(text, str) or len(text) > 2 + size * 1.4:
        raise Malformed("not a base58btc string of the right length")
    if not text.startswith("z"):
        raise Malformed("not base58btc")
    digits = text[1:]
    number = 0
    for character in digits:
        if (digit := _DIGITS.get(character)) is None:
            raise Malformed("not a base58 digit")
        number = number * 58 + digit
    zeros = len(digits) - len(digits.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)
    if len(data) != size:
        raise Malformed("base58btc of another size")
    return data
