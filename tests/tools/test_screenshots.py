"""tools/screenshots.py: a terminal's screen, its picture, and the pictures that README.md and docs/ show."""

import os
import re
from xml.etree import ElementTree

import pytest
import screenshots
from terminal_picture import Screen, runs, svg

TEXT = "{http://www.w3.org/2000/svg}text"
PAGES = [screenshots.ROOT / "README.md", *sorted((screenshots.ROOT / "docs").glob("*.md"))]
OF_A_MACHINE = re.compile(r"/(home|root|tmp|work|usr|opt|Users|mnt)/|\d\d:\d\d|[\w.-]+@[\w.-]+|20\d\d-\d\d-\d\d")


def shown(text, columns=10):
    screen = Screen(columns)
    screen.write(text)
    return screen.lines()


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("one\r\ntwo", ["one", "two"]),
        ("one\rT", ["Tne"]),
        ("one\b\bX", ["oXe"]),
        ("a\tb", ["a       b"]),
        ("0123456789", ["0123456789"]),  # the last column does not begin a row yet
        ("0123456789\r\nx", ["0123456789", "x"]),
        ("0123456789x", ["0123456789", "x"]),
        ("12345678\u65e5\u672c", ["12345678\u65e5", "\u672c"]),
        ("123456789\u65e5", ["123456789", "\u65e5"]),
        ("e\u0301x\bY", ["e\u0301Y"]),
        ("\u65e5\x1b[1Cx", ["\u65e5 x"]),
        ("abc\x1b[2DX\x1b[CY", ["aXcY"]),
        ("a\r\nb\x1b[AX\x1b[5BY", ["aX", "b", "", "", "", "  Y"]),
        ("abc\x1b[2GX\x1b[2;4HY\x1b[HZ", ["ZXc", "   Y"]),
        ("abcdef\x1b[3D\x1b[K", ["abc"]),
        ("abcdef\x1b[3D\x1b[1K", ["    ef"]),
        ("abcdef\x1b[3D\x1b[2Kx", ["   x"]),
        ("a\r\nbc\r\nd\x1b[2;2H\x1b[J", ["a", "b"]),
        ("a\r\nbc\r\nd\x1b[2;1H\x1b[1J", ["", " c", "d"]),
        ("ab\x1b7cd\x1b8X", ["abXd"]),
        ("\x1b[?2004h\x1b]0;title\x07\x1b[?25la\a", ["a"]),
    ],
)
def test_the_screen_obeys(written, lines):
    assert shown(written) == lines


@pytest.mark.parametrize("written", ["\x1b[5S", "\x1b[48m", "\x1bM", "\x00"])
def test_what_is_not_known_is_an_error(written):
    with pytest.raises(ValueError, match="not known"):
        shown(written)


def test_styles():
    screen = Screen(40)
    screen.write("\x1b[1;31mred\x1b[0m  \x1b[2mfaint\x1b[22m plain \x1b[92mgreen\x1b[39m\x1b[m.")
    found = [(column, width, text, style.css()) for column, width, text, style in runs(screen.rows[0])]
    assert found == [
        (0, 3, "red", "b c1"), (5, 5, "faint", "d"), (11, 5, "plain", ""), (17, 5, "green", "c2"), (22, 1, ".", ""),
    ]  # fmt: skip


def test_a_picture_has_the_text_of_the_screen():
    screen = Screen(20)
    screen.write('a < b & c\r\n\r\n  \x1b[32m"d"\x1b[0m\r\n\r\n')
    root = ElementTree.fromstring(svg(screen, "<title>"))
    rows = [[(span.get("class"), span.text) for span in row] for row in root.iter(TEXT)]
    assert rows == [[(None, "a < b & c")], [("c2", '"d"')]]
    assert [int(row.get("y")) for row in root.iter(TEXT)] == [47, 83]  # an empty row lies between


def test_a_scene_is_played_on_a_terminal():
    command = "test -t 1 && stty -echo && printf '\\n> ' && read -r x && printf '%s\\n> ' \"<$x>\" && ! read -r x"
    asked = screenshots.play(screenshots.Scene(command, ("hello",), screenshots.CTRL_D), os.environ["PATH"])
    assert asked.lines()[-2:] == ["> <hello>", ">"]
    with pytest.raises(RuntimeError, match="ended with code 3"):
        screenshots.play(screenshots.Scene("exit 3"), os.environ["PATH"])
    with pytest.raises(EOFError, match="did not ask"):
        screenshots.play(screenshots.Scene("echo no", ("hello",)), os.environ["PATH"])


def test_the_pages_show_the_pictures_that_there_are():
    named = set()
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]*screenshots/[^)\s]+)\)", page.read_text(encoding="utf-8")):
            named.add((page.parent / target).resolve())
    assert named == {screenshots.FOLDER / f"{name}.svg" for name in screenshots.SCENES}
    assert named == set(screenshots.FOLDER.iterdir())


@pytest.mark.parametrize("name", screenshots.SCENES)
def test_a_picture_is_small_and_of_no_machine(name):
    path = screenshots.FOLDER / f"{name}.svg"
    assert path.stat().st_size < 60_000
    texts = ["".join(row.itertext()) for row in ElementTree.parse(path).getroot().iter(TEXT)]
    assert texts[0] == "$" + screenshots.SCENES[name].command and len(texts) > 3
    assert not [text for text in texts if OF_A_MACHINE.search(text)]
