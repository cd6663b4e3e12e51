"""Whose each hand-in is, as its path tells it: no two people become one, nobody becomes two.

Learning platforms write names into the paths. Elsewhere one of the folders is a person's, or the
file's name is; which of them, the whole class tells, for a person hands in a notebook once (or a
few times under one name), and a folder of many people has it under many names. Where that cannot
be told, people are kept apart, and a sentence for the teacher says so.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os.path import commonprefix
from unicodedata import category, normalize

from ..engine.text import count, printable

# What platforms write: Moodle, Brightspace, Blackboard (its name still has the assignment's).
_PLATFORMS = (
    re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_.*)?"),
    re.compile(
        r"(?P<id>\d+)-\d+ ?- (?P<name>.+?) - [^-]{0,20}(?<!\d)\d{4}(?!\d)[^-]{0,20}(?: - .+)?"
    ),
    re.compile(r"(?P<name>.+?)_attempt_(?P<id>)\d{4}(?:-\d\d){5}(?:[_.].*)?"),
)
_MOODLE, _BRIGHTSPACE, _BLACKBOARD = _PLATFORMS
# Canvas writes only signs that anybody may write; a date (hw_2026_11_25) is none of its names.
_CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?:LATE_)?(?!(?:19|20)\d\d_\d\d?_)"
    r"(?P<id>\d+|(?<=anon_)\w{5}|(?<=anon_LATE_)\w{5})_(?P<file>\d+)_.+"
)
_NOBODY = ("Participant", "anon")  # as Moodle and Canvas call people whose names they keep back
_NUMBER = r"[ _.-]{0,3}\d{1,2}"
_WEEK = rf"(?<![^\W_])w{_NUMBER}(?![^\W_])"  # may be a person's short name, too
_HAN = r"[\d一二三四五六七八九十]{1,3}"
# What a name says besides the person's: the week, the day, how often the file was copied.
_NO_PERSON = (
    r"(?<!\d)20\d{12}(?!\d)|(?<!\d)(?:19|20)\d\d(?P<dash>[-_. ])[01]?\d(?P=dash)[0-3]?\d(?!\d)"
    r"(?:[T _-]{1,3}\d\d?[-_.:h]\d\d(?:[-_.:]\d\d)?)?"
    rf"|(?<![^\W_])(?:week|wk|homework|hw|assignment|lab|exercise|ex|problem ?set|ps|task|part"
    rf"|module|version|v|semaine|woche|semana){_NUMBER}(?![^\W_])"
    r"|(?<![^\W_])(?:final|solutions?|answers?|(?:re)?submission|untitled\d{0,3})(?![^\W_])"
    rf"|第 ?{_HAN} ?(?:次作业|[周週次章节讲课])|(?:作业|实验|练习)(?:[ _-]*{_HAN})?"
    r"|(?:[ _-]{1,3}|(?<![^\W_]))(?:copy|kopie|copie|copia)(?: of| von| de)?[ _]?\d{0,3}(?![^\W_])"
    r"|的?副本"
)
_COPIES = re.compile(r"(?: ?\(\d{1,2}\)){1,3}$")
_SUFFIX = re.compile(r"(?i)(?:\.(?:ipynb|zip|json|txt)){1,3}$")
_OF_ALL = re.compile(  # folders that are there for everybody
    r"(?i)notebooks?|submi(?:ssions?|tted)|submission attachment\(s\)|handed[ _-]?in|code|src"
)


@dataclass
class _File:
    """One path: ``above`` are the names of its folders that may be a person's, ``own`` what its
    own name says; ``notebook`` which one it is, empty if that is not known."""

    parts: tuple[str, ...]
    notebook: str
    above: list[str] = field(default_factory=list)
    own: str = ""

    @cached_property
    def keys(self) -> list[str]:
        return [_key(name) for name in self.above]

    def tail(self, n: int) -> tuple[str, ...]:
        """What is left to tell people apart below the first ``n`` folders."""
        return (*self.keys[n:], *filter(None, [_key(self.own)]))


class Owners:
    """Whose the files at these paths are: ``names`` in their order, short ones that keep people
    apart, and ``doubts``, sentences about what could not be told.

    ``stems`` are the names of the course's notebooks, ``notebooks`` which of them each file is.
    """

    def __init__(
        self,
        paths: Sequence[tuple[str, ...]],
        stems: Iterable[str],
        notebooks: Sequence[str] = (),
    ):
        stems = list(stems)
        topics = {re.sub(r"^week\d+_", "", stem) for stem in stems}
        words = sorted({*stems, *(topic for topic in topics if len(topic) > 4)}, key=len)
        ours = ("[ _-]+".join(map(re.escape, word.split("_"))) for word in reversed(words))
        course = "|".join([*ours, _NO_PERSON])
        self.no_word = re.compile(course, re.IGNORECASE)
        self.no_person = re.compile(f"{course}|{_WEEK}", re.IGNORECASE)
        homes = [*notebooks, *[""] * len(paths)]
        files = [_File(parts, home) for parts, home in zip(paths, homes)]
        self.doubts: list[str] = []
        self.who: dict[tuple[str, ...], tuple[tuple[str, ...], str, str]] = {}
        self._platforms(files)
        self._others([file for file in files if file.parts not in self.who])
        self.names = self._named(files)
        self.below = defaultdict(set)
        for file, name in zip(files, self.names):
            for n in range(1, len(file.parts)):
                self.below[file.parts[:n]].add(name)

    def of_unused(self, parts: tuple[str, ...]) -> str:
        """Whose a file is that could not be read; empty if that cannot be told."""
        for n in range(len(parts) - 1, 0, -1):
            if len(names := self.below.get(parts[:n], ())) > 1:
                break
            if n > 1 and names:
                return next(iter(names))
        return listed(parts)

    # Platforms

    def _platforms(self, files: list[_File]) -> None:
        """Find the names that platforms wrote, at the first level of what was asked for at which
        most names are theirs; never below a folder that may be a person's."""
        found = []
        for level in range(4):
            files = [file for file in files if len(file.parts) > level]
            entries = {file.parts[: level + 1] for file in files}
            for pattern in (*_PLATFORMS, _CANVAS):
                theirs = {one: pattern.fullmatch(one[-1]) for one in entries}
                theirs = {one: match for one, match in theirs.items() if match}
                if 2 * len(theirs) > len(entries) and _credible(pattern, theirs):
                    found += self._of_platform(pattern, files, theirs, level + 1)
                    files = [file for file in files if file.parts[: level + 1] not in theirs]
                    break
            wide = Counter(one[:-1] for one in entries)
            files = [
                file
                for file in files
                if level == 0
                or wide[file.parts[:level]] == 1
                or file.parts[level].lower().endswith(".zip")
                or not self._label(file.parts[level])
            ]
        self._number(found)

    def _of_platform(self, pattern, files, theirs, n: int) -> list[tuple]:
        """File, place, name and number of each file in an entry of a platform."""
        names = {one: match["name"] for one, match in theirs.items()}
        if pattern is _BLACKBOARD:  # the assignment's name, and the person's behind it
            names = {one: self.no_person.sub("", name) or name for one, name in names.items()}
            begin = commonprefix([*names.values()])
            alone = len({*names.values()}) == 1
            cut = begin.rfind("_", 0, len(begin) - alone) + 1
            names = {one: name[cut:].strip("_ ") or name for one, name in names.items()}
        stable = pattern is not _MOODLE
        return [
            (file, (file.parts[: n - 1], stable), names[one], theirs[one]["id"])
            for file in files
            if (one := file.parts[:n]) in theirs
        ]

    def _number(self, found: list[tuple]) -> None:
        """Give each file its person; a number is added where one name has several people.

        Moodle counts anew for each assignment. So a name with two numbers is one person unless
        both are in one place, or in two with the same notebook.
        """
        homes = _main_notebooks((place, file.notebook) for file, place, _, _ in found)
        numbers = defaultdict(set)
        for _, (place, stable), name, number in found:
            home = "" if stable else homes[place, stable] or place
            numbers[_key(name), home].add(number)
        several = {name for (name, _), all in numbers.items() if len(all) > 1}
        for file, _, name, number in found:
            alike = _key(name) in several or name in _NOBODY
            shown = f"{name} ({number})" if alike else name
            self.who[file.parts] = (), _key(shown), shown

    # Folders and files

    def _label(self, name: str, file=False) -> str:
        """What in a name may be a person's."""
        name = _SUFFIX.sub("", _normal("NFC", name))
        if file:
            name = _COPIES.sub("", name)
        for pattern in (self.no_person, self.no_word) if file else (self.no_person,):
            parts = (part.strip(" _.,-+") for part in pattern.sub("\0", name).split("\0"))
            if label := " ".join(filter(None, parts)):
                break
        return "" if _OF_ALL.fullmatch(label) and not file else label

    def _others(self, files: list[_File]) -> None:
        """Find the names that people wrote."""
        if not files:
            return
        first = files[0].parts
        common = 0  # folders in which all is tell nothing
        while all(len(file.parts) > common + 1 for file in files) and (
            len({file.parts[common] for file in files}) == 1
        ):
            common += 1
        places = [(f, f.parts[: n + 1]) for f in files for n in range(common, len(f.parts) - 1)]
        homes = _main_notebooks((place, file.notebook) for file, place in places)
        for file in files:
            folders = [file.parts[: n + 1] for n in range(common, len(file.parts) - 1)]
            labels = (self._label(one[-1]) or _short(one[-1], homes[one]) for one in folders)
            file.above = [label for label in labels if label]
            own = self._label(file.parts[-1], file=True)
            file.own = "" if _key(own) in file.keys else own
        times = Counter(file.notebook for file in files)
        if common and len(files) > 1 and max(times.values()) == 1 and "" not in times:
            if not any(file.tail(0) for file in files) and self._label(first[common - 1]):
                name = self._label(first[common - 1])
                self.who |= {file.parts: ((), _key(name), name) for file in files}
                return
        self._decide(files, 0, common)

    def _decide(self, files: list[_File], n: int, common: int) -> None:
        """Whether the folders at place ``n`` are people's or hold many people."""
        folders, flat = defaultdict(list), []
        for file in files:
            (folders[tuple(file.keys[: n + 1])] if len(file.keys) > n else flat).append(file)
        crowded = [inside for inside in folders.values() if _crowded(inside, n + 1)]
        bare = sum(any(not file.tail(n + 1) for file in inside) for inside in folders.values())
        few = 3 * len(crowded) < len(folders)
        few |= 2 * len(crowded) < len(folders) <= 2 * bare
        names = _some({inside[0].above[n] for inside in crowded})
        if crowded and few:
            self.doubts.append(
                f"Each of these folders was taken for one person's, though it holds a notebook "
                f"under several names: {names}"
            )
        elif crowded and (2 * len(crowded) < len(folders) or bare):
            self.doubts.append(
                f"Each file in these folders was taken for another person's, for they hold a "
                f"notebook under several names: {names}"
            )
        if crowded and not few:
            self._decide([file for all in folders.values() for file in all], n + 1, common)
        else:
            for inside in folders.values():
                for file in inside:
                    context = tuple(file.above[:n])
                    self.who[file.parts] = context, file.keys[n], file.above[n]
        for file in flat:
            if file.own:
                self.who[file.parts] = tuple(file.above), _key(file.own), file.own
        self._nameless([file for file in flat if not file.own], common)

    def _nameless(self, files: list[_File], common: int) -> None:
        """Files whose path has no name are those of their folder, whatever it is called, unless it
        has a notebook twice; then each is taken for another person's."""
        places = defaultdict(list)
        for file in files:
            places[file.parts[common:-1]].append(file)
        apart = []
        for place, inside in places.items():
            if place and len({file.notebook for file in inside}) == len(inside):
                name = "/".join(_SUFFIX.sub("", part) for part in place)
                self.who |= {file.parts: (tuple(file.above), _key(name), name) for file in inside}
                continue
            for file in inside:
                name = "/".join(file.parts[common:])
                name = _SUFFIX.sub("", name) if len(file.parts) == 1 else name
                self.who[file.parts] = tuple(file.above), f"/{name}", name
                apart.append(file.parts[-1])
        if len(apart) > 1:
            self.doubts.append(
                f"{count(len(apart), 'file')} without a name of a person in the path, each taken "
                f"for another person's: {_some(apart)}"
            )

    # Names

    def _named(self, files: list[_File]) -> list[str]:
        """A name for each file's person, different for different people."""
        homes = _main_notebooks((self.who[file.parts][0], file.notebook) for file in files)
        contexts = defaultdict(set)
        for context, key, _ in self.who.values():
            contexts[key].add(tuple(map(_key, context)))
        twice = {key for key, all in contexts.items() if len(all) > 1}
        shared = {context for context, key, _ in self.who.values() if key in twice}
        mains = {tuple(map(_key, context)): homes[context] for context in shared}
        apart = len({*mains.values()} - {""}) < len(mains)
        if twice:
            told = "kept apart" if apart else "taken for the same people"
            places = _some("/".join(one) or "." for one in shared)
            self.doubts.append(f"The same names in several places were {told}: {places}")
        people, forms = [], defaultdict(set)
        for file in files:
            context, key, name = self.who[file.parts]
            people.append((tuple(map(_key, context)) if apart else (), key))
            crowd = apart and people[-1][0] in mains
            name = "/".join((*context, name)) if crowd else name
            forms[people[-1]].add(printable(_normal("NFC", name)))
        shown, taken = {}, Counter()
        for person, names in forms.items():
            name = min(names, key=lambda name: (len(name), name))
            taken[name] += 1  # never one name for two people
            shown[person] = name if taken[name] == 1 else f"{name} [{taken[name]}]"
        return [shown[person] for person in people]


