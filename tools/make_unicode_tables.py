"""Writes src/text/unicode_tables.cc: what the `tokenizers` package believes about every code point.

The pre-tokenizers of a tokenizer.json are defined by the Unicode data that is compiled into `tokenizers`, and that is
several data sets of different age: Oniguruma's for the classes of split patterns, the Rust standard library's for
whitespace, numbers and lower case, the `regex` crate's for \\w beside added tokens, `unicode_categories` for
punctuation, and `unicode-normalization-alignments` for the normal forms. So nothing is taken from a copy of the Unicode
database (nor from Python's unicodedata, whose age depends on Python): every value below is asked of the installed
package, for all 1,112,064 code points that UTF-8 can carry.

    pip install tokenizers==0.23.3
    python tools/make_unicode_tables.py src/text/unicode_tables.cc
"""

import base64
import json
import struct
import sys

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

PINNED = "0.23.3"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = "Cn Cc Cf Co Cs Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp".split()
# What may be Prepend of the grapheme clusters: asked one by one, since each needs a charsmap of its own.
PREPEND_CANDIDATES = [
    *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0xD4E, 0x110BD, 0x110CD, 0x111C2, 0x111C3, 0x113D1,
    0x1193F, 0x11941, *range(0x11A3A, 0x11A3B), *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02,
]  # fmt: skip
SCRIPTS = (
    "Other Latin Greek Cyrillic Armenian Hebrew Arabic Devanagari Bengali Tamil Thai Lao Tibetan Myanmar Georgian "
    "Hangul Ethiopic Khmer Mongolian Hiragana Katakana Bopomofo Han Common Inherited".split()
)
HANGUL_SYLLABLES = range(0xAC00, 0xAC00 + 11172)
BLOCK = 128


def matched(pattern, codes=CODE_POINTS):
    """Those of the code points that a class of the split patterns' regex engine matches."""
    rest = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str("".join(map(chr, codes)))
    return set(codes) - {ord(c) for piece, _ in rest for c in piece}


def case_folds():
    """{code point: the last of those that are the same to a pattern that ignores case}, where that is another one."""
    cased = sorted(matched("(?i)[[:lower:][:upper:]]"), reverse=True)  # "ts": a ligature may be the same as "st"
    last = {}
    for c in cased:
        if c not in last:
            same = matched(r"(?i)[\x{%x}]" % c, cased)
            assert c in same and not any(x in last for x in same), hex(c)
            last.update(dict.fromkeys(same, max(same)))
    return {c: [folded] for c, folded in last.items() if folded != c}


def removed_by(pre_tokenizer):
    """The code points that `pre_tokenizer` drops."""
    rest = pre_tokenizer.pre_tokenize_str("".join(map(chr, CODE_POINTS)))
    return set(CODE_POINTS) - {ord(c) for piece, _ in rest for c in piece}


def isolated_by(pre_tokenizer):
    """The code points that `pre_tokenizer` cuts from a letter before them."""
    return {c for c in CODE_POINTS if len(pre_tokenizer.pre_tokenize_str("a" + chr(c))) == 2}


def dropped_by(normalizer):
    """The code points that `normalizer` drops behind a letter."""
    return {c for c in CODE_POINTS if normalizer.normalize_str("a" + chr(c)) == "a"}


def word_characters():
    """\\w of the `regex` crate: one piece with a letter in `Whitespace`."""
    whitespace = pre_tokenizers.Whitespace()
    return {c for c in CODE_POINTS if whitespace.pre_tokenize_str("a" + chr(c)) == [("a" + chr(c), (0, 2))]}


def mapped(normalizer):
    """{code point: its image} where `normalizer` changes it."""
    images = ((c, normalizer.normalize_str(chr(c))) for c in CODE_POINTS)
    return {c: [ord(x) for x in image] for c, image in images if image != chr(c)}


