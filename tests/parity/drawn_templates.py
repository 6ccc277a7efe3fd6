"""Small templates, drawn: every operator, filter, test and method on values of every kind."""

import re

VARIABLES = {
    "messages": [{"role": "user", "content": "Hé llo 'x'"}, {"role": "assistant", "content": "a\nb", "n": 3}],
    "xs": [3, 1, 2, 1],
    "names": ["bob", "Alice", "carol", "ALICE"],
    "d": {"b": 1, "a": [1.5, None, True], "C": {"x": "y"}, "items": 0},
    "s": "  Ab cD-ef ßǅ\tΑΣ. ",
    "t": "one,two,,three",
    "e": "",
    "n": 7,
    "f": 2.5,
    "neg": -3,
    "none_value": None,
    "flag": True,
    "nested": [[1, 2], [3], []],
    "quote": 'it\'s "so" \\ \x00\x7f\u200b',
}
ATOMS = [
    *VARIABLES,
    "missing",
    "0",
    "1",
    "-1",
    "2",
    "10",
    "1.0",
    "0.1",
    "1e20",
    "1e-7",
    "''",
    "'a'",
    "'x y'",
    "' '",
    "','",
    "none",
    "true",
    "(s|wordcount)",
]
ATOMS += [
    "false",
    "[]",
    "{}",
    "()",
    "(1,)",
    "[1, 2]",
    "['b', 'a']",
    "{'k': 1}",
    "range(3)",
    "messages[0]",
    "d.items()",
    "d.keys()",
]
BINARY = "+ - * / // % ** ~ == != < <= > >= in and or".split() + ["not in"]
FILTERS = """abs capitalize count d default dictsort e escape first float forceescape int join last length list
lower items max min reject reverse round safe select sort string striptags sum title tojson trim unique upper urlencode
filesizeformat center""".split()
CALLS = [
    "batch(2)",
    "batch(3, 'z')",
    "center(9)",
    "default('q')",
    "default('q', true)",
    "dictsort(by='value')",
    "dictsort(true)",
    "dictsort(reverse=true)",
    "first|upper",
    "float(1.5)",
    "groupby('role')",
    "groupby(0)",
    "indent",
    "indent(2)",
    "indent(2, true)",
    "indent('> ', first=true, blank=true)",
    "int(5)",
    "int(0, 16)",
    "join('-')",
    "join(', ', attribute='role')",
    "map('upper')|list",
    "map(attribute='role')|list",
    "map('length')|list",
    "map(attribute='n', default=0)|list",
    "max(attribute='n')",
    "reject('none')|list",
    "rejectattr('n')|list",
    "replace('a', 'bb')",
    "replace('', '-')",
    "replace('l', 'L', 1)",
    "round(1)",
    "round(2, 'ceil')",
    "round(0, 'floor')",
    "select('string')|list",
    "select('gt', 1)|list",
    "selectattr('role', 'equalto', 'user')|list",
    "slice(2)|list",
    "slice(3, 'z')|list",
    "sort(reverse=true)",
    "sort(case_sensitive=true)",
    "sort(attribute='role')",
    "sum(start=10)",
    "tojson(indent=2)",
    "tojson(true)",
    "tojson(separators=(',', ':'))",
    "tojson(sort_keys=true)",
    "trim('a ')",
    "truncate(5)",
    "truncate(5, true)",
    "truncate(6, false, '…', 0)",
    "unique(true)|list",
    "unique|list",
    "reverse|list",
    "items|list",
    "format(1, 2)",
    "attr('upper')",
    "list|tojson",
    "string|length",
    "e|string",
    "safe + '<'",
    "xmlattr",
    "wordwrap(5)",
    "wordwrap(3, false, '/')",
    "wordwrap(4, break_on_hyphens=false)",
]
TESTS = """defined undefined none boolean false true integer float lower upper string mapping number sequence iterable
callable escaped odd even""".split()
TESTS += [
    "divisibleby(2)",
    "eq(1)",
    "ne 1",
    "sameas none",
    "sameas(true)",
    "in [1, 'a']",
    "gt 1",
    "lt(2)",
    "equalto 'a'",
    "filter",
    "test",
]
METHODS = [
    "strip()",
    "strip('a ')",
    "lstrip()",
    "rstrip('\\n ')",
    "split()",
    "split(',')",
    "split(' ', 1)",
    "split(None, 1)",
    "rsplit(None, 1)",
    "rsplit(',', 1)",
    "splitlines()",
    "upper()",
    "lower()",
    "title()",
    "capitalize()",
    "swapcase()",
    "casefold()",
    "startswith('a')",
    "startswith(('a', 'o'))",
    "endswith('e')",
    "replace('a', 'b')",
    "replace('', '.', 2)",
    "find('o')",
    "rfind('e')",
    "index('b')",
    "count('a')",
    "join(names)",
    "partition(',')",
    "rpartition(',')",
    "zfill(8)",
    "ljust(6, '.')",
    "rjust(6)",
    "center(7, '*')",
    "isdigit()",
    "isalpha()",
    "isalnum()",
    "isspace()",
    "isupper()",
    "islower()",
    "istitle()",
    "isnumeric()",
    "isdecimal()",
    "isidentifier()",
    "isascii()",
    "isprintable()",
    "removeprefix('on')",
    "removesuffix('ee')",
    "expandtabs(4)",
    "format(1, 'b', k=2)",
    "get('a')",
    "get('zz', 5)",
    "items()",
    "keys()|list",
    "values()|list",
    "copy()",
    "index(1)",
    "count(1)",
    "append(1)",
    "pop()",
    "update({})",
    "bit_length()",
    "is_integer()",
    "role",
    "content",
    "a",
    "items",
    "__class__",
    "x.y",
    "find('a', 1, 4)",
    "nope()",
]
FORMATS = [
    "%s",
    "%r",
    "%d",
    "%5.1f",
    "%-5s|",
    "%05d",
    "%x",
    "%e",
    "%g",
    "%+d",
    "%c",
    "%%",
    "%.2s",
    "%(k)s",
    "%i %s",
    "%#x",
    "% d",
    "%o",
]
SPECS = [
    "",
    ":>8",
    ":<8",
    ":^8",
    ":*^9",
    ":d",
    ":05d",
    ":.2f",
    ":,",
    ":x",
    ":e",
    ":g",
    ":%",
    "!r",
    "!s",
    ":.1",
    ":+",
    ":_",
    ":#x",
    ":s",
]
SUBSCRIPTS = [
    "[0]",
    "[-1]",
    "[9]",
    "['a']",
    "['role']",
    "[1:]",
    "[:2]",
    "[::-1]",
    "[-2:]",
    "[1:-1]",
    "[::2]",
    "[n]",
    "[none_value]",
    "['upper']()",
]


