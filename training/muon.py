"""Muon: momentum, then the nearest orthogonal matrix as the update (Jordan et al., 2024).

torch.optim.Muon does the same, but one matrix after the other with all cores on each; here each
core has matrices of its own, which costs far less when other programs share the cores.
"""

from concurrent.futures import Executor

import torch
from torch import Tensor, nn

# Newton-Schulz quintic of the reference implementation, https://kellerjordan.github.io/posts/muon
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonalize(gradient: Tensor) -> Tensor:
    """Returns about U V^T for gradient = U S V^T, in bfloat16."""
    a, b, c = COEFFICIENTS
    wide = gradient.shape[0] <= gradient.shape[1]
    x = (gradient if wide else gradient.T).to(torch.bfloat16).contiguous()
    x = x / (x.norm() + 1e-7)
    for _ in range(STEPS):
        square = x @ x.T
        x = a * x + (b * square + c * (square @ square)) @ x
    return x if wide else x.T


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum, decoupled weight decay and AdamW-sized steps."""

    def __init__(self, params: list[nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, defaults)
        self.pool: Executor | None = None

    @torch.no_grad()
    def _update(self, work: tuple[nn.Parameter, dict[str, float]]) -> None:
        torch.set_num_threads(1)
        parameter, group = work
        buffer = self.state[parameter]["momentum_buffer"]
        buffer.lerp_(parameter.grad, 1 - group["momentum"])
        update = orthogonalize(parameter.grad.lerp(buffer, group["momentum"]))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        # An orthogonal matrix has RMS 1/sqrt(max side); 0.2 is about the RMS of an AdamW step.
        parameter.add_(update, alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Updates every matrix, one per pool thread at a time."""
        work = [(p, group) for group in self.param_groups for p in group["params"]]
        for parameter, _ in work:
            if not self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        list((self.pool.map if self.pool else map)(self._update, work))