def combining_classes():
    """{code point: canonical combining class != 0}, from the order into which NFD puts pairs of marks.

    `ladder` holds one mark of each class; a mark is swapped with the marks of higher classes before it.
    """
    nfd = normalizers.NFD().normalize_str
    ladder = {
        1: 0x334, 6: 0x16FF0, 7: 0x93C, 8: 0x3099, 9: 0x94D, 10: 0x5B0, 11: 0x5B1, 12: 0x5B2, 13: 0x5B3, 14: 0x5B4,
        15: 0x5B5, 16: 0x5B6, 17: 0x5B7, 18: 0x5B8, 19: 0x5B9, 20: 0x5BB, 21: 0x5BC, 22: 0x5BD, 23: 0x5BF, 24: 0x5C1,
        25: 0x5C2, 26: 0xFB1E, 27: 0x64B, 28: 0x64C, 29: 0x64D, 30: 0x64E, 31: 0x64F, 32: 0x650, 33: 0x651, 34: 0x652,
        35: 0x670, 36: 0x711, 84: 0xC55, 91: 0xC56, 103: 0xE38, 107: 0xE48, 118: 0xEB8, 122: 0xEC8, 129: 0xF71,
        130: 0xF72, 132: 0xF74, 202: 0x321, 214: 0x1DCE, 216: 0x31B, 218: 0x302A, 220: 0x316, 222: 0x59A, 224: 0x302E,
        226: 0x1D16D, 228: 0x5AE, 230: 0x301, 232: 0x315, 233: 0x35C, 234: 0x35D, 240: 0x345,
    }  # fmt: skip

    def swapped(first, second):
        return first != second and nfd("x" + chr(first) + chr(second)) == "x" + chr(second) + chr(first)

    # Marks that this data set does not know do not take part; the rest must form one strict order.
    known = [(k, c) for k, c in ladder.items() if swapped(0x345, c) or k == 240]
    for (_, low), (_, high) in zip(known, known[1:]):
        assert swapped(high, low) and not swapped(low, high)
    top, bottom = known[-1][1], known[0][1]
    classes = {}
    for c in CODE_POINTS:
        if nfd(chr(c)) != chr(c) or not (swapped(top, c) or swapped(c, bottom)):
            continue
        below = [k for k, mark in known if swapped(c, mark)]  # classes lower than c's
        above = [k for k, mark in known if swapped(mark, c)]
        between = [k for k, _ in known if k not in below and k not in above]
        assert len(between) == 1, hex(c)
        classes[c] = between[0]
    return classes


def compositions(canonical):
    """{(first, second): composite} as NFC knows them, without Hangul syllables."""
    nfc = normalizers.NFC().normalize_str
    pairs = {}
    for c, parts in canonical.items():
        if c in HANGUL_SYLLABLES or nfc(chr(c)) != chr(c) or len(parts) < 2:
            continue
        first = nfc("".join(map(chr, parts[:-1])))
        assert len(first) == 1 and nfc(first + chr(parts[-1])) == chr(c), hex(c)
        pairs[ord(first), parts[-1]] = c
    return pairs


def charsmap_normalizer(pairs):
    """A Precompiled normalizer that maps each key of `pairs` (texts none of which begins another) to its value."""
    units, used, strings = [0] * 4096, {0}, b""

    def place(node, items):  # the children of `node`, whose units lie at base ^ label
        labels = sorted({key[0] for key, _ in items})
        base = next(b for b in range(256, len(units)) if b not in used and all(b ^ x not in used for x in labels))
        used.update([base, *(base ^ label for label in labels)])
        units[node] |= (node ^ base) << 10
        for label in labels:
            rest = [(key[1:], value) for key, value in items if key[0] == label]
            units[base ^ label] = label
            if rest[0][0]:
                place(base ^ label, rest)
                continue
            leaf = next(b for b in range(256, len(units)) if b not in used)
            used.add(leaf)
            units[base ^ label] |= 1 << 8 | (base ^ label ^ leaf) << 10
            units[leaf] = 1 << 31 | rest[0][1]

    items = []
    for key, value in pairs.items():
        items.append((key.encode(), len(strings)))
        strings += value.encode() + b"\0"
    place(0, items)
    blob = struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + strings
    stage = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(blob).decode()}
    model = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
    return tokenizers.Tokenizer.from_str(json.dumps({"normalizer": stage, "model": model})).normalizer


def cluster_flags():
    """The code points that a grapheme cluster goes on with, those that a pictogram and a joiner go on with, and those
    that begin a cluster with what follows: seen by what Precompiled makes of a cluster that begins with a known key."""
    change = charsmap_normalizer({"a": "X", "\u00a9": "Y"}).normalize_str
    joins = {c for c in CODE_POINTS if change("a" + chr(c)) == "X"}
    pictograms = {c for c in CODE_POINTS if c not in joins and change("\u00a9\u200d" + chr(c)) != "Y" + change(chr(c))}
    prepends = {c for c in PREPEND_CANDIDATES if charsmap_normalizer({chr(c): "Z"}).normalize_str(chr(c) + "a") == "Z"}
    assert 0x301 in joins and 0x200D in joins and 0x1F600 in pictograms and 0x600 in prepends
    return joins, pictograms, prepends


