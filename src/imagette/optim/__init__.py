"""Layer 2: optimizers and learning-rate schedules."""

from __future__ import annotations

import torch
from torch import nn

from imagette.optim.bare import leave_compiler_alone
from imagette.optim.groups import groups
from imagette.recipe.optimizers import SGD, Adam, OptimSpec


def build(module: nn.Module, spec: OptimSpec, fused: bool = True) -> torch.optim.Optimizer:
    r"""Build the optimizer that a recipe names, over a module's trainable parameters.

    With gradient :math:`g`, rate :math:`\eta`, momentum :math:`\mu` and weight decay :math:`\lambda`, one step is

    - ``sgd``: :math:`v \leftarrow \mu v + g + \lambda w`, :math:`w \leftarrow w - \eta v`
      (Nesterov: :math:`w \leftarrow w - \eta (g + \lambda w + \mu v)`);
    - ``adam``: :math:`w \leftarrow w - \eta \hat m / (\sqrt{\hat v} + \epsilon)` with the moments of
      :math:`g + \lambda w`;
    - ``adamw``: the same with the moments of :math:`g` alone, after :math:`w \leftarrow (1 - \eta\lambda) w`.

    Args:
        module: its parameters with ``requires_grad`` are trained.
        spec: the recipe's ``[optim]``; its ``lr`` is the first rate, which a schedule then sets in every group.
        fused: one kernel a step for all parameters; torch refuses parameters that it has no such kernel for.

    Raises:
        InputError: when the module has nothing to train.

    Example:
        >>> optimizer = build(nn.Linear(4, 2), SGD(lr=0.1, weight_decay=0.01))
        >>> [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups]
        [(1, 0.01), (1, 0.0)]

    Source: Sutskever et al., 2013 (momentum); Kingma and Ba, 2015 (Adam); Loshchilov and Hutter, 2019 (AdamW).
    """
    leave_compiler_alone()
    trained = groups(module, spec)
    if isinstance(spec, SGD):
        return torch.optim.SGD(trained, lr=spec.lr, momentum=spec.momentum, nesterov=spec.nesterov, fused=fused)
    kind = torch.optim.Adam if isinstance(spec, Adam) else torch.optim.AdamW
    return kind(trained, lr=spec.lr, betas=spec.betas, eps=spec.eps, fused=fused)
