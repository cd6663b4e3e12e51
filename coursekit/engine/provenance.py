"""Which data sets this process has used: no result on made-up data, or on a part of a set that a
package ships, may ever be kept as one on the set."""

STANDIN = " stand-in ("  # in the source of every stand-in
PART = " ships them"  # in the source of every part of a set that a package ships
USED: dict[str, str] = {}  # the source of each set, by the set's name


def note(name: str, loaded, source: str) -> None:
    """Remember the source of a set, or of its first part; ``source`` is for what names none."""
    first = loaded[0] if isinstance(loaded, tuple) else loaded
    USED[name] = str(getattr(first, "source", source))


def made_up(sources) -> list[str]:
    """Those of the sources that are stand-ins."""
    return [source for source in sources if STANDIN in source]


def not_the_set(sources) -> list[str]:
    """Those of the sources that are stand-ins, or parts that a package ships."""
    return [source for source in sources if STANDIN in source or PART in source]
