"""A notebook of the course with two questions, small enough to see what each edit does."""

from coursekit.handin.question_ids import PLACEHOLDER

LINE = "**Answer w1-q1**"


def cell(text, kind="markdown", **more):
    return {"cell_type": kind, "metadata": {}, "source": text, **more}


def answer(question, text=PLACEHOLDER, **more):
    return cell(
        f"**Answer {question}**\n\n{text}",
        metadata={"tags": ["answer"], "coursekit": {"answer": question}},
        **more,
    )


def course():
    """Two questions, code before and between them, a heading behind each."""
    made = [
        cell("# Week 1"),
        cell("x = 1\ny = 2\nprint(x, y)", "code"),
        cell(
            "### Question w1-q1\n\nWhy does the first network stop to learn?",
            metadata={"tags": ["question"]},
        ),
        answer("w1-q1"),
        cell("ck.check('w1-q1', ...)", "code"),
        cell("Some words that lead on to what comes after them."),
        cell("## Next part\n\nWhat comes now needs a longer sentence."),
        cell("z = 3\nprint(z)", "code"),
        cell(
            "### Question w1-q2\n\nAnd why does the second network go on learning?",
            metadata={"tags": ["question"]},
        ),
        answer("w1-q2"),
        cell("## Hand in\n\nSave."),
    ]
    for position, one in enumerate(made, 1):
        one["id"] = f"cell-{position:02}"
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}


FIRST, SECOND = 3, 9  # the answer cells


def put(notebook, i, text, **more):
    notebook["cells"].insert(i, cell(text, **more))
