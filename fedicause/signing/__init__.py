"""Somebody signs: the form, the letter that answers it, and what follows once it is confirmed."""
