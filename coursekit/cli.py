"""The command ``coursekit``: one table of commands, and how errors come back.

A command is a module with ``EXAMPLES`` (the text below its help), ``add_arguments(parser)`` and
``main(options) -> int`` (the exit code). Only that of the command that is asked for is imported.
"""

import argparse
import os
import sys
from importlib import import_module

from .course import CommandError, told
from .engine.console import can_print, say, show_all_signs
from .engine.files import NotText

# name: module, what it does
COMMANDS = {
    "run": ("classroom.run", "execute notebooks from top to bottom and make a page of each"),
    "lint": ("classroom.lint", "check that notebooks are in order"),
    "recorded": ("classroom.recorded", "show what runs have measured, and bring tables up to date"),
    "repo": ("classroom.repo", "write the repository's address into the whole course"),
    "release": ("classroom.release", "make copies of the notebooks for students"),
    "answers": ("handin.unanswered", "say which questions of a notebook are answered"),
    "collect": ("handin.collect", "put the answers of many students side by side"),
    "data": ("classroom.datasets", "list, download, check and hand on the data sets"),
    "doctor": ("classroom.doctor", "say what works on this machine, and what to do about the rest"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 2 bad arguments, 130 Ctrl-C, 141 a closed pipe."""
    show_all_signs()
    # an older debugger, which Jupyter's kernel imports, else warns of what only a debugger meets
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    words = sys.argv[1:] if arguments is None else arguments
    asked = next((word for word in words if not word.startswith("-")), "")
    try:
        options = _parser(asked).parse_args(words)
        code = options.main(options)
        if can_print(sys.stdout):
            sys.stdout.flush()
        return code
    except (CommandError, NotText) as error:
        say(f"coursekit {asked}: {error}", error=True)
        return 2
    except ModuleNotFoundError as error:  # Colab and a plain pip install leave out the extras
        way_out = "coursekit doctor says how to install it"
        say(f"coursekit {asked}: {error.name} is missing, which it needs: {way_out}", error=True)
        return 2
    except BrokenPipeError:  # "| head" has read enough; what is left would fail when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        say(f"coursekit {asked}: {told(error, 'a file')}", error=True)
        return 2
    except KeyboardInterrupt:
        say(f"\ncoursekit {asked}: stopped", error=True)
        return 130


def _parser(asked: str) -> argparse.ArgumentParser:
    """The whole command line, with the arguments of the command that is asked for."""
    parser = argparse.ArgumentParser("coursekit", description="What teachers and maintainers need.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == asked:
            room = import_module(f".{module}", __package__)
            command.description, command.epilog = f"{text[0].upper()}{text[1:]}.", room.EXAMPLES
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            command.set_defaults(main=room.main)
            room.add_arguments(command)
    return parser