def listed(parts: tuple[str, ...]) -> str:
    """The name that a platform wrote into the path; empty where there is none."""
    for i, part in enumerate(parts[1:], 1):
        for pattern in (_MOODLE, _BRIGHTSPACE, *([_CANVAS] if i == 1 else [])):
            if found := pattern.fullmatch(part):
                return printable(found["name"])
    return ""


def _short(name: str, notebook: str) -> str:
    """A folder's name like w2 if it is no week's, for what is in it is of others; else empty."""
    week = re.fullmatch(r"(?i)w0*(\d+)(?:\.zip)?", name)
    return name if week and not notebook.startswith(f"week{week[1]}_") else ""


def _some(names: Iterable[str]) -> str:
    """The first of these names, and how many there are beside them."""
    names = sorted({*map(printable, names)})
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _key(name: str) -> str:
    """A name as it is compared: whatever the system that wrote its letters, case and blanks."""
    name = "".join(sign for sign in _normal("NFKC", name) if category(sign) != "Cf")
    return " ".join(name.lower().replace("_", " ").split())


def _normal(form: str, name: str) -> str:
    """The name in one form of Unicode; a long one as it is, for that may take the square of its
    length."""
    return normalize(form, name) if len(name) < 1000 else name


def _credible(pattern: re.Pattern, theirs: dict) -> bool:
    """Whether a platform wrote these names, of which Canvas's might be anybody's."""
    if pattern is not _CANVAS or len(theirs) == 1:
        return True
    files = {match["file"] for match in theirs.values()}
    people = defaultdict(set)
    for one, match in theirs.items():
        people[one[:-1]].add((match["name"], match["id"] if match["name"] in _NOBODY else ""))
    return len(files) == len(theirs) and max(map(len, people.values())) > 1


def _crowded(files: list[_File], n: int) -> bool:
    """Whether one notebook (of the course, if some are) is there under several names."""
    names = defaultdict(set)
    for file in files:
        names[file.notebook].add(file.tail(n))
    if len(names) > 1:
        names.pop("", None)
    return any(len(all - {()}) > 1 for all in names.values())


def _main_notebooks(places: Iterable[tuple]) -> dict:
    """The notebook that most files of each place are; empty if none is."""
    counts = defaultdict(Counter)
    for place, notebook in places:
        counts[place][notebook] += 1
    main = {place: all.most_common(1)[0] for place, all in counts.items()}
    return {
        place: name if 2 * n > counts[place].total() else "" for place, (name, n) in main.items()
    }
