"""Trains the model for a given number of minutes on a CPU.

    python training/train.py --corpus CORPUS_DIR --tokenizer TOKENIZER_DIR \
        --cache CACHE_DIR --out RUN_DIR --minutes 90

The learning rate follows *elapsed time*, not steps: whatever speed the machine gives, it reaches
its floor when the minutes are used up. Run the same command again to resume after a stop; the
minutes count training time over all runs, and may be changed upon resume. RUN_DIR receives
checkpoint.pt (weights, optimizers, random state, data position), loss.jsonl, summary.json and
arguments.json.
"""

import argparse
import json
import math
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from data import Part, Stream, append_json_line, load_dialogues, load_part
from model import Llama, ModelConfig
from muon import Muon
from torch import Tensor, nn

# Blocked in every thread and looked for between steps: a handler may wait long for its turn.
STOP = {signal.SIGTERM, signal.SIGINT}


@dataclass
class Progress:
    """What a resumed run continues from, besides weights and optimizers."""

    step: int = 0
    tokens: int = 0
    dialogue_tokens: int = 0
    seconds: float = 0.0


def rate_factor(fraction: float, warmup: float, decay: float) -> float:
    """Warm-up, plateau, then a straight line to zero: the factor at `fraction` of the run."""
    if fraction < warmup:
        return max(fraction / warmup, 0.02)
    if fraction < 1 - decay:
        return 1.0
    return max((1 - fraction) / decay, 0.0)


def make_optimizers(model: nn.Module, args: argparse.Namespace) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the matrices of the layers and AdamW for the rest."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "layers" in n]
    embedding = [p for n, p in model.named_parameters() if p.dim() == 2 and "layers" not in n]
    gains = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": embedding, "weight_decay": args.weight_decay},
        {"params": gains, "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = []
    if args.optimizer == "muon":
        optimizers.append(Muon(matrices, args.lr, args.weight_decay))
    else:
        groups.append({"params": matrices, "weight_decay": args.weight_decay})
    optimizers.append(torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.95), fused=True))
    return optimizers


@torch.no_grad()
def validation_loss(model: Llama, part: Part, windows: int, length: int) -> float:
    """Returns the mean loss in nats over evenly spaced windows of the held-out text."""
    starts = torch.linspace(0, len(part.tokens) - length - 1, windows).long().tolist()
    total = 0.0
    for start in starts:
        block = torch.from_numpy(part.tokens[start : start + length + 1].astype("int64"))
        with torch.autocast("cpu", torch.bfloat16):
            total += model.loss(block[None, :-1], block[None, 1:], torch.bfloat16).item()
    return total / windows


