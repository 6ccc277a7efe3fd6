"""Checkpoints as torch.save writes them, right or wrong in any byte: the pickle word by word, the archive record by
record. Needs neither torch nor zipfile."""

import struct
import zlib


def text(s):
    data = s if isinstance(s, bytes) else s.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(n):
    if 0 <= n < 256:
        return b"K" + bytes([n])
    if -(2**31) <= n < 2**31:
        return b"J" + struct.pack("<i", n)
    return b"\x8a\x08" + struct.pack("<q", n)


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def value(v):
    if isinstance(v, bytes):
        return v  # already words
    if isinstance(v, bool):
        return b"\x88" if v else b"\x89"
    if v is None:
        return b"N"
    if isinstance(v, str):
        return text(v)
    if isinstance(v, int):
        return integer(v)
    if isinstance(v, tuple):
        return b"(" + b"".join(map(value, v)) + b"t"
    if isinstance(v, list):
        return b"](" + b"".join(map(value, v)) + b"e"
    return b"}(" + b"".join(value(k) + value(x) for k, x in v.items()) + b"u"


def call(module, attribute, *arguments):
    return name(module, attribute) + value(tuple(arguments)) + b"R"


def storage(key="0", count=6, kind="FloatStorage", module="torch"):
    return value(("storage", name(module, kind), key, "cpu", count)) + b"Q"


def tensor(of=None, first=0, shape=(2, 3), strides=(3, 1)):
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        storage() if of is None else of,
        first,
        shape,
        strides,
        False,
        call("collections", "OrderedDict"),
    )


def pickled(v, protocol=2):
    return b"\x80" + bytes([protocol]) + value(v) + b"."


def state_dict(**tensors):
    return pickled(tensors or {"w": tensor()})


class Member:
    """One member; what is None is what it should be."""

    def __init__(self, name, data, **wrong):
        self.name, self.data = name.encode() if isinstance(name, str) else name, data
        self.wrong = wrong

    def field(self, key, right):
        return self.wrong.get(key, right)

    def local(self):
        size = self.field("local_size", len(self.data))
        name = self.field("local_name", self.name)
        return (
            struct.pack(
                "<IHHHHHIIIHH",
                self.field("local_magic", 0x04034B50),
                0,
                self.field("local_flags", self.field("flags", 0)),
                self.field("local_method", self.field("method", 0)),
                0,
                0,
                self.field("local_sum", self.field("sum", zlib.crc32(self.data))),
                size,
                size,
                len(name),
                self.field("local_extra_bytes", len(self.field("local_extra", b""))),
            )
            + name
            + self.field("local_extra", b"")
            + self.data
        )

    def central(self, place):
        size = self.field("size", len(self.data))
        extra = self.field("extra", b"")
        return (
            struct.pack(
                "<IHHHHHHIIIHHHHHII",
                self.field("magic", 0x02014B50),
                0,
                0,
                self.field("flags", 0),
                self.field("method", 0),
                0,
                0,
                self.field("sum", zlib.crc32(self.data)),
                self.field("stored", size),
                size,
                self.field("name_bytes", len(self.name)),
                len(extra),
                0,
                0,
                0,
                self.field("attributes", 0),
                self.field("place", place),
            )
            + self.name
            + extra
        )


def archive(members, **wrong):
    """The members one after the other, the directory, the end record; `wrong` overrides fields of the last."""
    data, central = wrong.get("before", b""), b""
    for member in members:
        central += member.central(len(data))
        data += member.local()
    data += wrong.get("gap", b"")
    central += wrong.get("after_entries", b"")
    end = struct.pack(
        "<IHHHHIIH",
        wrong.get("magic", 0x06054B50),
        wrong.get("disk", 0),
        0,
        wrong.get("entries_here", wrong.get("entries", len(members))),
        wrong.get("entries", len(members)),
        wrong.get("size", len(central)),
        wrong.get("offset", len(data)),
        wrong.get("comment_bytes", len(wrong.get("comment", b""))),
    )
    return data + central + wrong.get("end64", b"") + end + wrong.get("comment", b"")


def end64(entries, size, offset, place, **wrong):
    record = struct.pack("<IQHHIIQQQQ", wrong.get("magic", 0x06064B50), 44, 0, 0, 0, 0, entries, entries, size, offset)
    return record + struct.pack("<IIQI", wrong.get("locator", 0x07064B50), 0, place, 1)


FLOATS = struct.pack("<6f", *range(6))


def members(pickle=None, storages=None, folder="m/"):
    listed = [Member(folder + "data.pkl", state_dict() if pickle is None else pickle)]
    listed += [Member(folder + "byteorder", b"little")]
    for key, data in ({"0": FLOATS} if storages is None else storages).items():
        listed.append(Member(f"{folder}data/{key}", data))
    return listed + [Member(folder + "version", b"3\n")]


def checkpoint(pickle=None, storages=None):
    return archive(members(pickle, storages))
