"""Installs the programs that Skald is compared with: Python packages into virtual environments of their own, llama.cpp
from the source that llama-cpp-python carries. Everything lies in one folder under build/, and is made once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# optimum-intel, which makes OpenVINO's models, wants an older transformers than the one that is measured.
RUN = [
    "torch==2.13.0",
    "transformers==5.23.0",
    "tokenizers==0.23.3",
    "openvino==2026.4.1",
    "openvino-genai==2026.4.1.0",
    "ctranslate2==4.8.5",
    "gguf==0.19.0",
    "sentencepiece==0.2.3",
    "scikit-build-core==1.1.2",  # without it pip does not fetch llama-cpp-python's source
]
CONVERT = ["torch==2.13.0", "openvino==2026.4.1", "optimum-intel==2.2.0", "nncf==3.4.0"]
LLAMA = "llama-cpp-python==0.3.36"


class NotAvailable(Exception):
    """Something that cannot be measured here, and why."""


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def logged(log, command, **settings):
    """Runs `command` with its output in the file `log`; NotAvailable where it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, **settings)
    if done.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise NotAvailable(f"{Path(command[0]).name} failed: {lines[-1][:160] if lines else done.returncode}")


class Peers:
    def __init__(self, folder):
        self.folder = folder
        self.failed = {}  # of each step, why it failed

    def once(self, name, make):
        """What `make` returns; where it failed in this run, the same reason again."""
        if name in self.failed:
            raise NotAvailable(self.failed[name])
        try:
            return make()
        except NotAvailable as error:
            self.failed[name] = str(error)
            say(f"{name}: not available: {error}")
            raise

    def python(self, requirements=None, name="run"):
        """The interpreter of a virtual environment with those packages."""
        requirements = RUN if requirements is None else requirements
        return self.once(name, lambda: self._environment(name, requirements))

    def converter(self):
        """An interpreter with optimum-intel."""

        def make():
            python = self.python(CONVERT, "convert")
            # Its torchvision may be another build than torch is: then nothing can be imported. No text model needs it.
            remove = [str(python), "-m", "pip", "uninstall", "-y", "torchvision"]
            logged(self.folder / "logs" / "torchvision.log", remove)
            return python

        return self.once("converter", make)

    def _environment(self, name, requirements):
        folder = self.folder / f"venv-{name}"
        stamp = folder / "requirements.txt"
        wanted = "\n".join(requirements) + "\n"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            say(f"installing {' '.join(requirements)}")
            if not (folder / "bin" / "python").exists():
                logged(self.folder / "logs" / f"venv-{name}.log", [sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", *requirements]
            logged(self.folder / "logs" / f"pip-{name}.log", pip)
            stamp.write_text(wanted, encoding="utf-8")
        return folder / "bin" / "python"

    def llama_source(self):
        """The unpacked source of llama-cpp-python."""

        def make():
            version = LLAMA.split("==")[1]
            source = self.folder / "src" / f"llama_cpp_python-{version}"
            if (source / "CMakeLists.txt").exists():
                return source
            archive = source.with_name(source.name + ".tar.gz")
            if not archive.exists():
                say(f"fetching the source of {LLAMA}")
                archive.parent.mkdir(parents=True, exist_ok=True)
                fetch = [self.python(), "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
                fetch += ["--no-build-isolation", "-d", str(archive.parent), LLAMA]
                logged(self.folder / "logs" / "pip-llama.log", list(map(str, fetch)))
            unpack = ["tar", "-xzf", archive, "-C", archive.parent]  # Python 3.11.2's tarfile has no filter
            logged(self.folder / "logs" / "tar-llama.log", list(map(str, unpack)))
            return source

        return self.once("source of llama.cpp", make)

    def llama(self):
        """The folder with llama.cpp's libraries and llama-simple, built for this machine."""

        def make():
            source = self.llama_source() / "vendor" / "llama.cpp"
            build = self.folder / "llama"
            if not (build / "built").exists():
                say("building llama.cpp")
                configure = ["cmake", "-S", str(source), "-B", str(build), "-G", "Ninja", *llama_settings()]
                logged(self.folder / "logs" / "llama-configure.log", configure)
                logged(self.folder / "logs" / "llama-build.log", ["ninja", "-C", str(build), "llama", "llama-simple"])
                (build / "built").touch()
            return build / "bin"

        return self.once("llama.cpp", make)


def has_amx():
    try:
        return "amx_int8" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def llama_settings():
    settings = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_CURL=OFF", "-DBUILD_SHARED_LIBS=ON"]
    settings += [f"-DLLAMA_BUILD_{part}=OFF" for part in ("TOOLS", "SERVER", "TESTS")]
    settings.append("-DLLAMA_BUILD_EXAMPLES=ON")
    if has_amx():
        # GCC 12 drops the stores to a tile configuration that its intrinsic reads: llama.cpp crashes.
        if not shutil.which("clang++-14"):
            raise NotAvailable("on a machine with AMX it has to be built by clang-14")
        settings += ["-DCMAKE_C_COMPILER=clang-14", "-DCMAKE_CXX_COMPILER=clang++-14"]
    if shutil.which("ccache"):
        settings += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    return settings


def environment(threads):
    """For the peers: as many threads, and nothing from any network."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