class Trainer:
    """Model, optimizers, data and progress of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        tokenizer = args.tokenizer / "tokenizer.json"
        parts = {name: load_part(args.corpus, name, tokenizer, args.cache) for name in ("tales", "prose", "valid")}
        self.valid = parts["valid"]
        weighted = [(parts["tales"], 1.0), (parts["prose"], args.prose_weight)]
        self.stream = Stream(weighted, args.seed, args.block)
        dialogues = load_dialogues(args.corpus, tokenizer, args.dialogue_longest, args.seed)
        self.dialogues = Stream([(dialogues, 1.0)], args.seed, args.block)
        torch.manual_seed(args.seed)
        self.model = Llama(ModelConfig())
        self.optimizers = make_optimizers(self.model, args)
        self.progress = Progress()
        self.started = time.monotonic()
        self.checkpoint = args.out / "checkpoint.pt"
        if self.checkpoint.exists():
            self.load()
        self.parameters = list(self.model.parameters())
        self.loss_function = torch.compile(self.model.loss, dynamic=False) if args.compile else self.model.loss
        self.pool = ThreadPoolExecutor(args.threads)
        for optimizer in self.optimizers:
            if isinstance(optimizer, Muon):
                optimizer.pool = self.pool
        self.compiled_lengths: set[int] = set()

    def elapsed(self) -> float:
        """Seconds of training, those before a resume included."""
        return self.progress.seconds + time.monotonic() - self.started

    def save(self) -> None:
        """Writes checkpoint.pt atomically."""
        state = {
            "model": self.model.state_dict(),
            "config": self.model.config.to_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "progress": {**vars(self.progress), "seconds": self.elapsed()},
            "stream": self.stream.state(),
            "dialogues": self.dialogues.state(),
            "rng": torch.get_rng_state(),
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint)
        summary = {
            **state["progress"],
            "parameters": sum(p.numel() for p in self.parameters),
            "epoch_tokens": self.stream.epoch_length,
        }
        (self.args.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")

    def load(self) -> None:
        """Continues from checkpoint.pt."""
        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress = Progress(**state["progress"])
        self.stream.restore(state["stream"])
        if "dialogues" in state:
            self.dialogues.restore(state["dialogues"])
        torch.set_rng_state(state["rng"])
        print(f"resumed at step {self.progress.step}, {self.progress.seconds:.0f} s", flush=True)

    def gradients(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Returns loss and gradients of one micro-batch; runs on one core, in any thread."""
        torch.set_num_threads(1)
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.loss_function(*batch, torch.bfloat16)
        return loss.detach(), torch.autograd.grad(loss, self.parameters)

    def accumulate(self, batches: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Leaves the mean gradient of the micro-batches in the parameters; returns the loss.

        One thread per core, each on a micro-batch of its own: when other programs take a core,
        the other one does more of the batches, whereas both would wait at every operation if
        they shared each.
        """
        length = batches[0][0].shape[1]
        if length not in self.compiled_lengths:  # compiling is for one thread alone
            self.gradients(batches[0])
            self.compiled_lengths.add(length)
        total = torch.zeros(())
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
        for loss, gradients in self.pool.map(self.gradients, batches):
            total += loss / len(batches)
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.grad.add_(gradient, alpha=1 / len(batches))
        return total

    def micro_batches(self, fraction: float) -> list[tuple[Tensor, Tensor]]:
        """Returns the micro-batches of the next step, at `fraction` of the run."""
        args = self.args
        length = args.long_length if fraction >= 1 - args.long_fraction else args.length
        rows, rounds = args.micro_tokens // length, args.batch_tokens // args.micro_tokens
        batches = [self.stream.batch(rows, length) for _ in range(rounds)]
        if fraction >= 1 - args.dialogue_fraction:
            batches[-1] = self.dialogues.batch(rows, length)
            self.progress.dialogue_tokens += rows * length
        return batches

    def step(self, fraction: float) -> tuple[float, float, float]:
        """Does one optimizer step; returns loss, gradient norm and learning rate."""
        args = self.args
        batches = self.micro_batches(fraction)
        loss = self.accumulate(batches)
        norm = nn.utils.clip_grad_norm_(self.parameters, args.clip)
        rate = args.lr * rate_factor(fraction, args.warmup, args.decay)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.progress.step += 1
        self.progress.tokens += sum(tokens.numel() for tokens, _ in batches)
        return float(loss), float(norm), rate

    def log(self, values: dict[str, float]) -> None:
        """Prints the values with where the run is, and appends them to loss.jsonl."""
        where = {
            "step": self.progress.step,
            "tokens": self.progress.tokens,
            "seconds": round(self.elapsed(), 1),
            "epoch": self.stream.epoch,
        }
        append_json_line(self.args.out / "loss.jsonl", {**where, **values})
        print(json.dumps({**where, **values}), flush=True)

    def fraction(self) -> float:
        """How much of the minutes (or of the tokens, if more) is used up."""
        fraction = self.elapsed() / (self.args.minutes * 60)
        if self.args.tokens:
            fraction = max(fraction, self.progress.tokens / self.args.tokens)
        return fraction

    def run(self) -> None:
        """Trains until the minutes or tokens are used up; saves also when asked to stop."""
        saved = logged = time.monotonic()
        losses: list[float] = []
        while (fraction := self.fraction()) < 1 and not STOP & signal.sigpending():
            loss, norm, rate = self.step(fraction)
            losses.append(loss)
            if self.progress.step % self.args.log_every == 0:
                now = time.monotonic()
                speed = len(losses) * self.args.batch_tokens / (now - logged)
                self.log(
                    {
                        "loss": round(sum(losses) / len(losses), 4),
                        "lr": round(rate, 6),
                        "grad_norm": round(norm, 3),
                        "tokens_per_second": round(speed),
                    }
                )
                losses, logged = [], now
            if time.monotonic() - saved > self.args.save_seconds:
                self.save()
                self.log_validation()
                saved = time.monotonic()
        self.save()
        self.log_validation()

    def log_validation(self) -> None:
        """Logs the loss on a sample of the held-out text."""
        loss = validation_loss(self.model, self.valid, self.args.valid_windows, 512)
        if not math.isfinite(loss):
            raise RuntimeError("the loss is not finite")
        self.log({"valid_loss": round(loss, 4)})


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--corpus", type=Path, required=True, help="folder with tales.txt.xz, prose, valid")
    add("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    add("--cache", type=Path, required=True, help="folder for the tokenized corpus")
    add("--out", type=Path, required=True, help="folder for checkpoint and log")
    add("--minutes", type=float, required=True, help="training time, over all resumed runs")
    add("--tokens", type=int, default=0, help="also stop after this many tokens (0: no limit)")
    add("--prose-weight", type=float, default=0.5, help="share of prose taken per epoch")
    add("--optimizer", choices=("adamw", "muon"), default="muon")
    add("--lr", type=float, default=3e-3)
    add("--weight-decay", type=float, default=0.1)
    add("--clip", type=float, default=1.0)
    add("--warmup", type=float, default=0.02, help="share of the run")
    add("--decay", type=float, default=0.6, help="share of the run, at its end")
    add("--batch-tokens", type=int, default=12288, help="tokens per optimizer step")
    add("--micro-tokens", type=int, default=2048, help="tokens per forward pass")
    add("--length", type=int, default=256, help="sequence length of the first part")
    add("--long-length", type=int, default=1024, help="sequence length of the final part")
    add("--long-fraction", type=float, default=0.3, help="share of the run at the long length")
    add(
        "--dialogue-fraction",
        type=float,
        default=0.3,
        help="share of the run, at its end, in which one micro-batch per step is dialogues",
    )
    add("--dialogue-longest", type=int, default=5000, help="characters of a dialogue's story")
    add("--block", type=int, default=1024, help="tokens per shuffled block of the epoch")
    add("--seed", type=int, default=1)
    add("--threads", type=int, default=2)
    add("--log-every", type=int, default=10)
    add("--save-seconds", type=float, default=240)
    add("--valid-windows", type=int, default=48)
    add("--compile", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


def main() -> None:
    """Command line."""
    args = parse_arguments()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    # Only self.pool uses several cores: threads that share an operation wait for each other.
    torch.set_num_threads(1)
    torch._inductor.config.cpp.threads = 1
    args.out.mkdir(parents=True, exist_ok=True)
    shown = {k: str(v) for k, v in vars(args).items() if not isinstance(v, Path)}
    (args.out / "arguments.json").write_text(json.dumps(shown, indent=2) + "\n")
    trainer = Trainer(args)
    trainer.run()


if __name__ == "__main__":
    main()
