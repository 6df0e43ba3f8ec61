"""Generated formulas: each fits or is refused in the words of the user.

A thousand in the usual suite, two thousand others by ``-m slow``.

Of those that fit, the canonical text gives the same design again, and one row is
predicted as it is in a batch.
"""

import re
import traceback

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA

from skmixed.formula import DesignSpec, parse_formula
from skmixed.formula.text.functions import CODINGS, FUNCTIONS

N_FORMULAS, N_BLOCKS = 1000, 5
# Seeds of the formulas that are no part of the usual suite.
OTHER_SEEDS = range(20_000, 22_000)
N_ROWS = 40
# One in so many formulas is learnt a second time, from its canonical text.
LEARNT_AGAIN = 4
NUMBERS = ("x", "z", "w", "pi", "`a b`", "x.1", "`log(x)`")
LABELS = ("f", "h", "`the level`", "flag")
GROUPS = ("g", "k", "g:k", "g/k", "`my group`", "f:g", "g + k")
FOREIGN = (
    r"ufunc|numpy\.|<class|NoneType|positional arg|unexpected keyword|formulaic"
    r"|object is not|unsupported operand|has no attribute|do not fit together|Kind\."
)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "y": rng.uniform(1, 9, N_ROWS),
            "x": rng.normal(size=N_ROWS),
            "z": rng.uniform(1, 3, N_ROWS),
            "w": rng.integers(1, 9, N_ROWS),
            "pi": rng.uniform(1, 2, N_ROWS),
            "a b": rng.uniform(1, 2, N_ROWS),
            "x.1": rng.uniform(0, 1, N_ROWS),
            "log(x)": rng.uniform(0, 1, N_ROWS),
            "f": np.array(["a", "b", "c"])[np.arange(N_ROWS) % 3],
            "h": pd.Categorical(rng.choice(["u", "v"], N_ROWS)),
            "the level": rng.choice(["low", "high"], N_ROWS),
            "flag": rng.choice([True, False], N_ROWS),
            "g": np.arange(N_ROWS) % 5,
            "k": np.arange(N_ROWS) // 8,
            "my group": rng.choice(["p", "q", "r"], N_ROWS),
        }
    )


