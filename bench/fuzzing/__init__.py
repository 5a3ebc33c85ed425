"""Inputs that nobody means well with: for the parsers, and for the whole application over HTTP."""
