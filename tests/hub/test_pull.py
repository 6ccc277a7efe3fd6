"""`skald pull`, and names in the place of paths, against a hub on this machine that speaks the Hub's HTTP API, and
misbehaves where a test wants it to."""

import hashlib
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
MODEL = ROOT / "models" / "skald-tales"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SECRET = "hf_secret"


def git_sum(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """Repositories by id, and faults by path: each a list of what happens to the next requests."""

    def __init__(self):
        self.repositories, self.faults, self.requests, self.private = {}, {}, [], set()
        self.moved = False  # large files come from another host

    def add(self, name, files, large=(".safetensors", ".bin", ".gguf", ".pt")):
        self.repositories[name] = {
            path: (data, path.endswith(large)) for path, data in files.items() if not isinstance(data, Path)
        } | {path: (data.read_bytes(), path.endswith(large)) for path, data in files.items() if isinstance(data, Path)}

    def listing(self, name):
        files = []
        for path, (data, is_large) in self.repositories[name].items():
            entry = {"rfilename": path, "size": len(data), "blobId": git_sum(data)}
            if is_large:
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            files.append(entry)
        return {"id": name, "sha": COMMIT, "siblings": files}

    def paths(self):
        return [path for path, _, _ in self.requests]


class Handler(BaseHTTPRequestHandler):
    hub = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = unquote(self.path)
        token = self.headers.get("Authorization", "")
        self.hub.requests.append((path, self.headers.get("Range"), token))
        fault = self.hub.faults[path].pop(0) if self.hub.faults.get(path) else None
        if isinstance(fault, tuple):
            return self.answer(fault[0], b"busy", **(fault[1] if len(fault) > 1 else {}))
        parts = path.split("?")[0].strip("/").split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[0:2] if parts[0] != "cdn" else parts[1:3])
        if name in self.hub.private and token != f"Bearer {SECRET}" and parts[0] != "cdn":
            return self.answer(401)
        if name not in self.hub.repositories:
            return self.answer(404 if token else 401)
        if parts[0] == "api":
            if parts[5] not in ("main", "v2"):
                return self.answer(404)
            text = json.dumps(self.hub.listing(name)).encode()
            return self.answer(200, text if fault != "half a listing" else text[:-40])
        file = "/".join(parts[4:] if parts[0] != "cdn" else parts[3:])
        if file not in self.hub.repositories[name]:
            return self.answer(404)
        data, is_large = self.hub.repositories[name][file]
        if self.hub.moved and is_large and parts[0] != "cdn":
            return self.answer(302, Location=f"http://localhost:{self.server.server_port}/cdn/{name}/{file}")
        return self.send_file(data, fault)

    def send_file(self, data, fault):
        begin = 0
        wanted = self.headers.get("Range")
        if fault == "damaged":
            data = bytes([data[0] ^ 1]) + data[1:]
        if wanted and fault != "no ranges":
            begin = int(wanted.removeprefix("bytes=").split("-")[0])
            if begin >= len(data):
                return self.answer(416)
        rest = data[begin:]
        headers = {"Content_Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        if fault == "cut":
            self.answer(206 if begin else 200, rest[: len(rest) // 2], Content_Length=str(len(rest)), **headers)
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return None
        if fault == "short":
            rest = rest[: len(rest) // 2]
        if fault == "long":
            rest += b"more"
        return self.answer(206 if begin else 200, rest, **headers)


@pytest.fixture
def hub():
    made = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": made}))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(hub, tmp_path):
    def call(*arguments, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
        env |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "no_proxy": "*"} | more
        return subprocess.run([BINARY, *arguments], capture_output=True, env=env, timeout=60, check=False)

    return call


@pytest.fixture
def lora(tmp_path):
    """An adapter of the shipped model that changes its texts."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 1, "lora_alpha": 4}')
    header, data = {}, b""
    for name, shape in {"lora_A": [1, 512], "lora_B": [512, 1]}.items():
        key = f"base_model.model.model.layers.0.self_attn.q_proj.{name}.weight"
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 2048]}
        data += b"\0\0\x80\x3f" * 512
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    return folder


CONFIG = b'{"model_type": "llama"}'
WEIGHTS = bytes(range(256)) * 800
FILES = {
    "config.json": CONFIG,
    "tokenizer.json": b"{}",
    "model.safetensors": WEIGHTS,
    "README.md": b"# hello",
    "pytorch_model.bin": b"the same again",
    "onnx/model.onnx": b"other",
    "original/params.json": b"{}",
    "LICENSE": b"free",
}


def cached(tmp_path, name="org/tiny"):
    return tmp_path / "hf" / "hub" / ("models--" + name.replace("/", "--"))


def expect_whole(tmp_path, files=("config.json", "tokenizer.json", "model.safetensors", "LICENSE")):
    folder = cached(tmp_path)
    snapshot = folder / "snapshots" / COMMIT
    assert (folder / "refs" / "main").read_text() == COMMIT
    assert sorted(p.name for p in snapshot.iterdir()) == sorted(files)
    for name in files:
        assert (snapshot / name).is_symlink() and not os.path.isabs(os.readlink(snapshot / name))
        assert (snapshot / name).read_bytes() == FILES[name]
    assert not list((folder / "blobs").glob("*.incomplete"))
    assert (folder / "blobs" / hashlib.sha256(WEIGHTS).hexdigest()).exists()
    assert (folder / "blobs" / git_sum(CONFIG)).exists()


def refused(result, *parts, code=2):
    line = result.stderr.decode()
    assert result.returncode == code and result.stdout == b"", line
    assert line.count("\n") == 1 and all(c.isprintable() for c in line[:-1])
    for part in parts:
        assert part in line


def test_pull_fetches_what_the_model_needs(hub, run, tmp_path):
    hub.add("org/tiny", FILES)
    result = run("pull", "org/tiny", "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    total = sum(len(FILES[f]) for f in ("config.json", "tokenizer.json", "model.safetensors", "LICENSE"))
    assert answer == {
        "path": str(cached(tmp_path) / "snapshots" / COMMIT),
        "commit": COMMIT,
        "files": 4,
        "bytes": total,
        "bytes_fetched": total,
    }
    expect_whole(tmp_path)
    again = json.loads(run("pull", "org/tiny", "--json").stdout)
    assert again["bytes_fetched"] == 0
    assert len([p for p in hub.paths() if "resolve" in p]) == 4


def test_a_name_is_fetched_and_runs(hub, run):
    hub.add("skald/tales", {p.name: p for p in MODEL.iterdir() if p.is_file()})
    text = ["--prompt", "Once upon a time", "--no-sample", "--max-tokens", "8"]
    result = run("generate", "skald/tales", *text)
    assert result.returncode == 0, result.stderr
    assert b"asking the hub" in result.stderr
    assert result.stdout == run("generate", MODEL, *text).stdout
    hub.requests.clear()
    assert run("generate", "skald/tales", *text, HF_HUB_OFFLINE="1").stdout == result.stdout
    assert run("generate", "skald/tales", *text).stdout == result.stdout
    assert not hub.requests


def test_companions_are_fetched_by_name(hub, run, lora):
    """A draft, an expert and adapters, as the model itself; an adapter is called by the last part of its name."""
    hub.add("skald/tales", {p.name: p for p in MODEL.iterdir() if p.is_file()})
    hub.add("me/voice", {p.name: p for p in lora.iterdir()})
    text = [MODEL, "--prompt", "Once upon a time", "--no-sample", "--max-tokens", "8"]
    plain = run("generate", *text).stdout
    assert run("generate", *text, "--draft-model", "skald/tales").stdout == plain
    adapted = run("generate", *text, "--lora", "me/voice").stdout
    assert adapted == run("generate", *text, "--lora", lora).stdout != plain
    hub.requests.clear()
    assert run("generate", *text, "--lora", "me/voice=0", "--adapter", "voice").stdout == plain
    expert = ["--expert", "other=skald/tales", "--experts", '[{"expert": "other", "weight": 0.5}]']
    assert run("generate", *text, *expert, HF_HUB_OFFLINE="1").returncode == 0
    refused(run("generate", *text, "--lora", "me/other=0.5", HF_HUB_OFFLINE="1"), "me/other", "skald pull me/other")
    assert not hub.requests


def test_offline_stays_off_the_network(hub, run):
    hub.add("org/tiny", FILES)
    for value in ("1", "true", "ON"):
        refused(run("pull", "org/tiny", HF_HUB_OFFLINE=value), "HF_HUB_OFFLINE")
        refused(run("generate", "org/tiny", "--prompt", "x", HF_HUB_OFFLINE=value), "org/tiny", "skald pull org/tiny")
    assert not hub.requests


def test_paths_are_never_fetched(hub, run, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    result = subprocess.run(
        [BINARY, "inspect", "a/b"],
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"HF_ENDPOINT": hub.url},
        check=False,
    )
    assert result.returncode == 2 and not hub.requests


@pytest.mark.parametrize("fault", ["cut", "short", (503,), (500,), (429, {"Retry-After": "1"}), (408,)])
def test_faults_that_pass_are_tried_again(hub, run, tmp_path, fault):
    hub.add("org/tiny", FILES)
    hub.faults[f"/org/tiny/resolve/{COMMIT}/model.safetensors"] = [fault, fault]
    assert run("pull", "org/tiny").returncode == 0
    expect_whole(tmp_path)
    if fault in ("cut", "short"):  # each further request asks for what is missing
        ranges = [r for p, r, _ in hub.requests if p.endswith("model.safetensors")]
        half = len(WEIGHTS) // 2
        assert ranges == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_listings_are_tried_again(hub, run, tmp_path):
    hub.add("org/tiny", FILES)
    hub.faults["/api/models/org/tiny/revision/main?blobs=true"] = [(502,), (429,)]
    assert run("pull", "org/tiny").returncode == 0
    expect_whole(tmp_path)


def test_an_interrupted_download_goes_on(hub, run, tmp_path):
    hub.add("org/tiny", FILES)
    blobs = cached(tmp_path) / "blobs"
    blobs.mkdir(parents=True)
    partial = blobs / (hashlib.sha256(WEIGHTS).hexdigest() + ".incomplete")
    partial.write_bytes(WEIGHTS[:1000])
    assert run("pull", "org/tiny").returncode == 0
    assert [r for p, r, _ in hub.requests if p.endswith("model.safetensors")] == ["bytes=1000-"]
    expect_whole(tmp_path)


@pytest.mark.parametrize("left", [0, 1000, len(WEIGHTS), len(WEIGHTS) + 5])
def test_servers_without_ranges_and_odd_remains(hub, run, tmp_path, left):
    hub.add("org/tiny", FILES)
    blobs = cached(tmp_path) / "blobs"
    blobs.mkdir(parents=True)
    remains = (WEIGHTS + b"extra")[:left]
    (blobs / (hashlib.sha256(WEIGHTS).hexdigest() + ".incomplete")).write_bytes(remains)
    hub.faults[f"/org/tiny/resolve/{COMMIT}/model.safetensors"] = ["no ranges"]
    assert run("pull", "org/tiny").returncode == 0
    expect_whole(tmp_path)


def test_wrong_remains_are_found_by_the_sum(hub, run, tmp_path):
    hub.add("org/tiny", FILES)
    blobs = cached(tmp_path) / "blobs"
    blobs.mkdir(parents=True)
    (blobs / (hashlib.sha256(WEIGHTS).hexdigest() + ".incomplete")).write_bytes(b"x" * 1000)
    refused(run("pull", "org/tiny", "-q"), "org/tiny/model.safetensors", "another checksum", "try again")
    assert run("pull", "org/tiny").returncode == 0
    expect_whole(tmp_path)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_damage_is_refused(hub, run, tmp_path, file):
    hub.add("org/tiny", FILES)
    hub.faults[f"/org/tiny/resolve/{COMMIT}/{file}"] = ["damaged"]
    refused(run("pull", "org/tiny", "-q"), f"org/tiny/{file}", "another checksum than the hub promises")
    assert not (cached(tmp_path) / "refs").exists()
    assert run("pull", "org/tiny").returncode == 0
    expect_whole(tmp_path)


def test_too_much_is_cut_off(hub, run, tmp_path):
    hub.add("org/tiny", FILES)
    hub.faults[f"/org/tiny/resolve/{COMMIT}/model.safetensors"] = ["long"]
    assert run("pull", "org/tiny").returncode == 0
    expect_whole(tmp_path)


def test_redirects_are_followed_without_the_token(hub, run, tmp_path):
    hub.add("org/tiny", FILES)
    hub.private.add("org/tiny")
    hub.moved = True
    assert run("pull", "org/tiny", HF_TOKEN=SECRET).returncode == 0
    expect_whole(tmp_path)
    tokens = {p.startswith("/cdn"): t for p, _, t in hub.requests}
    assert tokens == {False: f"Bearer {SECRET}", True: ""}


def test_tokens(hub, run, tmp_path):
    hub.add("org/tiny", FILES)
    hub.private.add("org/tiny")
    refused(run("pull", "org/tiny"), "the hub answers 401", "set HF_TOKEN")
    wrong = run("pull", "org/tiny", HF_TOKEN="wrong")
    refused(wrong, "this token has no access", "accept the model's terms at")
    assert b"wrong" not in wrong.stderr
    refused(run("pull", "org/tiny", HF_TOKEN="a\r\nX: y"), "HF_TOKEN", "characters that no token has")
    (tmp_path / "hf").mkdir(exist_ok=True)
    (tmp_path / "hf" / "token").write_text(SECRET + "\n")
    assert run("pull", "org/tiny").returncode == 0


def test_refusals_of_the_hub(hub, run):
    hub.add("org/tiny", FILES)
    refused(run("pull", "org/none", HF_TOKEN="x"), "org/none: the hub answers 404: no such model")
    refused(run("pull", "org/tiny@other"), "the hub answers 404")
    hub.faults["/api/models/org/tiny/revision/main?blobs=true"] = [(403,)]
    refused(run("pull", "org/tiny"), "the hub answers 403")
    hub.faults["/api/models/org/tiny/revision/main?blobs=true"] = [(503, {"Retry-After": "0"})] * 9
    refused(run("pull", "org/tiny"), "the hub answers 503: try again later")
    hub.faults.clear()
    hub.faults["/api/models/org/tiny/revision/main?blobs=true"] = ["half a listing"]
    refused(run("pull", "org/tiny"), "revision/main")


def test_a_hub_that_is_not_there(run):
    refused(run("pull", "org/tiny", HF_ENDPOINT="http://127.0.0.1:9"), "org/tiny", "cannot be fetched from")
    refused(run("pull", "org/tiny", HF_ENDPOINT="ftp://host"), "HF_ENDPOINT", "must begin with https:// or http://")


@pytest.mark.parametrize(
    "name", ["tiny", "a/b/c", "../x", "org/..", "org/x@", "org/x:", "org/x@../y", "org/x:a b", "/x/y"]
)
def test_names_are_checked(hub, run, name):
    refused(run("pull", name), "must be ORGANISATION/MODEL")
    assert not hub.requests


def with_entry(**wrong):
    return {"sha": COMMIT, "siblings": [{"rfilename": "config.json", "size": 1, "blobId": "0" * 40} | wrong]}


BAD_LISTINGS = [
    ([], "must be an object"),
    ({}, "sha"),
    ({"sha": "../../x", "siblings": []}, "sha"),
    ({"sha": COMMIT}, "siblings"),
    ({"sha": COMMIT, "siblings": 1}, "siblings"),
    ({"sha": COMMIT, "siblings": [1]}, "siblings[0]"),
    (with_entry(rfilename="../../../../.bashrc"), "rfilename"),
    (with_entry(rfilename="/etc/passwd"), "rfilename"),
    (with_entry(rfilename="a/../b"), "rfilename"),
    (with_entry(rfilename="a\nb"), "rfilename"),
    (with_entry(rfilename=""), "rfilename"),
    (with_entry(size=-1), "size"),
    (with_entry(size="1"), "size"),
    (with_entry(size=1e300), "size"),
    (with_entry(blobId="../../x"), "blobId"),
    (with_entry(blobId="0" * 39), "blobId"),
    (with_entry(lfs={"sha256": "0" * 63}), "sha256"),
    (with_entry(lfs={}), "sha256"),
    ({"sha": COMMIT, "siblings": []}, "has no weights"),
    (with_entry(), "has no weights"),
]


@pytest.mark.parametrize("case", range(len(BAD_LISTINGS)))
def test_listings_are_checked(hub, run, tmp_path, case):
    listing, part = BAD_LISTINGS[case]
    hub.add("org/tiny", {})
    hub.listing = lambda _name: listing
    refused(run("pull", "org/tiny"), part)
    assert not (tmp_path / "hf" / "hub").exists()


def gguf(size):
    return b"GGUF" + bytes(size)


def test_gguf_files_are_chosen_by_quantisation(hub, run, tmp_path):
    files = {
        "tiny-Q8_0.gguf": gguf(80),
        "tiny-Q4_K_M.gguf": gguf(44),
        "tiny-IQ4_K_M.gguf": gguf(45),
        "tiny.f16-00001-of-00002.gguf": gguf(161),
        "tiny.f16-00002-of-00002.gguf": gguf(162),
        "mmproj-f16.gguf": gguf(9),
        "config.json": CONFIG,
    }
    hub.add("org/tiny", files)
    answer = json.loads(run("pull", "org/tiny:q8_0", "--json").stdout)
    assert answer["path"].endswith("/tiny-Q8_0.gguf") and answer["files"] == 2
    assert json.loads(run("pull", "org/tiny", "--json").stdout)["path"].endswith("/tiny-Q4_K_M.gguf")
    parts = json.loads(run("pull", "org/tiny:F16", "--json").stdout)
    assert parts["path"].endswith("/tiny.f16-00001-of-00002.gguf") and parts["files"] == 3
    refused(run("pull", "org/tiny:Q2_K"), "which of its GGUF files is meant", "tiny-Q8_0", "tiny.f16")
    hub.requests.clear()
    refused(run("inspect", "org/tiny:Q8_0"), "tiny-Q8_0.gguf")  # found, and no model
    assert not hub.requests
    hub.add("org/plain", FILES)
    refused(run("pull", "org/plain:Q8_0"), "has no GGUF files")


def test_shards_come_with_their_index(hub, run, tmp_path):
    index = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}).encode()
    files = {"config.json": CONFIG, "model.safetensors.index.json": index, "other-00001.safetensors": b"x"}
    files |= {f"model-0000{i}-of-00002.safetensors": b"shard %d" % i for i in (1, 2)}
    hub.add("org/tiny", files)
    assert json.loads(run("pull", "org/tiny", "--json").stdout)["files"] == 4
    hub.add("org/old", {"config.json": CONFIG, "pytorch_model.bin": b"x", "flax_model.msgpack": b"y"})
    assert json.loads(run("pull", "org/old", "--json").stdout)["files"] == 2
    assert json.loads(run("pull", "org/tiny@v2", "--json").stdout)["bytes_fetched"] == 0
    assert (cached(tmp_path) / "refs" / "v2").read_text() == COMMIT
