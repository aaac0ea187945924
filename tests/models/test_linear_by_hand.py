"""The gradient written by hand: where it is right, and exactly where the published one is wrong (article A1)."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from imagette.models.linear import LinearByHand

B, D, K = 7, 12, 4
IMAGES = torch.randn(B, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 2, 3, 0, 0, 2])
X, Y = IMAGES.flatten(1), one_hot(LABELS, K).double()  # (B, D), (B, K)


def model(delta):
    torch.manual_seed(2)
    return LinearByHand(D, K, init_std=0.5, delta=delta).double()


def by_hand(net, scale=1.0):
    net.zero_grad()
    (scale * net.loss(IMAGES, LABELS)).backward()
    return net.weight.grad.clone(), net.bias.grad.clone()


def by_autograd(net, loss):
    return torch.autograd.grad(loss(net(IMAGES)), [net.weight, net.bias])


def same(a, b):
    return all(torch.allclose(x, y, rtol=1e-12, atol=1e-14) for x, y in zip(a, b, strict=True))


def test_with_the_softmax_it_is_autograds_gradient_of_cross_entropy():
    net = model("softmax")
    assert same(by_hand(net), by_autograd(net, lambda logits: cross_entropy(logits, LABELS)))


def test_on_the_logits_it_is_the_gradient_of_half_the_squared_distance():
    net = model("logits")
    half_squared_distance = by_autograd(net, lambda logits: K * mse_loss(logits, Y) / 2)
    assert same(by_hand(net), half_squared_distance)


def test_the_published_gradient_is_wrong_by_logits_minus_softmax():
    right, wrong = by_hand(model("softmax")), by_hand(model("logits"))
    logits = model("logits")(IMAGES)
    error = (logits - logits.softmax(1)).detach()  # (B, K)
    assert same([w - r for w, r in zip(wrong, right, strict=True)], (X.T @ error / B, error.mean(0)))
    assert error.abs().max() > 0.1


def test_the_published_gradient_rests_at_least_squares_where_cross_entropy_still_falls():
    solution = torch.linalg.pinv(torch.cat([X, torch.ones(B, 1)], 1)) @ Y  # (D + 1, K)
    published, right = model("logits"), model("softmax")
    for net in (published, right):
        with torch.no_grad():
            net.weight.copy_(solution[:-1])
            net.bias.copy_(solution[-1])
    assert all(gradient.abs().max() < 1e-12 for gradient in by_hand(published))
    assert by_hand(right)[0].abs().max() > 0.01


@pytest.mark.parametrize("delta", ["softmax", "logits"])
def test_the_loss_that_is_printed_is_cross_entropy(delta):
    net = model(delta)
    assert net.loss(IMAGES, LABELS).item() == pytest.approx(cross_entropy(net(IMAGES), LABELS).item(), rel=1e-12)


@pytest.mark.parametrize("delta", ["softmax", "logits"])
def test_a_scaled_loss_scales_the_gradient(delta):
    net = model(delta)
    assert same([3 * gradient for gradient in by_hand(net)], by_hand(net, scale=3.0))


@pytest.mark.parametrize("delta", ["softmax", "logits"])
def test_shorter_numbers_in_the_forward_pass_give_float32_gradients(delta):
    net = model(delta).float()
    exact = by_hand(model(delta))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net.loss(IMAGES.float(), LABELS)
    loss.backward()
    assert net.weight.grad.dtype == torch.float32
    assert torch.allclose(net.weight.grad, exact[0].float(), atol=0.02)


def test_the_first_weights_and_biases_have_the_deviation_asked_for():
    torch.manual_seed(0)
    net = LinearByHand(784, 500, init_std=0.01, delta="softmax")
    assert net.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert net.bias.std().item() == pytest.approx(0.01, rel=0.15)
    assert abs(net.weight.mean().item()) < 1e-4
