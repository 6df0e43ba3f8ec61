"""Show the picture of an example, or save it where there is no screen."""

import sys
from pathlib import Path

try:
    import matplotlib.pyplot as plt
except ImportError:
    raise SystemExit(
        "This example draws with matplotlib, which is not installed. In the checkout: "
        'pip install ".[plot]"'
    ) from None

# pictures drawn by hand look like those of the displays
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1a1a1a"]


def dress(*_):
    """Set colours and axes; also before each script of the gallery."""
    plt.rcParams.update(
        {
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.fontsize": "small",
            "legend.frameon": False,
        }
    )


dress()


def show(path=None):
    """Show the figures, or save the last one.

    Parameters
    ----------
    path : str, optional
        File to save to; by default the first argument of the command line. Without one,
        and where matplotlib has no screen, the file is named after the script.
    """
    arguments = sys.argv[1:2]
    path = path or (arguments[0] if arguments else None)
    if path is None and plt.get_backend().lower() == "agg":
        path = Path(sys.argv[0]).stem + ".png"
    if path is None:
        plt.show()
        return
    plt.gcf().savefig(path, dpi=120)
    print(f"Figure written to {path}")