def script_classes():
    """Runs (first, last, class) of the code points that UnicodeScripts keeps together; 0 are those that go with any."""
    scripts = pre_tokenizers.UnicodeScripts()

    def apart(first, second):
        return len(scripts.pre_tokenize_str(chr(first) + chr(second))) == 2

    classes, runs = [ord("a"), 0x4E00], []
    for c in CODE_POINTS:
        if runs and runs[-1][1] == c - 1 and not apart(c - 1, c) and apart(c, ord("a")) == apart(c - 1, ord("a")):
            if runs[-1][2] == 0 or apart(c, classes[1 if runs[-1][2] == 1 else 0]):
                if runs[-1][2] != 0 or not any(apart(c, x) for x in classes[:2]):
                    runs[-1] = (runs[-1][0], c, runs[-1][2])
                    continue
        if not any(apart(c, x) for x in classes[:2]):
            runs.append((c, c, 0))
            continue
        number = next((i for i, x in enumerate(classes) if not apart(c, x)), len(classes))
        if number == len(classes):
            classes.append(c)
        runs.append((c, c, number + 1))
    assert len(classes) < 256
    return [run for run in runs if run[2]]


def two_stage(values):
    """Row of each code point's block, and the distinct blocks, of a value per code point."""
    blocks, rows = {}, []
    for start in range(0, 0x110000, BLOCK):
        block = tuple(values[start : start + BLOCK])
        rows.append(blocks.setdefault(block, len(blocks)))
    return rows, list(blocks)


def case_runs(images):
    """Runs (first, last, step, difference) of code points whose image lies at one distance."""
    single = {c: image[0] for c, image in images.items() if len(image) == 1}
    runs = []
    for c in sorted(single):
        difference = single[c] - c
        if runs:
            first, last, step, d = runs[-1]
            gap = c - last
            if d == difference and gap <= 2 and (step in (0, gap)):
                runs[-1] = (first, c, gap, d)
                continue
        runs.append((c, c, 0, difference))
    return [(first, last, step or 1, d) for first, last, step, d in runs]


def script_runs(script):
    """Runs (first, last, script) of code points of one script."""
    runs = []
    for c, number in enumerate(script):
        if number and runs and runs[-1][1:] == (c - 1, number):
            runs[-1] = (runs[-1][0], c, number)
        elif number:
            runs.append((c, c, number))
    return runs


def c_array(kind, name, items, form=str):
    lines, line = [], "   "
    for item in items:
        text = " " + form(item) + ","
        if len(line) + len(text) > 120:
            lines.append(line)
            line = "   "
        line += text
    lines.append(line)
    return f"const {kind} {name}[{len(items)}] = {{\n" + "\n".join(lines) + "\n};\n"


def character_flags():
    """{code point: bits}, in the order of text::CharFlag."""
    columns = [
        matched(r"\s"),
        matched(r"\w"),
        word_characters(),
        isolated_by(pre_tokenizers.Digits(individual_digits=True)),
        isolated_by(pre_tokenizers.Punctuation()),
        dropped_by(normalizers.StripAccents()),
        dropped_by(normalizers.BertNormalizer(False, False, True, False)),
        dropped_by(normalizers.BertNormalizer(True, False, False, False)),
        *cluster_flags(),
        matched("[[:alpha:]]"),
        matched("[[:lower:]]"),
        matched("[[:upper:]]"),
    ]
    # One whitespace class serves all: the regex engine's, the standard library's, and that of Strip.
    assert columns[0] == removed_by(pre_tokenizers.WhitespaceSplit())
    assert columns[0] == {c for c in CODE_POINTS if normalizers.Strip().normalize_str(chr(c)) == ""}
    flags = [0] * 0x110000
    for bit, members in enumerate(columns):
        for c in members:
            flags[c] |= 1 << bit
    return flags


def numbered(properties, left_out):
    """[0x110000] the number of the property of each code point; 0 for those left out."""
    numbers = [0] * 0x110000
    for number, name in enumerate(properties):
        for c in matched(r"\p{%s}" % name) if name not in left_out else ():
            assert numbers[c] == 0
            numbers[c] = number
    return numbers


