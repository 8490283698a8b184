#!/usr/bin/env python3
"""What mkdocs does not do by itself (a hook of mkdocs.yml): the front page from README.md, references made from the
headers and from the Python package, and pages for files outside docs/ that pages link to.

usage: site.py     checks without mkdocs that every link leads to a file of the tree, that what mkdocs.yml names is there,
                   and that the references miss no function
"""

import html
import posixpath
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADERS = ("optim", "advice", "comm", "comm_mpi", "federated")
PYTHON = ("", "server", "torch", "keras", "scipy", "optax", "flower", "plot", "registry")
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
LANGUAGES = {".c": "c", ".h": "c", ".py": "python", ".sh": "sh"}
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")

# ---- The reference of a header ----


def plain(line):
    """The line as it reads: outside of `code` nothing is marked up."""
    parts = line.split("`")
    parts[::2] = [re.sub(r"([*_\[\]|])", r"\\\1", html.escape(part, quote=False)) for part in parts[::2]]
    return "`".join(parts)


def prose(comment):
    """The text of a comment: paragraphs, lists, indented code, with nothing in them that markdown would act on."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in comment[2:-2].strip("\n").split("\n")]
    lines[0] = lines[0].strip()
    return "\n".join(line if line.startswith("    ") else plain(line.rstrip()) for line in lines).strip("\n")


def title(code):
    """What a declaration is called: its functions, its struct, or its constants."""
    names = re.findall(r"\b(optim_\w+)\(", re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL))
    names = names or re.findall(r"}\s*(optim_\w+);|typedef [\w ]+?(optim_\w+);", code)
    names = [name if isinstance(name, str) else name[0] or name[1] for name in names]
    constants = list(dict.fromkeys(re.findall(r"\b(OPTIM_\w+)\b", code)))
    return ", ".join(dict.fromkeys(names)) or ", ".join(constants[:2]) + (", ..." if len(constants) > 2 else "")


def blocks(text):
    """(comment, code) for each declaration that stands alone between empty lines; code "" for a heading."""
    text = re.sub(r"^#.*(?:\\\n.*)*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r'^extern "C" \{\n|^\}\n', "", text, flags=re.MULTILINE)
    braces, comment_or_division = r"\{[^\n]*\}|\{.*?\n\}", r"/(?!\*)|/\*.*?\*/"
    declaration = rf"(?!\s|/\*)(?:[^/{{;]|{braces}|{comment_or_division})*?;(?:[ \t]*/\*.*?\*/)?"
    at = re.compile(rf"\s*(/\*.*?\*/)?[ \t]*\n?({declaration})?", re.DOTALL)
    position = 0
    while position < len(text):
        found = at.match(text, position)
        if found is None or found.end() == position:
            break
        comment, code = found[1] or "", found[2] or ""
        if re.match(r"/\* ----", comment):  # what follows is the next block's
            yield comment, ""
            position = found.end(1)
            continue
        yield comment, code.strip("\n")
        position = found.end()


def header_page(name):
    text = (ROOT / "include/optim" / f"{name}.h").read_text()
    lines = [
        f"# optim/{name}.h",
        "",
        f"Generated from [include/optim/{name}.h](../source/include/optim/{name}.h.md).",
        "",
    ]
    for comment, code in blocks(text):
        heading = re.match(r"/\* ---- (.*?) ----", comment)
        if heading:
            lines += [f"## {heading[1]}", ""]
            continue
        if code:
            lines += [f"### {title(code)}", "", "```c", code, "```", ""]
        if comment:
            lines += [prose(comment), ""]
    return "\n".join(lines)


def python_page():
    lines = ["# The Python package", ""]
    for module in PYTHON:
        name = f"gradopt.{module}" if module else "gradopt"
        lines += [
            f"## {name} {{ #{name.replace('.', '-')} }}",
            "",
            f"::: {name}",
            "    options:",
            "      heading_level: 3",
            "",
        ]
    return "\n".join(lines)


# ---- Files outside docs/ ----


def source_page(path):
    text = (ROOT / path).read_text()
    fence = "````" if "```" in text else "```"
    return f"# {path}\n\n{fence}{LANGUAGES.get(Path(path).suffix, 'text')}\n{text}\n{fence}\n"


def place(path):
    """Where in the site a file of the repository is."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path[len("docs/") :]
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def outside(text, folder):
    """The files outside docs/ that a page, which lies in `folder` of the repository, links to."""
    for link in LINK.finditer(text):
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        if "://" not in link[2] and not path.startswith(("docs/", "..")) and (ROOT / path).is_file():
            yield path


def relink(text, folder, page):
    """Links of a page that lay in `folder` of the repository and is `page` in the site."""

    def replace(link):
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        if "://" in link[2] or link[2].startswith("mailto:") or not (ROOT / path).exists():
            return link[0]
        return link[1] + posixpath.relpath(place(path), posixpath.dirname(page) or ".") + link[3]

    return LINK.sub(replace, text)


def on_files(files, config):
    """Adds the pages that are made."""
    from mkdocs.structure.files import File

    linked, folders = {f"include/optim/{name}.h" for name in HEADERS}, {}
    texts = {f"docs/{file.src_uri}": Path(file.abs_src_path).read_text() for file in files.documentation_pages()}
    texts |= {name: (ROOT / name).read_text() for name in PAGES}
    while texts:  # pages that are linked to may link to others
        found = {path for page, text in texts.items() for path in outside(text, posixpath.dirname(page))}
        texts = {path: (ROOT / path).read_text() for path in found - linked if path.endswith(".md")}
        linked |= found
    made = {f"reference/{name}.md": header_page(name) for name in HEADERS} | {"reference/python.md": python_page()}
    for path in sorted(linked - PAGES.keys()):
        is_page = path.endswith(".md")
        made[place(path)] = (ROOT / path).read_text() if is_page else source_page(path)
        folders[place(path)] = posixpath.dirname(path) if is_page else None
    for path, page in PAGES.items():
        made[page], folders[page] = (ROOT / path).read_text(), ""
    for page, text in made.items():
        folder = folders.get(page)
        files.append(File.generated(config, page, content=text if folder is None else relink(text, folder, page)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links of pages in docs/ that leave it."""
    uri = page.file.src_uri
    return relink(markdown, posixpath.dirname(f"docs/{uri}"), uri) if page.file.generated_by is None else markdown


# ---- The check ----


def wrong_links():
    for path in sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in PAGES)]):
        for link in LINK.finditer(re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)):
            if "://" not in link[2] and not (path.parent / link[2]).exists():
                yield f"{path.relative_to(ROOT)}: {link[2]} leads nowhere"


def wrong_names():
    for name in re.findall(r"[\w./-]+\.md", (ROOT / "mkdocs.yml").read_text()):
        if not (ROOT / "docs" / name).exists() and name not in PAGES.values() and not name.startswith("reference/"):
            yield f"mkdocs.yml: docs/{name} is not there"


def missing_functions():
    for name in HEADERS:
        declared = re.findall(
            r"^[\w ]+\*?\b(optim_\w+)\(", (ROOT / "include/optim" / f"{name}.h").read_text(), re.MULTILINE
        )
        page = header_page(name)
        yield from (f"the reference of {name}.h lacks {one}" for one in declared if f" {one}" not in page)


def main():
    wrong = [*wrong_links(), *wrong_names(), *missing_functions()]
    print("\n".join(wrong) or "links, mkdocs.yml and references are in order")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
