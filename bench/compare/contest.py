"""Runs the programs in turns: each is a process that loads its model once and waits, stopped, until it is told to work;
never do two work at once."""

import json
import os
import re
import selectors
import signal
import statistics
import subprocess
import time
from pathlib import Path

from peers import NotAvailable, environment
from recipes import SHIPPED

HERE = Path(__file__).resolve().parent
TIMEOUT = 600  # seconds, of one answer


def bytes_of(path):
    """Size of a file, or of the weights in a folder."""
    path = Path(path)
    files = [path] if path.is_file() else [file for file in path.iterdir() if file.suffix in (".safetensors", ".bin")]
    return sum(file.stat().st_size for file in files)


def memory_available():
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable"):
            return 1024 * int(line.split()[1])
    return 0


def busy_seconds():
    """Processor time of all programs since the machine began."""
    user, nice, system, _, _, *rest = Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:]
    return (int(user) + int(nice) + int(system) + sum(map(int, rest[:2]))) / os.sysconf("SC_CLK_TCK")


def used_seconds(process):
    """Processor time of one process."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def on_processors(threads):
    """For preexec_fn: binds a new process to as many processors, the same for all programs."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, processors)


class Worker:
    """A resident process that answers requests. It is stopped whenever it is not asked."""

    def __init__(self, command, log, threads):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(threads),
                preexec_fn=on_processors(threads),
            )
        self.loaded = self._answer()
        self._signal(signal.SIGSTOP)

    def ask(self, request):
        if not request:
            return self.loaded
        self._signal(signal.SIGCONT)
        try:
            start, busy, used = time.perf_counter(), busy_seconds(), used_seconds(self.process.pid)
            self.process.stdin.write(request.encode() + b"\n")
            self.process.stdin.flush()
            answer = self._answer()
            others = busy_seconds() - busy - (used_seconds(self.process.pid) - used)
            processors = (time.perf_counter() - start) * os.cpu_count()
        except (BrokenPipeError, FileNotFoundError):
            raise NotAvailable(f"ended with status {self.process.wait()}") from None
        self._signal(signal.SIGSTOP)
        return {**answer, "others": min(1.0, max(0.0, others / processors))}

    def close(self):
        self.process.kill()
        self.process.wait()

    def _signal(self, which):
        if self.process.poll() is None:
            self.process.send_signal(which)

    def _answer(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(TIMEOUT):
                self.close()
                raise NotAvailable(f"no answer within {TIMEOUT} s")
        line = self.process.stdout.readline()
        if not line:
            raise NotAvailable(f"ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "not_run" in answer:
            raise NotAvailable(answer["not_run"])
        return answer


class Starts:
    """Starts a program anew for each answer: seconds to the first byte that it writes, the median of a few."""

    def __init__(self, command, threads, times=9):
        self.command, self.threads, self.times = list(map(str, command)), threads, times
        self.loaded = {}

    def ask(self, request):
        if request != "start":
            raise NotAvailable("it is only started")
        self._seconds()
        return {"seconds": statistics.median(self._seconds() for _ in range(self.times))}

    def close(self):
        pass

    def _seconds(self):
        start = time.perf_counter()
        with subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment(self.threads),
            preexec_fn=on_processors(self.threads),
        ) as process:
            first = process.stdout.read(1)
            seconds = time.perf_counter() - start
            process.stdout.read()
        if process.returncode != 0 or not first:
            raise NotAvailable(f"ended with status {process.returncode}")
        return seconds


class Samplers:
    """The chain of samplers alone, by bench_processors."""

    NAME = "temperature, top_k 50, top_p, min_p, penalties/128256"

    def __init__(self, program):
        self.program = program
        self.loaded = {}

    def ask(self, _):
        command = [self.program, f"--benchmark_filter=^{self.NAME}$", "--benchmark_format=json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        entries = json.loads(done.stdout)["benchmarks"] if done.returncode == 0 and done.stdout else []
        if not entries:
            raise NotAvailable(f"{Path(self.program).name} does not run it")
        return {"seconds": entries[0]["cpu_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3}[entries[0]["time_unit"]]}

    def close(self):
        pass


class Contest:
    """Makes the workers: the place where programs, their models and their commands meet."""

    def __init__(self, peers, models, options):
        self.peers, self.models, self.tools = peers, models, options.build / "bench"
        self.skald, self.threads = options.skald, options.threads

    def path(self, name):
        return SHIPPED if name == "shipped" else self.models.path(name)

    def start(self, contestant):
        program = contestant.program
        if program == "start of skald":
            asked = ["generate", "--prompt", "Once upon a time", "--max-new-tokens", "1", "--seed", "1"]
            return Starts([self.skald, *asked, "--threads", self.threads], self.threads)
        if program == "start of llama.cpp":
            simple = self.peers.llama() / "llama-simple"
            return Starts([simple, "-m", self.path(contestant.model), "-n", "1", "Once upon a time"], self.threads)
        if program == "samplers":
            return Samplers(self.tools / "bench_processors")
        model = self.path(contestant.model) if contestant.model else None
        if model and memory_available() < 1.5 * bytes_of(model) + 1e9:
            raise NotAvailable(f"not enough memory beside the others for {contestant.model}")
        log = self.peers.folder / "logs" / f"worker-{contestant.program.replace(' ', '-')}.log"
        worker = Worker(self.command(contestant, model), log, self.threads)
        if model:
            worker.loaded["file_bytes"] = bytes_of(model)
        return worker

    def command(self, contestant, model):
        program, threads = contestant.program, self.threads
        if program == "skald":
            return [self.tools / "skald_worker", "model", model, threads, *contestant.settings]
        if program == "limits":
            return [self.tools / "limits", threads]
        if program == "skald tokenizers":
            return [self.tools / "skald_worker", "tokenizers"]
        python, workers = self.peers.python(), HERE / "workers"
        if program == "llama.cpp":
            source = self.peers.llama_source()
            return [python, workers / "llama_worker.py", source, self.peers.llama(), model, threads]
        if program == "tokenizers":
            return [python, workers / "tokenizers_worker.py"]
        return [python, workers / f"{program.lower()}_worker.py", model, threads, *contestant.settings]

    def request(self, work):
        """The request with the paths of the models that it names in braces."""
        words = [str(self.path(word[1:-1])) if word.startswith("{") else word for word in work.request.split()]
        return " ".join(words)


class Results:
    """What was measured, a line of JSON each, so that a run that ended goes on where it was. What was not run is tried
    again."""

    def __init__(self, path, anew):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if anew:
            path.unlink(missing_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.entries = [json.loads(line) for line in lines]

    def has(self, **key):
        return any(
            "value" in entry and all(entry[name] == value for name, value in key.items()) for entry in self.entries
        )

    def add(self, **entry):
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def run_group(contest, group, number, results, chosen, tell):
    """One round of a group: work by work, program after program. `chosen(group, contestant, work)`: is it asked for?"""
    workers = {}
    turn = number % len(group.contestants)
    order = group.contestants[turn:] + group.contestants[:turn]  # another one begins in each round
    try:
        for work in group.works:
            for each in order:
                key = {"round": number, "group": group.name, "contestant": each.name, "work": work.name}
                if not each.does(work) or not chosen(group, each, work) or results.has(**key):
                    continue
                results.add(**key, **one_result(contest, workers, each, work, tell))
    finally:
        for worker in workers.values():
            if not isinstance(worker, NotAvailable):
                worker.close()


def without_folders(text):
    """`text` with the names of files, but not where they lie on this machine."""
    return re.sub(r"(?<![\w.])(?:/[^\s/:'\"]+)*/(?=[^\s/:'\"])", "", text)


def one_result(contest, workers, contestant, work, tell):
    try:
        if contestant.name not in workers:
            tell(f"{contestant.name}: loading")
            try:
                workers[contestant.name] = contest.start(contestant)
            except NotAvailable as error:
                workers[contestant.name] = error
        worker = workers[contestant.name]
        if isinstance(worker, NotAvailable):
            raise worker
        try:
            answer = worker.ask(contest.request(work))
            value = work.value(answer)
        except (KeyError, ZeroDivisionError):
            raise NotAvailable("it does not do this") from None
    except NotAvailable as error:
        reason = without_folders(str(error))
        tell(f"{contestant.name}, {work.name}: not run: {reason}")
        return {"not_run": reason}
    tell(f"{contestant.name}, {work.name}: {value:.4g} {work.unit}")
    return {"value": value, "others": answer.get("others", 0.0), "at": time.time()}
