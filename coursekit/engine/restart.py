"""What differs from process to process although nobody has changed anything."""

import re

# cloudpickle gives each class and type variable a number of 32 digits, others in each process.
_NUMBER = re.compile("[0-9a-f]{32}")


def without_numbers(arguments: tuple) -> list:
    """What cloudpickle's constructors are called with, the same in every process."""
    return [x for x in arguments if not (isinstance(x, str) and _NUMBER.fullmatch(x))]


def without_counters(key, value):
    """An entry of a dict, the same in every process: without an address that it is kept under, and
    without the numbers of torch's hooks."""
    if type(key) is int and key == id(value):
        return value
    hooks = isinstance(key, str) and "_hooks" in key and isinstance(value, dict)
    return key, [*value.values()] if hooks and value else value