def inert_forms(classes, canonical, compatible, pairs):
    """[0x110000] bits of the normal forms (NFD, NFKD, NFC, NFKC) in which a character stays as it is and no neighbour
    can change it."""
    nfc, nfkc = mapped(normalizers.NFC()), mapped(normalizers.NFKC())
    seconds = {second for _, second in pairs} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    starters = [c not in classes for c in range(0x110000)]
    return [
        starters[c] * ((c not in canonical) * 1 + (c not in compatible) * 2)
        + (starters[c] and c not in seconds) * ((c not in nfc) * 4 + (c not in nfkc) * 8)
        for c in range(0x110000)
    ]


def write_lines(path, lines):
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def row(item):
    return "{" + ", ".join(f"{x:#x}" if abs(x) > 9 else str(x) for x in item) + "}"


def main(path):
    assert tokenizers.__version__ == PINNED, f"tokenizers {PINNED} defines the tables, not {tokenizers.__version__}"
    category, script = numbered(CATEGORIES, {"Cn", "Cs"}), numbered(SCRIPTS, {SCRIPTS[0]})
    flags = character_flags()
    classes = combining_classes()
    canonical = mapped(normalizers.NFD())
    compatible = mapped(normalizers.NFKD())
    pairs = compositions(canonical)
    lower = mapped(normalizers.Lowercase())
    assert [c for c, image in lower.items() if len(image) > 1] == [0x130] and lower[0x130] == [0x69, 0x307]

    folds = case_folds()

    scripts = script_classes()
    inert = inert_forms(classes, canonical, compatible, pairs)
    keys = list(zip(category, flags, (classes.get(c, 0) for c in range(0x110000)), inert))
    records = {}
    rows, blocks = two_stage([records.setdefault(key, len(records)) for key in keys])
    assert len(records) < 256 and len(blocks) < 65536, (len(records), len(blocks))

    for table in (canonical, compatible):
        for c in HANGUL_SYLLABLES:
            del table[c]
    pool, index = [], {}
    for image in sorted({tuple(i) for i in (*canonical.values(), *compatible.values())}, key=len, reverse=True):
        index[image] = len(pool)
        pool += image

    def decomposition_rows(table):
        return [(c, index[tuple(i)], len(i)) for c, i in sorted(table.items())]

    only_compatible = {c: i for c, i in compatible.items() if canonical.get(c) != i}
    sizes = {"ScriptClasses": len(scripts), "Scripts": len(script_runs(script)), "Canonical": len(canonical)}
    sizes |= {"Compatible": len(only_compatible), "Compositions": len(pairs)}
    sizes |= {"LowerCase": len(case_runs(lower)), "CaseFolds": len(case_runs(folds))}
    out = [
        f"// Generated by tools/make_unicode_tables.py from `tokenizers` {PINNED}. Do not edit.",
        '#include "text/unicode_tables.h"\n',
        "// clang-format off",
        "namespace skald::text::tables {\n",
        c_array("CharRecord", "kRecords", list(records), lambda r: "{%d, %d, %d, %d}" % r),
        c_array("std::uint16_t", "kBlockOf", rows),
        c_array("std::uint8_t", "kBlocks", [record for block in blocks for record in block]),
        c_array("char32_t", "kDecomposed", pool, lambda c: f"{c:#x}"),
        c_array("Decomposition", "kCanonical", decomposition_rows(canonical), row),
        c_array("Decomposition", "kCompatible", decomposition_rows(only_compatible), row),
        c_array("Composition", "kCompositions", [(*pair, c) for pair, c in sorted(pairs.items())], row),
        c_array("CaseRun", "kLowerCase", case_runs(lower), row),
        c_array("CaseRun", "kCaseFolds", case_runs(folds), row),
        c_array("ScriptRun", "kScripts", script_runs(script), row),
        c_array("ScriptRun", "kScriptClasses", scripts, row),
        *(f"const std::size_t k{name}Size = {size};" for name, size in sizes.items()),
        "\n}  // namespace skald::text::tables",
        "// clang-format on",
    ]
    write_lines(path, out)
    print(
        f"{path}: {len(records)} records, {len(blocks)} blocks, {len(canonical)} canonical, "
        f"{len(only_compatible)} compatible, {len(pairs)} compositions, {len(classes)} marks"
    )


if __name__ == "__main__":
    main(sys.argv[1])
