"""Models in several GGUF files through the command: any part names all, and a fault is said of the part that has it."""

import shutil
import struct

import pytest
from conftest import ROOT, refused, run

WHOLE = ROOT / "tests" / "data" / "gguf" / "llama.gguf"
OTHER = ROOT / "tests" / "data" / "gguf" / "llama-biases.gguf"
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
TEXT, ARRAY = 8, 9


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def text(self):
        return self.take(self.number("Q"))

    def skip(self, kind):
        if kind == TEXT:
            self.text()
        elif kind == ARRAY:
            item, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.skip(item)
        else:
            self.take(WIDTHS[kind])


def read(path):
    """(keys with their values as they are stored, [(header without offset, bytes)])."""
    reader = Reader(path.read_bytes())
    reader.take(8)
    n_tensors, n_keys = reader.number("Q"), reader.number("Q")
    begin = reader.at
    for _ in range(n_keys):
        reader.text()
        reader.skip(reader.number("I"))
    keys = (n_keys, reader.data[begin : reader.at])
    heads = []
    for _ in range(n_tensors):
        start = reader.at
        reader.text()
        reader.take(8 * reader.number("I") + 4)
        heads.append((reader.data[start : reader.at], reader.number("Q")))
    data = reader.data[(reader.at + 31) // 32 * 32 :]
    ends = [*sorted(offset for _, offset in heads)[1:], len(data)]
    ends = dict(zip(sorted(offset for _, offset in heads), ends, strict=True))
    return keys, [(head, data[offset : ends[offset]]) for head, offset in heads]


def write_part(path, keys, number, count, tensors, total):
    """As llama-gguf-split does: the first part has all keys, the others only those of the split."""
    n_keys, stored = keys if number == 0 else (0, b"")
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), n_keys + 3) + stored
    for key, form, kind, value in (("no", "H", 2, number), ("count", "H", 2, count), ("tensors.count", "i", 5, total)):
        name = f"split.{key}".encode()
        out += struct.pack("<Q", len(name)) + name + struct.pack("<I" + form, kind, value)
    offset, data = 0, b""
    for head, values in tensors:
        out += head + struct.pack("<Q", offset)
        data += values + bytes(-len(values) % 32)
        offset = len(data)
    path.write_bytes(out + bytes(-len(out) % 32) + data)


def split(whole, folder, count=3):
    keys, tensors = read(whole)
    size = -(-len(tensors) // count)
    paths = [folder / f"m-{number + 1:05}-of-{count:05}.gguf" for number in range(count)]
    for number, path in enumerate(paths):
        write_part(path, keys, number, count, tensors[number * size : (number + 1) * size], len(tensors))
    return paths


def tokens(model):
    result = run("generate", model, "--ids", "1,2,3,4,5", "--no-sample", "--max-tokens", "20", "--ignore-eos", "--json")
    assert result.code == 0, result.err
    return result.json["token_ids"]


@pytest.fixture
def parts(tmp_path):
    return split(WHOLE, tmp_path)


def test_any_part_is_the_whole_model(parts):
    expected = tokens(WHOLE)
    whole = run("inspect", WHOLE, "--json").json
    for part in parts:
        assert tokens(part) == expected
        found = run("inspect", part, "--json").json
        same = ("architecture", "parameters", "tensors", "layers", "dtype", "format")
        assert {key: found[key] for key in same} == {key: whole[key] for key in same}


def test_a_missing_part_is_named(parts):
    parts[1].unlink()
    for part in (parts[0], parts[2]):
        for command in (("generate", part, "--ids", "1"), ("inspect", part)):
            line = refused(*command)
            assert f"{parts[1]}: is missing: it is part 2 of 3 of the model in '{part.name}'" in line
            assert "incomplete download?" in line
    assert f"{parts[1]}: no such file or folder" in refused("inspect", parts[1])


def test_parts_in_a_wrong_order(parts):
    shutil.copy(parts[1], parts[1].with_suffix(".kept"))
    shutil.copy(parts[2], parts[1])
    shutil.move(parts[1].with_suffix(".kept"), parts[2])
    line = refused("inspect", parts[0])
    assert f"{parts[1]}: is part 3 of 3, part 2 of 3 is expected here" in line
    assert "its name must end in -00003-of-00003.gguf" in refused("inspect", parts[1])


def test_a_part_of_another_model(parts, tmp_path):
    (tmp_path / "other").mkdir()
    other = split(OTHER, tmp_path / "other")
    shutil.copy(other[2], parts[2])
    line = refused("inspect", parts[0])
    assert f"{parts[2]}: split.tensors.count = 35: is a part of another model: the first part has 21" in line


def test_a_part_that_ends_early(parts):
    parts[2].write_bytes(parts[2].read_bytes()[:-64])
    line = refused("generate", parts[0], "--ids", "1")
    assert str(parts[2]) in line and "incomplete download?" in line
    parts[2].write_bytes(parts[2].read_bytes()[:30])
    assert str(parts[2]) in refused("generate", parts[0], "--ids", "1")


def test_a_renamed_part_says_what_its_name_must_be(parts, tmp_path):
    renamed = parts[0].rename(tmp_path / "model.gguf")
    line = refused("generate", renamed, "--ids", "1")
    assert "is part 1 of 3 of a split model: its name must end in -00001-of-00003.gguf" in line
