"""The command line ``coursekit``: what can be asked, and how answers and errors come back."""

import argparse
import os
import sys

from .course import CommandError

SCALES = ("smoke", "laptop", "full")  # those of coursekit.lab, whose import would cost seconds

RUN_EXAMPLES = """\
examples:
  coursekit run                            every notebook at scale smoke, on made-up data, in minutes
  coursekit run week1                      those with week1 in their names
  coursekit run week2_cifar10_lenet --scale laptop
                                           one of them on real data
  coursekit run --scale full --timeout 7200 --inplace
                                           refresh the outputs that are kept in notebooks/

The executed copies and a page for each are written to build/; begin with build/index.html.
A notebook that fails does not stop the others. Exit code: 0 all passed, 1 one failed, 2 wrong arguments.
"""
LINT_EXAMPLES = """\
examples:
  coursekit lint                           every notebook
  coursekit lint week2                     those with week2 in their names
  coursekit lint draft/week6_vit.ipynb     one file

Each finding says where it is, what is wrong and what to do. Exit code: 0 none, 1 findings, 2 wrong arguments.
"""
REPO_EXAMPLES = """\
examples:
  coursekit repo                           the address that git's origin has
  coursekit repo ada/cnn-course            this one

The address goes into pyproject.toml, the notebooks' badges and set-up cells, and the README.
"""
RELEASE_EXAMPLES = """\
examples:
  coursekit release -o students            every notebook, without discussions and outputs
  coursekit release week1 -o students --discussion
                                           after the deadline: with the discussions
  coursekit release -o ../class --outputs  with what the cells gave in the source

Copies inside the repository get a Colab badge of their own; elsewhere the badge is taken away. Answers that students have
written are never overwritten unasked: choose an empty folder, or --force.
"""
ANSWERS_EXAMPLES = """\
examples:
  coursekit answers week1.ipynb            which questions are answered, and what belongs to none
  coursekit answers handed-in/*.ipynb      of several notebooks
  coursekit answers week1.ipynb > /dev/null && echo complete

Exit code: 0 every question is answered, 1 some are not, 2 a file that cannot be read.
"""
COLLECT_EXAMPLES = """\
examples:
  coursekit collect handed-in -o report.html
                                           every notebook below a folder: all answers, question by question
  coursekit collect moodle.zip -o report.html
                                           an archive as a learning platform makes it; it is not unpacked
  coursekit collect group1 group2.zip -o answers.csv --force
                                           a row for each student and question, for a spreadsheet

Nothing that students hand in is executed. What cannot be read, or belongs to no question, is listed with where it was.
Exit code: 0 all files were read, 1 some could not be, 2 wrong arguments.
"""
DATA_EXAMPLES = """\
examples:
  coursekit data list                      what the data folder has of each data set
  coursekit data fetch mnist cifar10       download what is missing of these
  coursekit data verify                    compare every file with its known hash
  coursekit data pack -o room              a data folder for a room without network, from what is here

Only real data are packed. Exit code: 0 all went well, 1 a set is damaged or not to be had, 2 wrong arguments.
"""
DOCTOR_EXAMPLES = """\
example:
  coursekit doctor                         ok, note or PROBLEM for each thing, with what to do

The text names no user and no machine, and can be pasted into a bug report. Exit code: 0 no problem, 1 a problem.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code, which is 2 for arguments that make no sense and 130
    after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except CommandError as error:
        print(f"coursekit {options.name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\ncoursekit {options.name}: stopped", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    from . import run

    if (
        options.scale not in SCALES
    ):  # argparse checks what is typed, but not the default from COURSEKIT_SCALE
        raise CommandError(
            f"COURSEKIT_SCALE={options.scale} is not a scale: choose one of {', '.join(SCALES)}"
        )
    return run.run(
        options.notebooks,
        scale=options.scale,
        output=options.output,
        inplace=options.inplace,
        timeout=options.timeout,
    )


def _lint(options: argparse.Namespace) -> int:
    from . import lint

    return lint.run(options.paths)


def _repo(options: argparse.Namespace) -> int:
    from . import repo

    return repo.stamp(options.address)


def _release(options: argparse.Namespace) -> int:
    from . import release

    return release.run(
        options.notebooks,
        output=options.output,
        discussion=options.discussion,
        outputs=options.outputs,
        force=options.force,
    )


def _answers(options: argparse.Namespace) -> int:
    from . import answers

    return answers.run(options.notebooks)


def _collect(options: argparse.Namespace) -> int:
    from . import collect

    return collect.run(options.paths, options.output, options.force)


def _data(options: argparse.Namespace) -> int:
    from . import datasets

    if options.action == "pack":
        return datasets.pack(options.names, options.output, options.force)
    return {"list": datasets.list_sets, "fetch": datasets.fetch, "verify": datasets.verify}[
        options.action
    ](options.names)


def _doctor(_: argparse.Namespace) -> int:
    from . import doctor

    return doctor.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="coursekit", description="What the course's teachers and maintainers need."
    )
    commands = parser.add_subparsers(
        title="commands", dest="name", required=True, metavar="COMMAND"
    )

    def command(name: str, function, text: str, examples: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(command=function)
        return made

    run = command(
        "run", _run, "execute notebooks from top to bottom and make a page of each", RUN_EXAMPLES
    )
    run.add_argument(
        "notebooks",
        nargs="*",
        metavar="NOTEBOOK",
        help="a file, a folder or a part of a name (default: all)",
    )
    run.add_argument(
        "--scale",
        choices=SCALES,
        default=os.environ.get("COURSEKIT_SCALE") or "smoke",
        help="how much is computed (default: COURSEKIT_SCALE, or else smoke)",
    )
    run.add_argument(
        "--output", default="build", metavar="FOLDER", help="where the results go (default: build)"
    )
    run.add_argument(
        "--inplace",
        action="store_true",
        help="also put the outputs of those that passed into the notebooks",
    )
    run.add_argument(
        "--timeout",
        type=_seconds,
        default=1800,
        metavar="SECONDS",
        help="the longest that one cell may take (default: 1800, half an hour)",
    )

    lint = command("lint", _lint, "check that notebooks are in order", LINT_EXAMPLES)
    lint.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a file, a folder or a part of a name (default: all)",
    )

    repo = command(
        "repo", _repo, "write the repository's address into the whole course", REPO_EXAMPLES
    )
    repo.add_argument(
        "address",
        nargs="?",
        metavar="OWNER/NAME",
        help="as at GitHub (default: that of git's origin)",
    )

    release = command(
        "release", _release, "make copies of the notebooks for students", RELEASE_EXAMPLES
    )
    release.add_argument(
        "notebooks",
        nargs="*",
        metavar="NOTEBOOK",
        help="a file, a folder or a part of a name (default: all)",
    )
    release.add_argument(
        "-o", "--output", required=True, metavar="FOLDER", help="where the copies go"
    )
    release.add_argument(
        "--discussion",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="keep the discussions below the answers (default: leave them out)",
    )
    release.add_argument(
        "--outputs", action="store_true", help="keep what the cells gave in the source"
    )
    release.add_argument(
        "--force", action="store_true", help="replace files that are there and differ"
    )

    answers = command(
        "answers", _answers, "say which questions of a notebook are answered", ANSWERS_EXAMPLES
    )
    answers.add_argument(
        "notebooks", nargs="+", metavar="NOTEBOOK", help="a notebook file, anywhere"
    )

    collect = command(
        "collect", _collect, "put the answers of many students side by side", COLLECT_EXAMPLES
    )
    collect.add_argument(
        "paths",
        nargs="+",
        metavar="FOLDER|ZIP",
        help="what was handed in: folders, zip archives, notebooks",
    )
    collect.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="report.html or answers.csv"
    )
    collect.add_argument(
        "--force", action="store_true", help="replace the output file where it is there already"
    )

    data = command("data", _data, "list, download, check and hand on the data sets", DATA_EXAMPLES)
    actions = data.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("list", "what the data folder has of each set, with licence and weeks"),
        ("fetch", "download what is missing"),
        ("verify", "compare every file with its known hash"),
        ("pack", "make a data folder for a room without network"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument("names", nargs="*", metavar="NAME", help="a data set (default: all)")
    action.add_argument(
        "-o", "--output", required=True, metavar="FOLDER", help="where the copies go"
    )  # of pack, the last one
    action.add_argument(
        "--force", action="store_true", help="replace what the folder has of these sets"
    )

    command(
        "doctor",
        _doctor,
        "say what works on this machine, and what to do about what does not",
        DOCTOR_EXAMPLES,
    )
    return parser


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of seconds above zero")
    return int(text)
