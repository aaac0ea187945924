"""Layer 2: optimizers and learning-rate schedules."""

from __future__ import annotations

import torch
from torch import nn

from imagette.optim.bare import leave_compiler_alone
from imagette.optim.groups import groups, norms_apart
from imagette.optim.muon import Muon, muon_groups
from imagette.recipe import optimizers as specs
from imagette.recipe.optimizers import SGD, Adam, OptimSpec


def build(module: nn.Module, spec: OptimSpec) -> torch.optim.Optimizer:
    r"""Build the optimizer that a recipe names, over a module's trainable parameters.

    With gradient :math:`g`, rate :math:`\eta`, momentum :math:`\mu` and weight decay :math:`\lambda`, one step is

    - ``sgd``: :math:`v \leftarrow \mu v + g + \lambda w`, :math:`w \leftarrow w - \eta v`
      (Nesterov: :math:`w \leftarrow w - \eta (g + \lambda w + \mu v)`);
    - ``adam``: :math:`w \leftarrow w - \eta \hat m / (\sqrt{\hat v} + \epsilon)` with the moments of
      :math:`g + \lambda w`;
    - ``adamw``: the same with the moments of :math:`g` alone, after :math:`w \leftarrow (1 - \eta\lambda) w`;
    - ``muon``: filters and hidden matrices move along the orthogonalised momentum, the rest as under ``sgd``
      (``imagette.optim.muon`` has the formula).

    Args:
        module: its parameters with ``requires_grad`` are trained.
        spec: the recipe's ``[optim]``; its ``lr`` is the first rate, which a schedule then sets in every group, times
            the group's ``scale``.

    Raises:
        InputError: when the module has nothing to train, or Muon nothing to turn.

    Example:
        >>> optimizer = build(nn.Linear(4, 2), SGD(lr=0.1, weight_decay=0.01))
        >>> [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups]
        [(1, 0.01), (1, 0.0)]

    Source: Sutskever et al., 2013 (momentum); Kingma and Ba, 2015 (Adam); Loshchilov and Hutter, 2019 (AdamW);
    Jordan et al., 2024 (Muon).
    """
    leave_compiler_alone()
    if isinstance(spec, specs.Muon):
        turned = muon_groups(module, spec)
        return _at_rest(Muon(turned, spec.lr, spec.momentum, spec.newton_schulz, spec.fixed_norm))
    trained = groups(module, spec)
    if isinstance(spec, SGD):
        momentum, nesterov = spec.momentum, spec.nesterov
        trained = norms_apart(trained, module, spec.lr, spec.norm_factor)
        return _at_rest(torch.optim.SGD(trained, lr=spec.lr, momentum=momentum, nesterov=nesterov, fused=True))
    kind = torch.optim.Adam if isinstance(spec, Adam) else torch.optim.AdamW
    return kind(trained, lr=spec.lr, betas=spec.betas, eps=spec.eps, fused=True)


def _at_rest(optimizer: torch.optim.SGD) -> torch.optim.SGD:
    """Begin with a momentum of zero: torch's kernel fails where a parameter has none, its first gradient being late."""
    for group in optimizer.param_groups:
        for parameter in group["params"] if group["momentum"] else ():
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer
