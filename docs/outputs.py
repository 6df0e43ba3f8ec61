"""What the Python on a page prints, put below it while the site is built."""

import ast
import contextlib
import io
import os
import re
import tempfile
import traceback
from pathlib import Path

import numpy as np
import pandas as pd

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# what is drawn, or returned for the next call, says nothing in words
SILENT = ("matplotlib", "skmixed.inspection")
MOST_LINES = 40


def shown(text):
    """Block of what was printed; its end is left out where it is long."""
    lines = text.rstrip().splitlines()
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], "..."]
    return "\n".join(["```{code-block} text", ":class: output", "", *lines, "```"])


def is_silent(value):
    """Whether a value is not shown: a notebook would draw it, or show nothing."""
    known = hasattr(value, "get_params") or callable(value)
    return value is None or known or type(value).__module__.startswith(SILENT)


def run(statement, names, page):
    """Run one statement as a notebook would, and return what is to be seen of it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        if isinstance(statement, ast.Expr):
            tree = ast.Expression(statement.value)
            value = eval(compile(tree, page, "eval"), names)
            if not is_silent(value):
                print(value if isinstance(value, str) else repr(value))
        else:
            tree = ast.Module([statement], type_ignores=[])
            exec(compile(tree, page, "exec"), names)
    return said.getvalue()


def cells(block, names, page):
    """Run a block, and cut it after each statement of which something is to be seen."""
    lines, begin = block.splitlines(), 0
    for statement in ast.parse(block).body:
        said = run(statement, names, page)
        if said.strip():
            yield lines[begin : statement.end_lineno], said
            begin = statement.end_lineno
    if "".join(lines[begin:]).strip():
        yield lines[begin:], ""


def with_outputs(text, page):
    """Page with what each of its blocks prints below the block.

    Parameters
    ----------
    text : str
        Markdown.
    page : str
        Name for tracebacks.

    Returns
    -------
    str
    """
    names = {"__name__": page}

    def extend(found):
        parts = []
        for lines, said in cells(found[1], names, page):
            code = "\n".join(lines).strip("\n")
            parts.append(f"```python\n{code}\n```")
            parts += [shown(said)] if said else []
        return "\n\n".join(parts)

    return BLOCK.sub(extend, text)


def source_read(app, page, source):
    """Run what stands on a Markdown page of the site; Sphinx calls this as it reads."""
    if Path(app.env.doc2path(page)).suffix != ".md" or "```python" not in source[0]:
        return
    from matplotlib import pyplot

    here = Path.cwd()
    options = pd.option_context("display.width", 80, "display.max_rows", 12)
    try:
        with tempfile.TemporaryDirectory() as folder, options:
            os.chdir(folder)
            with np.printoptions(precision=4, suppress=True, linewidth=80):
                source[0] = with_outputs(source[0], page)
    except Exception:
        raise RuntimeError(f"{page}: {traceback.format_exc()}") from None
    finally:
        os.chdir(here)
        pyplot.close("all")
