"""Malformed weights, each refused in one line that names what is wrong, soon and in little memory; and whole ones that
must load. The files are made here."""

import json
import struct
import time

import pytest
from bad_files import CONFIG, ROOT, inspect, refused
from raw_torch import (
    FLOATS,
    Member,
    archive,
    call,
    checkpoint,
    end64,
    members,
    name,
    pickled,
    state_dict,
    storage,
    tensor,
    text,
    value,
)

# --- PyTorch: the archive

GOOD = checkpoint()
SECOND = [Member("m/data.pkl", state_dict()), Member("m/data/0", FLOATS)]


def with_member(member, position=2):
    listed = members()
    listed[position] = member
    return archive(listed)


def with_data(**wrong):
    return with_member(Member("m/data/0", FLOATS, **wrong))


ARCHIVES = {
    "empty": (b"", "the file is empty"),
    "one byte": (b"P", "not a PyTorch checkpoint"),
    "magic only": (b"PK\x03\x04", "file too small"),
    "text": (b"Once upon a time there was a file", "not a PyTorch checkpoint: begins with 'Once upon a time'"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
    "gguf": (b"GGUF" + bytes(40), "version"),
    "html": (b"<!DOCTYPE html><html>", "HTML page"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(30), "HDF5"),
    "bare pickle": (state_dict(), "a bare pickle, as torch.save wrote before PyTorch 1.6"),
    "legacy pickle": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "weights_only=True"),
    "tar": (bytes(257) + b"ustar\x00" + bytes(300), "a tar archive, as torch.save wrote before PyTorch 1.6"),
    "no end record": (GOOD[:-22], "incomplete download?"),
    "half": (GOOD[: len(GOOD) // 2], "incomplete download?"),
    "end magic": (archive(members(), magic=0x06054B51), "the directory at the end of the file is missing"),
    "empty archive": (archive([]), "it has no data.pkl"),
    "trailing byte": (GOOD + b"\0", "the directory at the end of the file is missing"),
    "comment": (archive(members(), comment=b"hello"), "is missing"),
    "comment promised": (archive(members(), comment_bytes=65535), "bytes of a comment"),
    "fake end in a comment": (archive(members(), comment=archive([])[-22:] + bytes(100)), "is missing"),
    "two ends": (GOOD + archive([])[-22:], "must end at byte"),
    "two archives": (GOOD + GOOD, "must end at byte"),
    "disk": (archive(members(), disk=1), "one part of several"),
    "entries here": (archive(members(), entries_here=3), "one part of several"),
    "one entry more": (archive(members(), entries=5), "5"),
    "one entry less": (archive(members(), entries=3), "more than its 3 entries"),
    "65535 entries": (archive(members(), entries=65535), "65535"),
    "directory size": (archive(members(), size=9), "must end at byte"),
    "directory size wraps": (archive(members(), size=0xFFFFFFFF, offset=0xFFFFFFFF), "must end at byte"),
    "directory offset": (archive(members(), offset=3), "must end at byte"),
    "bytes before the directory": (archive(members(), gap=b"gap") + b"", None),
    "bytes after the entries": (archive(members(), after_entries=bytes(7)), "more than its 4 entries"),
    "entry magic": (with_data(magic=0x02014B51), "no entry of a directory"),
    "local magic": (with_data(local_magic=0x04034B51), "no local header stands at its place"),
    "local name": (with_data(local_name=b"m/data/1"), "its local header has another name"),
    "local name longer": (with_data(local_name=b"m/data/00"), "its local header has another name"),
    "local size": (with_data(local_size=20), "its local header says otherwise"),
    "local size of 32 bits": (with_data(local_size=0xFFFFFFFF), "its local header says otherwise"),
    "local flags": (with_data(local_flags=8), "its local header says otherwise"),
    "local method": (with_data(local_method=8), "its local header says otherwise"),
    "local sum": (with_data(local_sum=1), "its local header says otherwise"),
    "local extra": (with_data(local_extra_bytes=65535), "lie outside of the data"),
    "encrypted": (with_data(flags=1), "is encrypted"),
    "strong encryption": (with_data(flags=64), "flags 64"),
    "deflated": (with_data(method=8), "compressed members are not allowed"),
    "bzip2": (with_data(method=12), "compressed members are not allowed"),
    "zstd": (with_data(method=93), "compressed members are not allowed"),
    "folder with data": (with_data(attributes=16), "is marked as a folder, but has data"),
    "two sizes": (with_data(stored=20), "two sizes"),
    "size past the end": (with_data(size=2000), "lie outside of the data"),
    "size of 4 GiB": (with_data(size=0xFFFFFFFE), "lie outside of the data"),
    "zip64 without a field": (with_data(size=0xFFFFFFFF), "lie outside of the data"),
    "zip64 huge": (
        with_data(size=0xFFFFFFFF, extra=struct.pack("<HHQQ", 1, 16, 2**64 - 1, 2**64 - 1)),
        "lie outside of the data",
    ),
    "zip64 field too short": (with_data(size=0xFFFFFFFF, extra=struct.pack("<HHI", 1, 4, 24)), "zip64 field"),
    "place past the end": (with_data(place=5000), "lies outside"),
    "place of 4 GiB": (with_data(place=0xFFFFFFFE), "lies outside"),
    "place within another": (with_data(place=10), "no local header stands at its place"),
    "name past the end": (with_data(name_bytes=60000), "needs 60000 bytes"),
    "name empty": (with_member(Member("", FLOATS)), "a member without a name"),
    "name not UTF-8": (with_member(Member(b"m/\xff", FLOATS)), "is not UTF-8"),
    "name with NUL": (with_member(Member("m/\0", FLOATS)), "is not UTF-8"),
    "name absolute": (with_member(Member("/etc/passwd", FLOATS)), "leads out of the archive"),
    "name up": (with_member(Member("m/../../x", FLOATS)), "leads out of the archive"),
    "name all up": (with_member(Member("..", FLOATS)), "leads out of the archive"),
    "name of Windows": (with_member(Member("C:x", FLOATS)), "leads out of the archive"),
    "name with backslash": (with_member(Member("m\\x", FLOATS)), "leads out of the archive"),
    "name twice": (archive([*members(), Member("m/data/0", FLOATS)]), "is there twice"),
    "no pickle": (archive(members()[1:]), "it has no data.pkl"),
    "two pickles": (archive([*members(), Member("x/data.pkl", state_dict())]), "has two pickles"),
    "program": (archive([*members(), Member("m/constants.pkl", b"")]), "TorchScript"),
    "big-endian": (with_member(Member("m/byteorder", b"big"), 1), "big-endian checkpoint not supported"),
    "byte order long": (with_member(Member("m/byteorder", bytes(5000)), 1), "big-endian checkpoint not supported"),
    "sum of the pickle": (with_member(Member("m/data.pkl", state_dict(), sum=5), 0), "its checksum is wrong"),
    "no storage": (checkpoint(storages={}), "its storage '0' is not in the archive"),
    "storage short": (checkpoint(storages={"0": FLOATS[:-4]}), "is stored in 20 bytes"),
    "storage long": (checkpoint(storages={"0": FLOATS + b"\0"}), "is stored in 25 bytes"),
}


def overlapping():
    """Two entries of the directory for one local header."""
    listed = members()
    data, central, places = b"", b"", {}
    for member in listed:
        places[member.name] = len(data)
        central += member.central(len(data))
        data += member.local()
    inner = Member("m/data/1", FLOATS)
    central += Member("m/data/0x", FLOATS).central(places[b"m/data/0"])
    return archive([], before=data, after_entries=central, entries=len(listed) + 1), inner


ARCHIVES["one place twice"] = (overlapping()[0], "has another name")
del ARCHIVES["bytes before the directory"]  # harmless: see the good ones


def nested_member():
    inner = Member("m/data/1", b"hidden").local()
    outer = Member("m/data/0", inner + bytes(24))
    start = sum(len(m.local()) for m in members()[:2]) + 30 + len(b"m/data/0")
    return archive([*members()[:2], outer, Member("m/data/1", b"hidden", place=start)])


ARCHIVES["member inside another"] = (nested_member(), "overlaps member")


def zip64(**wrong):
    plain = archive(members())
    size, offset = struct.unpack("<II", plain[-10:-2])
    record = end64(wrong.pop("entries64", 4), wrong.pop("size64", size), wrong.pop("offset64", offset), 0)
    place = wrong.pop("place", len(plain) - 22)
    record = record[:-12] + struct.pack("<QI", place, 1)
    return archive(members(), end64=record, **wrong)


ARCHIVES |= {
    "zip64 entries": (zip64(entries64=2**63, entries=0xFFFF), "impossible"),
    "zip64 differs": (zip64(entries64=5), "the two end records differ"),
    "zip64 size": (zip64(size64=2**63, size=0xFFFFFFFF), "must end at byte"),
    "zip64 offset wraps": (zip64(offset64=2**64 - 1, offset=0xFFFFFFFF), "must end at byte"),
    "zip64 place": (zip64(place=0), "must lie before its locator"),
    "zip64 place huge": (zip64(place=2**64 - 1), "must lie before its locator"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_are_refused(tmp_path, case):
    data, part = ARCHIVES[case]
    refused(tmp_path, data, part)


@pytest.mark.parametrize("cut", range(1, 22))
def test_truncated_archives_are_refused(tmp_path, cut):
    refused(tmp_path, GOOD[: len(GOOD) * cut // 22], "m.pt")


# --- PyTorch: the pickle

OPERANDS = {
    "PROTO": b"\x80",
    "FRAME": b"\x95\0\0\0",
    "BININT": b"J\0\0",
    "BININT1": b"K",
    "BININT2": b"M\0",
    "LONG1": b"\x8a",
    "LONG1 digits": b"\x8a\x04\0",
    "LONG4": b"\x8b\0\0",
    "BINFLOAT": b"G\0\0\0\0",
    "BINUNICODE": b"X\0\0",
    "BINUNICODE text": b"X\x05\0\0\0abc",
    "BINUNICODE 4 GiB": b"X\xff\xff\xff\xff",
    "SHORT_BINUNICODE": b"\x8c",
    "SHORT_BINUNICODE text": b"\x8c\x05ab",
    "BINUNICODE8": b"\x8d\0\0\0",
    "BINUNICODE8 huge": b"\x8d" + b"\xff" * 8,
    "BINSTRING": b"T\0",
    "SHORT_BINSTRING": b"U",
    "BINBYTES": b"B\0\0",
    "BINBYTES huge": b"B\xff\xff\xff\xff",
    "SHORT_BINBYTES": b"C",
    "BINBYTES8": b"\x8e\0",
    "BINPUT": b"Nq",
    "LONG_BINPUT": b"Nr\0\0",
    "BINGET": b"h",
    "LONG_BINGET": b"j\0",
    "GLOBAL": b"c",
    "GLOBAL module": b"ctorch",
    "GLOBAL name": b"ctorch\nFloatSt",
}
REFUSED_OPCODES = {
    "POP": b"0",
    "POP_MARK": b"1",
    "DUP": b"2",
    "FLOAT": b"F",
    "INT": b"I",
    "LONG": b"L",
    "PERSID": b"P",
    "STRING": b"S",
    "UNICODE": b"V",
    "DICT": b"d",
    "GET": b"g",
    "INST": b"i",
    "LIST": b"l",
    "OBJ": b"o",
    "PUT": b"p",
    "NEWOBJ": b"\x81",
    "EXT1": b"\x82",
    "EXT2": b"\x83",
    "EXT4": b"\x84",
    "NEWOBJ_EX": b"\x92",
    "BYTEARRAY8": b"\x96",
    "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": b"\x98",
}
NAMES = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("__builtin__", "eval"),
    ("torch", "load"),
    ("torch.hub", "load"),
    ("torch.jit", "load"),
    ("torch.serialization", "load"),
    ("torch", "FloatStorage.from_file"),
    ("torch.storage", "_load_from_bytes"),
    ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ("torch._utils", "_rebuild_sparse_tensor"),
    ("torch._utils", "_rebuild_qtensor"),
    ("torch", "ComplexDoubleStorage"),
    ("torch", "QInt8Storage"),
    ("torch.nn.modules.linear", "Linear"),
    ("collections", "OrderedDict.fromkeys"),
    ("pickle", "loads"),
    ("_pickle", "Unpickler"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("functools", "partial"),
    ("operator", "attrgetter"),
    ("importlib", "import_module"),
    ("webbrowser", "open"),
    ("runpy", "_run_code"),
    ("", ""),
    ("torch", ""),
    ("sys\x1b[31m", "exit"),
]


@pytest.mark.parametrize("case", OPERANDS)
def test_truncated_words_are_refused(tmp_path, case):
    refused(tmp_path, checkpoint(b"\x80\x02" + OPERANDS[case]), "the file ends after")


@pytest.mark.parametrize("case", REFUSED_OPCODES)
def test_opcodes_that_no_data_needs_are_refused(tmp_path, case):
    words = b"\x80\x02NN)" + REFUSED_OPCODES[case] + b"1\n."
    refused(tmp_path, checkpoint(words), f"pickle opcode {case} is not allowed")


@pytest.mark.parametrize("code", [0x00, 0x07, 0x20, 0x41, 0x7F, 0x99, 0xA0, 0xFF])
def test_unknown_opcodes_are_refused(tmp_path, code):
    refused(tmp_path, checkpoint(b"\x80\x02" + bytes([code])), f"there is no opcode {code}")


@pytest.mark.parametrize("case", NAMES, ids=[".".join(n) for n in NAMES])
def test_names_are_refused_and_nothing_runs(tmp_path, case):
    canary = tmp_path / "canary"
    words = b"\x80\x02" + call(*case, f"touch {canary}") + b"."
    refused(tmp_path, checkpoint(words), "is no part of a state dict, and is not loaded (nothing was run)")
    by_stack = b"\x80\x04" + text(case[0]) + text(case[1]) + b"\x93" + value((f"touch {canary}",)) + b"R."
    refused(tmp_path, checkpoint(by_stack), "is no part of a state dict")
    assert not canary.exists()


def words(body, protocol=2):
    return b"\x80" + bytes([protocol]) + body + b"."


ORDERED = call("collections", "OrderedDict")
PICKLES = {
    "empty": (b"", "the file ends after 0"),
    "no stop": (state_dict()[:-1], "the file ends after 0"),
    "bytes after stop": (state_dict() + b"N", "bytes follow the end of the pickle"),
    "two values": (words(b"NN"), "must leave one value"),
    "no value": (words(b""), "must leave one value"),
    "an open mark": (words(b"N("), "must leave one value"),
    "protocol 0": (b"\x80\x00N.", "2 to 5 are read"),
    "protocol 1": (b"\x80\x01N.", "2 to 5 are read"),
    "protocol 6": (b"\x80\x06N.", "2 to 5 are read"),
    "frame past the end": (words(b"\x95" + struct.pack("<Q", 99) + b"N", 4), "frame"),
    "frame huge": (words(b"\x95" + b"\xff" * 8 + b"N", 4), "frame"),
    "stack underflow": (words(b"\x87"), "the stack has fewer"),
    "append to nothing": (words(b"Na"), "needs a value"),
    "mark underflow": (words(b"t"), "needs a mark"),
    "pop through a mark": (words(b"N(\x85"), "the stack has fewer"),
    "memo never set": (words(b"h\x05"), "memo 5 was never set"),
    "memo of 2^32-1": (words(b"Nr\xff\xff\xff\xff"), "memo 4294967295 comes before 0"),
    "memo get of 2^32-1": (words(b"j\xff\xff\xff\xff"), "memo 4294967295 was never set"),
    "memo of nothing": (words(b"q\x00"), "needs a value"),
    "setitem on a list": (words(b"]NNs"), "needs a dict, not a list"),
    "setitem on an integer": (words(b"K\x01NNs"), "needs a dict, not an integer"),
    "setitems on a tensor": (words(tensor() + b"(NNu"), "needs a dict, not an object"),
    "append to a dict": (words(b"}Na"), "needs a list, not a dict"),
    "append to a tuple": (words(b")Na"), "needs a list, not a tuple"),
    "additems to a list": (words(b"](N\x90", 4), "needs a set, not a list"),
    "odd setitems": (words(b"}(NNNu"), "a key without a value"),
    "long of 255 bytes": (words(b"\x8a\xff" + bytes(255)), "an integer of 255 bytes"),
    "long of 2^32-1 bytes": (words(b"\x8b\xff\xff\xff\xff"), "an integer of 4294967295 bytes"),
    "lone surrogate": (words(text(b"\xed\xa0\x80")), "not UTF-8"),
    "not UTF-8": (words(text(b"\xff")), "not UTF-8"),
    "a long name": (words(b"c" + b"a" * 5000 + b"\nb\n"), "a name of more than 256 bytes"),
    "stack global of numbers": (words(b"K\x01K\x02\x93", 4), "needs a text, not an integer"),
    "call of a number": (words(b"K\x01)R"), "needs a name, not an integer"),
    "call with a list": (words(name("collections", "OrderedDict") + b"]R"), "needs a tuple, not a list"),
    "call of a type": (words(name("torch", "float32") + b")R"), "is nothing to call"),
    "call of a storage type": (words(name("torch", "FloatStorage") + b")R"), "is nothing to call"),
    "build on a tensor": (words(tensor() + b"}b"), "BUILD is not allowed on an object"),
    "build on a list": (words(b"]}b"), "BUILD is not allowed on a list"),
    "nested tuples": (words(b")" + b"\x85" * 1_000_000), "nested deeper than 256"),
    "nested lists": (words(b"]" * 1_000_000 + b"a" * 999_999), "nested deeper than 256"),
    "nested dicts": (words(b"}" + b"N}" * 300 + b"s" * 300), "nested deeper than 256"),
    "many marks": (words(b"(" * 100_000), "more than 256 marks"),
    "a list of itself": (words(b"]q\x00" + b"h\x00a" * 300), "nested deeper than 256"),
    "4 Mi values": (words(b"(" + b"N" * 5_000_000 + b"t"), "at most 4194304 values"),
    "10^7 words": (words(b"K\x00q\x00" + b"q\x00" * 10_000_000), "must be"),
    "dict of a list": (words(call("collections", "OrderedDict", [1])), "a list of pairs"),
    "dict of triples": (words(call("collections", "OrderedDict", [(1, 2, 3)])), "a list of pairs"),
    "dict of a number": (words(call("collections", "OrderedDict", 1)), "a list of pairs"),
    "None": (words(b"N"), "is not a state dict"),
    "a list": (words(b"]" + tensor() + b"a"), "is not a state dict"),
    "a tensor": (words(tensor()), "is not a state dict"),
    "an empty dict": (words(b"}"), "is not a state dict"),
    "no tensors": (pickled({"epoch": 1, "state_dict": {"a": 1}}), "is not a state dict"),
    "no tensors below": (pickled({"model": {"model": {"w": tensor()}}}), "is not a state dict"),
    "name of a number": (words(b"}K\x01" + tensor() + b"s"), "no text for its name"),
    "name empty": (pickled({"": tensor()}), "1 to 1024 bytes"),
    "name long": (pickled({"n" * 1025: tensor()}), "1 to 1024 bytes"),
    "persistent number": (words(b"K\x01Q"), "a persistent id must be"),
    "persistent of 4": (words(value(("storage", name("torch", "FloatStorage"), "0", "cpu")) + b"Q"), "persistent id"),
    "persistent of 6": (
        words(value(("storage", name("torch", "FloatStorage"), "0", "cpu", 6, None)) + b"Q"),
        "a persistent id must be",
    ),
    "persistent module": (words(value(("module", name("torch", "FloatStorage"), "0", "cpu", 6)) + b"Q"), "persistent"),
    "storage type text": (words(value(("storage", "FloatStorage", "0", "cpu", 6)) + b"Q"), "a storage's type"),
    "storage type float32": (words(storage(kind="float32")), "a storage's type"),
    "storage key number": (words(value(("storage", name("torch", "FloatStorage"), 0, "cpu", 6)) + b"Q"), "persistent"),
    "storage count -1": (words(storage(count=-1)), "must be integers from 0 on"),
    "storage count text": (words(storage(count="6")), "must be integers from 0 on"),
    "storage key up": (state_dict(w=tensor(storage(key="../../etc/passwd"))), "is not in the archive"),
    "storage count 2^62": (
        state_dict(w=tensor(storage(count=2**62))),
        "its storage of 4611686018427387904 elements",
    ),
    "storage of doubles": (state_dict(w=tensor(storage(kind="DoubleStorage"))), "6 elements of 8 bytes"),
    "tensor of a text": (state_dict(w=tensor(value("0"))), "must be a view of a storage"),
    "tensor of a tensor": (state_dict(w=tensor(tensor())), "must be a view of a storage"),
    "tensor of 5": (
        words(call("torch._utils", "_rebuild_tensor_v2", storage(), 0, (6,), (1,), False)),
        "6 to 8 values",
    ),
    "tensor of none": (words(call("torch._utils", "_rebuild_tensor_v2")), "6 to 8 values"),
    "tensor without type": (
        words(call("torch._utils", "_rebuild_tensor_v3", storage(), 0, (6,), (1,), False, ORDERED, None)),
        "a tensor's type",
    ),
    "tensor of another type": (
        words(
            call("torch._utils", "_rebuild_tensor_v3", storage(), 0, (6,), (1,), False, ORDERED, name("torch", "int32"))
        ),
        "must be its storage's",
    ),
    "offset past": (state_dict(w=tensor(first=1)), "exceeds its storage of 6"),
    "offset -1": (state_dict(w=tensor(first=-1)), "must be integers from 0 on"),
    "offset 2^62": (state_dict(w=tensor(first=2**62)), "exceeds its storage of 6"),
    "empty before": (state_dict(w=tensor(first=-1, shape=(0,), strides=(1,))), "must be integers from 0 on"),
    "stride past": (state_dict(w=tensor(strides=(4, 1))), "exceeds its storage of 6"),
    "stride -1": (state_dict(w=tensor(strides=(3, -1))), "must be integers from 0 on"),
    "stride wraps": (state_dict(w=tensor(strides=(2**63 - 1, 2**63 - 1), shape=(3, 3))), "shape overflows"),
    "stride 0": (state_dict(w=tensor(shape=(7,), strides=(0,))), "a view of 7 elements"),
    "dim 2^40": (state_dict(w=tensor(shape=(2**40,), strides=(0,))), "a view of 1099511627776 elements"),
    "dims wrap": (state_dict(w=tensor(shape=(2**33, 2**33), strides=(0, 0))), "shape overflows"),
    "dim -1": (state_dict(w=tensor(shape=(-1, 3))), "must be integers from 0 on"),
    "dim real": (state_dict(w=tensor(shape=b"(G?\xf0\0\0\0\0\0\0K\x03t")), "must be integers from 0 on"),
    "dim true": (state_dict(w=tensor(shape=(True, 3))), "must be integers from 0 on"),
    "shape a list": (state_dict(w=tensor(shape=[2, 3])), "must be a tuple"),
    "65 dims": (state_dict(w=tensor(shape=(1,) * 65, strides=(1,) * 65)), "65 dimensions: at most 64"),
    "two lengths": (state_dict(w=tensor(strides=(1,))), "of one length"),
    "subclass": (
        words(call("torch._tensor", "_rebuild_from_type_v2", name("collections", "OrderedDict"), None, (), None)),
        "must rebuild a plain tensor",
    ),
    "subclass of nothing": (words(call("torch._tensor", "_rebuild_from_type_v2")), "needs 4 values"),
}
PICKLES["10^7 words"] = (words(b"Nq\x00" + b"q\x00" * 10_000_000), "is not a state dict")


@pytest.mark.parametrize("case", PICKLES)
def test_pickles_are_refused(tmp_path, case):
    data, part = PICKLES[case]
    refused(tmp_path, checkpoint(data), part)


# --- whole ones: the tensors are right, and only the model's are missing


def loads(tmp_path, data):
    return refused(tmp_path, data, "tensor 'output_proj.weight': is missing")


def many_views(n):
    """One storage, seen n times."""
    made = b"\x80\x02}(" + text("w0") + tensor() + b"q\x00"
    return made + b"".join(text(f"w{i}") + b"h\x00" for i in range(1, n)) + b"u."


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        archive(members(), gap=b"gap"),
        zip64(),
        zip64(entries=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF),
        archive([Member("m/", b"", attributes=16), *members()]),
        archive(members(folder="")),
        archive(members(folder="a/b/")),
        checkpoint(state_dict(w=tensor(shape=(), strides=()))),
        checkpoint(state_dict(w=tensor(shape=(0, 3)))),
        checkpoint(state_dict(w=tensor(first=2**62, shape=(0,), strides=(1,)))),
        checkpoint(state_dict(w=tensor(shape=(1,) * 64, strides=(99,) * 64))),
        checkpoint(state_dict(w=tensor(shape=(6,), strides=(0,)))),
        checkpoint(many_views(100_000)),
        checkpoint(words(value({"w": tensor()}) + b"}" + text("_metadata") + b"Nsb")),
        checkpoint(pickled({"w": tensor(), "version": 1, "note": None})),
    ],
    ids=len,  # not the bytes: they are the environment of what is run
)
def test_whole_checkpoints_are_read(tmp_path, data):
    loads(tmp_path, data)


# --- indices of shards

INDICES = {
    "up": ({"w": "../m.bin"}, "in the same folder, without any path"),
    "absolute": ({"w": "/etc/passwd"}, "in the same folder, without any path"),
    "missing": ({"w": "no.bin"}, "is missing from the folder"),
    "number": ({"w": 1}, "must be a file name"),
    "empty": ({}, "weight_map"),
    "another": ({"v": "m.bin"}, "is not in its shard 'm.bin'"),
    "twice": ({"w": "m.bin", "x": "n.bin"}, "is in two shards"),
}


@pytest.mark.parametrize("case", INDICES)
def test_indices_are_refused(tmp_path, case):
    weight_map, part = INDICES[case]
    for shard in ("m.bin", "n.bin"):
        (tmp_path / shard).write_bytes(GOOD)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"model_type": "fundamentallm"}))
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    code, out, err, *_ = inspect(tmp_path)
    assert code == 2 and out == b"" and err.count("\n") == 1
    assert part in err and "pytorch_model.bin.index.json" in err


def test_refusals_are_quick():
    begin = time.monotonic()
    assert inspect(ROOT / "no such model")[0] == 2
    assert time.monotonic() - begin < 20
