"""The pages of the reference: one for each public name, as `__all__` lists them."""

from importlib import import_module

PACKAGES = {
    "skmixed": "Estimators and functions",
    "skmixed.inspection": "Pictures and diagnostics",
    "skmixed.model_selection": "Model selection",
    "skmixed.datasets": "Data sets",
}


def public_names():
    """Return the full names of all that is public, package by package."""
    return {
        package: [
            f"{package}.{name}" for name in sorted(import_module(package).__all__)
        ]
        for package in PACKAGES
    }


def file_names():
    """Return file names for classes that differ from a function in capitals only.

    Some file systems do not distinguish `Influence` from `influence`.
    """
    names = [name for found in public_names().values() for name in found]
    lower = {name for name in names if name == name.lower()}
    return {
        name: f"{name}_class"
        for name in names
        if name != name.lower() and name.lower() in lower
    }


def index():
    """Return the index of the reference, in reStructuredText."""
    parts = [_heading("Reference", "=")]
    for package, names in public_names().items():
        parts.append(_heading(f"{PACKAGES[package]}: ``{package}``", "-"))
        parts.append(".. autosummary::\n   :toctree: .\n   :nosignatures:\n")
        parts.append("".join(f"   ~{name}\n" for name in names))
    return "\n".join(parts)


def write(folder):
    """Write the index into a folder, which is made."""
    folder.mkdir(exist_ok=True)
    path, text = folder / "index.rst", index()
    # an unchanged file is not read again
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _heading(text, underline):
    return f"{text}\n{underline * len(text)}\n"
