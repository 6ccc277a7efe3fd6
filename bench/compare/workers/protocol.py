"""What the workers of bench/compare share: a worker loads once, then answers each line of its input by a line of JSON.

generate PROMPT NEW ROWS BEAMS   {"first_s": until all rows have a token, "step_s": of each step after that}
peak                             {"bytes": of memory so far}
"""

import json
import os
import sys
import time

import numpy


def peak_bytes():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))


generator = numpy.random.default_rng(0)


def random_prompts(rows, length, vocabulary):
    """Token ids [rows, length] that are no special tokens of most models: others in each call, since some programs keep
    what they computed of a prompt."""
    return generator.integers(10, vocabulary, (rows, length))


def from_two_calls(prompts, call, new):
    """First token and steps of a program that does not tell when each was done: `call(prompts(), n)` generates n. Of
    each length the least of two calls, since the difference of two has the noise of both."""

    def seconds(n):
        ids = prompts()
        start = time.perf_counter()
        call(ids, n)
        return time.perf_counter() - start

    seconds(1)
    first = min(seconds(1), seconds(1))
    if new == 1:
        return first, 0.0
    rest = min(seconds(new), seconds(new)) - first
    if rest <= 0:
        raise ArithmeticError(f"{new} tokens took no longer than one")
    return first, rest / (new - 1)


def from_steps(prompts, call, new):
    """The same of a program that tells: `call(prompts(), n, told)` calls `told()` at each token of each row."""

    def seconds(n):
        ids, times = prompts(), []
        start = time.perf_counter()
        call(ids, n, lambda: times.append(time.perf_counter()))
        return [t - start for t in times[len(times) // n - 1 :: len(times) // n]]  # when all rows had another token

    seconds(1)
    times = seconds(new)
    return times[0], (times[-1] - times[0]) / (new - 1) if new > 1 else 0.0


def one_line(error):
    text = f"{type(error).__name__}: {error}".strip().splitlines()
    return (text[0] if text else "failed")[:200]


def serve(load):
    """`load()` gives generate(prompt, new, rows, beams) -> (first_s, step_s). Whatever else writes to standard output
    goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(**fields):
        out.write(json.dumps(fields) + "\n")
        out.flush()

    try:
        start = time.perf_counter()
        generate = load()
        generate(8, 1, 1, 1)
        tell(load_s=time.perf_counter() - start, peak_bytes=peak_bytes())
    except Exception as error:
        tell(not_run=one_line(error))
        raise
    for line in sys.stdin:
        what, *numbers = line.split()
        try:
            if what == "peak":
                tell(bytes=peak_bytes())
            else:
                first, step = generate(*map(int, numbers))
                tell(first_s=first, step_s=step)
        except Exception as error:
            tell(not_run=one_line(error))
