"""The interview at a terminal: questions on stderr, lines from stdin, until the advice is asked for."""

from __future__ import annotations

import sys

import typer

from sizer.decision.interview import start, step
from sizer.decision.signals import Given

__all__ = ["ask"]


def ask(given: Given) -> Given:
    """What the user says, question by question, over what was given already. Raises typer.Abort on leaving."""
    from sizer.render.terminal import console
    from sizer.render.views.interview import prompt_text, show, show_start

    screen = console(stderr=True)
    state = start(given)
    show_start(screen)
    while state.phase not in ("done", "left"):
        show(state, screen)
        sys.stderr.write(prompt_text(state))
        sys.stderr.flush()
        line = sys.stdin.readline()
        state = step(state, line if line else None)
        if not line:
            sys.stderr.write("\n")
    if state.phase == "left":
        raise typer.Abort
    sys.stderr.write("\n")
    return state.given
