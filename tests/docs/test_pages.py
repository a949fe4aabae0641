"""What the documents point at exists: pages, sections, files, definitions, commands, targets, programs, settings."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from application.identity.openid.settings import OpenIdSettings
from application.messages.settings import MessageSettings
from application.settings import MESSAGES_PREFIX, OPENID_PREFIX, PREFIX, WATCHDOG_PREFIX, Settings
from application.watchdog.settings import WatchdogSettings
from cli.app import NOUNS, build

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("activities", "application", "cli", "console", "deploy", "docs", "simulation", "tests", "workflows")
PAGES = [page for pattern in ("*.md", *(f"{room}/**/*.md" for room in ROOMS)) for page in ROOT.glob(pattern)]
SOURCES = [source for pattern in ("*.py", *(f"{room}/**/*.py" for room in ROOMS)) for source in ROOT.glob(pattern)]

CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})/[\w./-]*\w")
DEFINITION = re.compile(r"`([\w/.-]+\.py)::(\w+)`")
COMMAND = re.compile(r"starter\.py ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?")
TOLD = re.compile(rf"`({'|'.join(NOUNS)}) ([a-z][a-z-]+)(?=[ `])")
"""A command as refusals and errors name it, for people to do next."""
TARGET = re.compile(r"\bmake ([a-z]+)\b")
MODULE = re.compile(r"python -m ([\w.]+)")
VARIABLE = re.compile(rf"\b{PREFIX}[A-Z_]+\b")


def test_each_pattern_finds_what_it_is_for() -> None:
    """Or nothing that the documents point at would be looked up."""
    pages = "\n".join(page.read_text() for page in PAGES)
    patterns = (LINK, FILE, DEFINITION, COMMAND, TARGET, MODULE, VARIABLE)
    assert [pattern.pattern for pattern in patterns if len(pattern.findall(pages)) < 5] == []
    assert any(TOLD.search(source.read_text()) for source in SOURCES)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as viewers commonly make them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Every page or file that a page links to, with the section that is meant."""
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if "://" not in target:
            place, _, anchor = target.partition("#")
            yield (page.parent / place).resolve() if place else page, anchor


@pytest.mark.long
def test_every_link_leads_to_a_file_and_a_section() -> None:
    broken = [
        f"{name(page)} → {name(target)}#{anchor}"
        for page in PAGES
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert broken == []


def test_every_page_is_reached_from_the_first() -> None:
    first = ROOT / "docs" / "README.md"
    reached, waiting = {first}, [first]
    while waiting:
        for target, _ in links(waiting.pop()):
            if target.suffix == ".md" and target.exists() and target not in reached:
                reached.add(target)
                waiting.append(target)
    assert [name(page) for page in PAGES if page not in reached] == []


def test_every_file_that_is_named_exists() -> None:
    pages = {page: "\n".join(CODE.findall(page.read_text())) for page in PAGES}
    sources = {source: source.read_text() for source in SOURCES}
    missing = [
        f"{name(place)}: {file}"
        for place, text in (pages | sources).items()
        for file in FILE.findall(text)
        if (place.suffix == ".md" or file.startswith("docs/"))
        and not (ROOT / file).exists()
        and not (place.parent / file).exists()
    ]
    assert missing == []


@pytest.mark.long
def test_every_definition_that_is_named_exists() -> None:
    missing = [
        f"{name(page)}: {file}::{definition}"
        for page in PAGES
        for file, definition in DEFINITION.findall(page.read_text())
        if not (ROOT / file).exists() or definition not in definitions(ROOT / file)
    ]
    assert missing == []


@cache
def definitions(source: Path) -> set[str]:
    """The names that a module defines or takes from others."""
    found: set[str] = set()
    for node in ast.parse(source.read_text()).body:
        match node:
            case ast.FunctionDef(name=one) | ast.AsyncFunctionDef(name=one) | ast.ClassDef(name=one):
                found.add(one)
            case ast.AnnAssign(target=ast.Name(one)):
                found.add(one)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.ImportFrom(names=names):
                found |= {alias.asname or alias.name for alias in names}
    return found


def test_every_command_that_is_shown_can_be_given() -> None:
    verbs = {noun: build(noun).commands for noun in NOUNS if noun != "score"}
    shown = [(page, found) for page in PAGES for found in COMMAND.findall(page.read_text())]
    shown += [(source, found) for source in SOURCES for found in TOLD.findall(source.read_text())]
    unknown = []
    for place, (noun, verb) in shown:
        if noun not in NOUNS or (verb and noun in verbs and verb not in verbs[noun]):
            unknown.append(f"{name(place)}: {noun} {verb}")
    assert unknown == []


def test_every_target_that_is_named_can_be_made() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = [
        f"{name(page)}: make {target}"
        for page in PAGES
        for code in CODE.findall(page.read_text())
        for target in TARGET.findall(code)
        if target not in known
    ]
    assert unknown == []


def test_every_program_that_is_named_can_be_run() -> None:
    missing = [
        f"{name(page)}: python -m {module}"
        for page in PAGES
        if page.name != "CHANGELOG.md"  # it also says what is no more
        for module in MODULE.findall(page.read_text())
        if not any((ROOT / each).exists() for each in module_files(module)) and module.partition(".")[0] in ROOMS
    ]
    assert missing == []


def module_files(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__main__.py"


def test_every_setting_that_is_named_is_one() -> None:
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    known |= {f"{MESSAGES_PREFIX}{field.upper()}" for field in MessageSettings.model_fields}
    known |= {f"{WATCHDOG_PREFIX}{field.upper()}" for field in WatchdogSettings.model_fields}
    known |= {f"{OPENID_PREFIX}{field.upper()}" for field in OpenIdSettings.model_fields}
    unknown = [
        f"{name(page)}: {variable}"
        for page in PAGES
        for variable in VARIABLE.findall(page.read_text())
        if variable not in known
    ]
    assert unknown == []
