"""tools/check_layers.py finds each kind of wrong include."""

import check_layers
import pytest

FILES = {
    "include/skald/error.h": "#pragma once\n#include <string>\n",
    "src/base/file.h": "#pragma once\n",
    "src/json/value.h": '#include "base/file.h"\n#include <nlohmann/json.hpp>\n',
    "src/models/llama.h": "",
    "src/models/blocks.h": "",
    "src/models/gemma.cc": '#include "models/blocks.h"\n',
    "src/models/registry.cc": '#include "models/llama.h"\n{"llama", &make_llama}, {"gemma", &make_gemma}\n',
    "src/engine/engine.cc": '#include "json/value.h"\n#include "models/llama.h"\n#include "skald/error.h"\n',
    "cli/args.h": "",
    "cli/main.cc": '#include "args.h"\n#include "skald/error.h"\n#include <vector>\n',
}


def offenders(root, files):
    for name, text in (FILES | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check_layers.check(root)


def test_accepts_the_allowed_directions(tmp_path):
    assert offenders(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("src/base/a.cc", '#include "json/value.h"\n', "src/base may not include"),
        ("src/json/a.cc", '#include "engine/engine.cc"\n', "src/json may not include"),
        ("src/json/a.cc", '#include "value.h"\n', "names no file"),
        ("src/other/a.cc", '#include "base/file.h"\n', "no folder of the layer order"),
        ("src/models/qwen2.cc", '#include "models/llama.h"\n', "do not include each other"),
        ("src/engine/a.cc", "#include <nlohmann/json.hpp>\n", "src/json alone"),
        ("src/base/a.cc", "#include <immintrin.h>\n", "src/kernels alone"),
        ("include/skald/a.h", "#ifdef X\n#endif\n", "no conditional code"),
        ("include/skald/a.h", '#include "base/file.h"\n', "include only"),
        ("include/skald/a.h", "#include <nlohmann/json.hpp>\n", "no third-party header"),
        ("cli/a.cc", '  #  include "base/file.h"\n', "cli may include only include/skald"),
    ],
)
def test_finds(tmp_path, name, text, reason):
    found = offenders(tmp_path, {name: text})
    assert len(found) == 1
    assert found[0].startswith(f"{name}:1: ")
    assert reason in found[0]