def expression(rng, depth):
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(ATOMS)
    inner = expression(rng, depth - 1)
    kind = rng.randrange(14)
    if kind < 2:
        return f"({inner} {rng.choice(BINARY)} {expression(rng, depth - 1)})"
    if kind < 4:
        return f"{inner}|{rng.choice(FILTERS)}"
    if kind < 6:
        return f"({inner}|{rng.choice(CALLS)})"
    if kind == 6:
        return f"({inner} is {rng.choice(['', 'not '])}{rng.choice(TESTS)})"
    if kind < 9:
        return f"{inner}.{rng.choice(METHODS)}"
    if kind == 9:
        return f"{inner}{rng.choice(SUBSCRIPTS)}"
    if kind == 10:
        return f"({inner} if {expression(rng, depth - 1)} else {expression(rng, depth - 1)})"
    if kind == 11:
        return rng.choice(
            [
                f"(not {inner})",
                f"(-{inner})",
                f"[{inner}, {rng.choice(ATOMS)}]",
                f"{{'k': {inner}}}",
                f"({inner},)",
                f"(+{inner})",
            ]
        )
    if kind == 12:
        return f"({rng.choice(FORMATS)!r} % {inner})"
    return f"'<{{0{rng.choice(SPECS)}}}>'.format({inner})"


# Statements: E is an expression, A a value, BODY a statement inside, SIGN and {% %} draw whitespace control.
STATEMENTS = [
    "{% if E %}\nBODY\n{% else %}no{% endif %}\n",
    "{% for x in E %}\n  BODY{{ loop.index }}/{{ loop.last }} {{ x }}\n{% else %}none\n{% endfor %}",
    "{% set v = E %}  \nBODY{{ v }}",
    "{% set v | upper %}BODY text{% endset %}{{ v }}",
    "{% macro m(a, b=A) %}[{{ a }},{{ b }}]{% endmacro %}{{ m(E) }}",
    "{% set ns = namespace(v=0) %}{% for x in xs %}{% set ns.v = ns.v + x %}BODY{% endfor %}{{ ns.v }}",
    "  {% with v = E %}\n {{ v }}BODY{% endwith %}",
    "{% filter upper %}BODY Ab {% endfilter %}",
    "{% filter indent(2) %}BODY Ab {% endfilter %}",
    "{% for x in xs if x != A %}{{ loop.length }}{% if x == 2 %}{% break %}{% endif %}BODY{% endfor %}",
    "{% for x in xs if x != A %}{{ loop.nextitem }}{% if x == 2 %}{% continue %}{% endif %}BODY{% endfor %}",
    "{% macro w() %}<{{ caller(1) }}>{% endmacro %}{% call(q) w() %}{{ q }}BODY{% endcall %}",
    "a\n {% generation %}\nBODYe {% endgeneration %}\n b {#- a comment #}\n",
    "{% raw %} {{ E }} {% endraw %}",
]


def whitespace_control(rng, tags):
    """`tags` with signs at some of its blocks."""
    out = []
    for piece in tags.split("{%"):
        out.append(piece if not out else "{%" + rng.choice(["", "", "-", "+"]) + piece)
    closed = "".join(out).split("%}")
    return "".join(piece + rng.choice(["", "", "-"]) + "%}" for piece in closed[:-1]) + closed[-1]


def statement(rng, depth):
    if depth == 0:
        return rng.choice(["{{ %s }}", "{{- %s -}}", " {{ %s }}\n"]) % expression(rng, 2)
    out = whitespace_control(rng, rng.choice(STATEMENTS)).replace("BODY", statement(rng, depth - 1))
    return re.sub(r"\bE\b", lambda _: expression(rng, 2), re.sub(r"\bA\b", lambda _: rng.choice(ATOMS), out))


def template(rng):
    return "\n".join(statement(rng, rng.choice([0, 0, 1, 2])) for _ in range(rng.randint(1, 2)))