class Generator:
    """Random formulas, most of them sensible, some with a wrong argument or word."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one_of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability):
        return self.rng.random() < probability

    def number(self):
        return self.one_of("0", "1", "2", "2L", "0.5", "1e-3", "3", "pi", "TRUE")

    def expression(self, depth=2):
        """An arithmetic expression of columns, or what is none."""
        if depth == 0 or self.chance(0.3):
            return self.one_of(*NUMBERS)
        if self.chance(0.06):
            return self.one_of(*LABELS, "'a'", "NULL", "c(1, 2)", "np.log", "mean")
        left, right = self.expression(depth - 1), self.expression(depth - 1)
        label, value = self.one_of("f", "h"), self.one_of("'a'", "'u'", "1")
        return self.one_of(
            f"{left} + {right}",
            f"{left} * {self.number()}",
            f"({left})^2",
            f"{left} - mean({right})",
            f"{left} / {right}",
            f"{left} %% 2",
            f"exp(-{left})",
            f"abs({left})",
            f"{left} > {right}",
            f"!({left} > 1) & {right} < 2",
            f"{label} == {value}",
            f"f %in% c('a', {value})",
            f"pmax({left}, {right}, {self.number()})",
        )

    def argument(self):
        return self.one_of(
            self.expression(1),
            self.expression(1),
            self.number(),
            self.one_of(*LABELS, "g"),
            self.one_of("'a'", "c(1, 2)", "c('a', 'b')", "NULL", "[[1, 0], [0, 1]]"),
        )

    def any_call(self):
        """A call of any function on the list with any arguments."""
        name = self.one_of(*FUNCTIONS)
        arguments = [self.expression(1)]
        names = [*list(FUNCTIONS[name].arguments)[1:], "out", "where"]
        for _ in range(self.rng.integers(0, 3)):
            keyword = f"{self.one_of(*names)}=" if self.chance(0.3) else ""
            arguments.append(f"{keyword}{self.argument()}")
        return f"{name}({', '.join(arguments)})"

    def usual_call(self):
        """A call as users write it."""
        x, label = self.expression(1), self.one_of(*LABELS)
        size = self.one_of("2", "3", "4", "5", "30", "0", "1000000")
        coding = self.one_of(*CODINGS, "contr.treatment('b')", "contr.treatment('u')")
        return self.one_of(
            f"I({self.expression()})",
            f"poly({x}, {size})",
            f"poly({x}, {self.one_of('2', '3')}, raw={self.one_of('TRUE', 'T', '1')})",
            f"bs({x}, df={size})",
            f"cr({x}, df={size})",
            f"cc({x}, {size})",
            f"scale({x})",
            f"log({x}, {self.one_of('2', 'base=10')})",
            f"factor({label})",
            f"factor({self.one_of('w', 'k', x)})",
            f"C({label}, {coding})",
            f"within({x}, {self.one_of('g', 'k', 'f')})",
            f"between({x}, g)",
            f"offset({x})",
            f"np.{self.one_of('sqrt', 'where', 'clip', 'sort', 'tanh')}({x})",
            f"np.where({x} > 1, {x}, 0)",
            f"round({x}, {self.one_of('1', '1.5')})",
        )

    def atom(self):
        if self.chance(0.5):
            return self.one_of(*NUMBERS, *LABELS)
        return self.any_call() if self.chance(0.35) else self.usual_call()

    def term(self):
        return self.one_of(
            self.atom(),
            self.atom(),
            self.atom(),
            f"{self.atom()}:{self.atom()}",
            f"{self.atom()}*{self.atom()}",
            f"{self.one_of('f', 'h')}/{self.atom()}",
            f"({self.one_of(*NUMBERS)} + {self.one_of(*LABELS)})^2",
            f"{self.one_of('x', 'f')} %in% {self.one_of('f', 'h')}",
            self.one_of("0", "1", "-1", ".", "2", "x %/% z", "``", "nosuch"),
        )

    def bar(self):
        effects = " + ".join(self.term() for _ in range(self.rng.integers(1, 3)))
        effects = self.one_of("1", "1", f"0 + {effects}", effects)
        return f"({effects} {self.one_of('|', '|', '||')} {self.one_of(*GROUPS)})"

    def formula(self):
        left = self.one_of(*["y"] * 8, "log(y)", "", "I(y - x)", "f", "offset(y)")
        terms = [self.term() for _ in range(self.rng.integers(1, 4))]
        terms += [self.bar() for _ in range(self.rng.integers(0, 3))]
        return f"{left} ~ {' + '.join(terms)}"


def learn(formula, frame):
    spec, design = DesignSpec.learn(formula, frame)
    response = spec.read_response(frame) if formula.response else None
    return spec, design, response


def check_refusal(text, error):
    """The error is ours, from a line of ours, and says nothing foreign."""
    message = str(error)
    assert not re.search(FOREIGN, message), (text, message)
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    assert "skmixed" in last, (text, last)


def arrays_of(design):
    columns = [design.X, *(block.z for block in design.random)]
    return columns if design.offset is None else [*columns, design.offset[:, None]]


def check_laws(text, frame, spec, design):
    """The text reads back to the same design, and one row is the batch."""
    again = parse_formula(spec.formula_text)
    assert str(again) == spec.formula_text, text
    row = len(text) % N_ROWS
    if row % LEARNT_AGAIN == 0:
        second = DesignSpec.learn(again, frame)[1]
        for one, other in zip(arrays_of(design), arrays_of(second), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=text)
    single = spec.build(frame.iloc[[row]])
    for batch, alone in zip(arrays_of(design), arrays_of(single), strict=True):
        size = np.abs(batch).max(axis=0, initial=1.0)
        np.testing.assert_allclose(
            alone[0] / size, batch[row] / size, atol=SAME_ALGEBRA, err_msg=text
        )
    for block, alone in zip(design.random, single.random, strict=True):
        assert block.codes[row] == alone.codes[0], text


def try_formulas(frame, seeds):
    """Fit formulas or see them refused; return how many fitted."""
    before, n_fitted = frame.copy(deep=True), 0
    for seed in seeds:
        text = Generator(seed).formula()
        try:
            formula = parse_formula(text, columns=tuple(frame.columns))
            spec, design, _ = learn(formula, frame)
        except ValueError as error:
            check_refusal(text, error)
            continue
        check_laws(text, frame, spec, design)
        n_fitted += 1
    pd.testing.assert_frame_equal(frame, before)
    return n_fitted


@pytest.mark.parametrize("block", range(N_BLOCKS))
def test_generated_formula_fits_or_is_refused_in_words(frame, block):
    seeds = range(block, N_FORMULAS, N_BLOCKS)
    assert try_formulas(frame, seeds) >= len(seeds) / 5


@pytest.mark.slow
def test_other_formulas_fit_or_are_refused_in_words(frame):
    assert try_formulas(frame, OTHER_SEEDS) >= len(OTHER_SEEDS) / 5
