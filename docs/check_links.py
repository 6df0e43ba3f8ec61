"""Name the links inside the built site that lead nowhere: `check_links.py FOLDER`."""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = set(), {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)


_read = cache(_Page)


def dead_links(folder):
    """Return (page, link) of every link whose file or anchor is missing."""
    found = []
    for page in sorted(folder.resolve().rglob("*.html")):
        if "_static" in page.parts:  # the theme's templates
            continue
        for link in sorted(_read(page).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)) if parts.path else page
            target = target.resolve()
            html = target.suffix == ".html" and target.exists()
            anchor = unquote(parts.fragment)
            if not target.exists() or (html and anchor not in _read(target).anchors):
                found.append((page.relative_to(folder.resolve()), link))
    return found


if __name__ == "__main__":
    dead = dead_links(Path(sys.argv[1]))
    sys.exit("\n".join(f"{page}: dead link {link}" for page, link in dead) or 0)
