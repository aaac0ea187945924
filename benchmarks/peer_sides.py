"""One side of `peers.py`: a process that trains one net with one library, an epoch whenever it is told to.

    python benchmarks/peer_sides.py SIDE CASE

It answers on its standard output, a JSON object a line: first what it is (sizes of its parameters, versions, plan),
then the seconds of each epoch that a line on its standard input asked for. Every library runs one endless training
of its own and is held at the start of each epoch, so that no set-up is ever on the clock.

Each peer is written twice: as its documentation teaches, and, ``-best``, as well as we know how without leaving it:
ready float tensors, gathered a batch at a time, fused Adam, whole pixels in memory, no metrics, and memory that the C
library keeps between the steps.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from worker import answers

ENDLESS = 10**9
CLASSES = 10


class Gate:
    """Holds a training at the start of each epoch until a line comes in, and tells how long the epoch took."""

    def __init__(self) -> None:
        self._answer = answers()
        self._started = 0.0

    def ready(self, parameters: Iterable[Iterable[int]], versions: dict[str, str], **facts: Any) -> None:
        """Say what will be trained, given the shape of each of its parameters."""
        self._answer({"parameters": sorted(math.prod(shape) for shape in parameters), "versions": versions, **facts})

    def enter(self) -> None:
        """Wait for the word to begin; end the process when nobody is there to give it."""
        if not sys.stdin.readline():
            os._exit(0)  # in the middle of a library's own loop
        self._started = time.perf_counter()

    def leave(self) -> None:
        """Stop the clock."""
        self._answer({"seconds": time.perf_counter() - self._started})


def _images(case: str) -> tuple[Any, int]:
    from imagette.bench.nets import NETS
    from imagette.bench.timing import images_of

    return images_of(NETS[case]), NETS[case].batch


def imagette(case: str, gate: Gate, best: bool) -> None:
    """Run the training loop of ``imagette train`` with what the plan decides on this machine."""
    from imagette.bench.nets import NETS
    from imagette.bench.timing import prepare, through_the_engine

    training = prepare(NETS[case], steps=NETS[case].steps)
    parameters = [parameter.shape for parameter in training.module.parameters()]
    gate.ready(parameters, _versions("imagette", "torch"), plan=training.plan.to_dict())
    epoch = through_the_engine(training)
    while True:
        gate.enter()
        epoch()
        gate.leave()


def torch_net(case: str) -> Any:
    """Write the net as a torch user does."""
    from torch import nn

    if case == "lenet":
        convolutions = [nn.Conv2d(1, 6, 5), nn.Sigmoid(), nn.MaxPool2d(2)]
        convolutions += [nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.MaxPool2d(2)]
        head = [nn.Linear(256, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, CLASSES)]
    else:
        convolutions = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        convolutions += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        head = [nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, CLASSES)]
    return nn.Sequential(*convolutions, nn.Flatten(), *head)


def torch_loader(case: str, best: bool) -> Any:
    """Serve images one by one, each converted by itself; or ready tensors, gathered a batch at a time."""
    import torch
    from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, TensorDataset

    images, batch = _images(case)
    if best:
        pixels = torch.from_numpy(images.images).float().div_(255).contiguous(memory_format=torch.channels_last)
        ready = TensorDataset(pixels, torch.from_numpy(images.labels))
        return DataLoader(ready, batch_size=None, sampler=BatchSampler(RandomSampler(ready), batch, drop_last=False))

    class OneByOne(Dataset[tuple[torch.Tensor, int]]):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.from_numpy(images.images[index]).float().div(255), int(images.labels[index])

    return DataLoader(OneByOne(), batch, shuffle=True)


def plain_torch(case: str, gate: Gate, best: bool) -> None:
    """Run the loop of torch's tutorials."""
    import torch
    from torch.nn import functional

    loader, net = torch_loader(case, best), torch_net(case).train()
    net = net.to(memory_format=torch.channels_last) if best else net
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=best or None)
    gate.ready([parameter.shape for parameter in net.parameters()], _versions("torch"))
    while True:
        gate.enter()
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(inputs), labels)
            loss.backward()
            optimizer.step()
        gate.leave()


def lightning(case: str, gate: Gate, best: bool) -> None:
    """Run a LightningModule in a Trainer that keeps neither logs nor checkpoints."""
    import lightning as L  # noqa: N812, its documentation's name for it
    import torch
    from torch.nn import functional

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch_net(case)

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            inputs, labels = batch
            return functional.cross_entropy(self.net(inputs), labels)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3, fused=best or None)

        def on_train_epoch_start(self) -> None:
            gate.enter()

        def on_train_epoch_end(self) -> None:
            gate.leave()

    module = Module()
    module = module.to(memory_format=torch.channels_last) if best else module
    gate.ready([parameter.shape for parameter in module.parameters()], _versions("lightning", "torch"))
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = L.Trainer(accelerator="cpu", devices=1, max_epochs=-1, enable_model_summary=False, **silent)
    trainer.fit(module, torch_loader(case, best))


def skorch(case: str, gate: Gate, best: bool) -> None:
    """Fit a NeuralNetClassifier to numpy arrays."""
    import numpy as np
    import torch
    from skorch import NeuralNetClassifier
    from skorch.callbacks import Callback
    from torch.utils.data import BatchSampler, RandomSampler

    class Held(Callback):
        def on_epoch_begin(self, *_: Any, **__: Any) -> None:
            gate.enter()

        def on_epoch_end(self, *_: Any, **__: Any) -> None:
            gate.leave()

    images, batch = _images(case)
    pixels = images.images.astype(np.float32) / 255
    settings: dict[str, Any] = {"batch_size": batch, "iterator_train__shuffle": True}
    net = torch_net(case)
    if best:
        gathered = BatchSampler(RandomSampler(range(len(images))), batch, drop_last=False)
        settings = {"iterator_train__batch_size": None, "iterator_train__sampler": gathered, "optimizer__fused": True}
        net = net.to(memory_format=torch.channels_last)
        pixels = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
    gate.ready([parameter.shape for parameter in net.parameters()], _versions("skorch", "torch"))
    NeuralNetClassifier(
        net,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=ENDLESS,
        train_split=None,
        verbose=0,
        callbacks=[Held()],
        **settings,
    ).fit(pixels, images.labels)


def keras(case: str, gate: Gate, best: bool) -> None:
    """Compile and fit a Keras model on numpy arrays; on JAX it is jitted."""
    import keras as k
    import numpy as np

    if best and k.backend.backend() == "torch":
        k.config.set_image_data_format("channels_first")  # torch's own order: no transposition at every layer
    images, batch = _images(case)
    pixels = images.images.astype(np.float32) / 255
    if k.config.image_data_format() == "channels_last":
        pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    layer = k.layers
    if case == "lenet":
        convolutions = [layer.Conv2D(6, 5, activation="sigmoid"), layer.MaxPooling2D(2)]
        convolutions += [layer.Conv2D(16, 5, activation="sigmoid"), layer.MaxPooling2D(2)]
        head = [layer.Dense(120, activation="sigmoid"), layer.Dense(84, activation="sigmoid")]
    else:
        convolutions = [layer.Conv2D(32, 3, padding="same", activation="relu"), layer.MaxPooling2D(2)]
        convolutions += [layer.Conv2D(64, 3, padding="same", activation="relu"), layer.MaxPooling2D(2)]
        head = [layer.Dense(128, activation="relu")]
    net = k.Sequential([k.Input(pixels.shape[1:]), *convolutions, layer.Flatten(), *head, layer.Dense(CLASSES)])
    jax = k.backend.backend() == "jax"
    net.compile(
        optimizer=k.optimizers.Adam(1e-3),
        loss=k.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=None if best else ["accuracy"],
        steps_per_execution=10 if best and jax else 1,
    )
    gate.ready([weight.shape for weight in net.trainable_weights], _versions("keras", "jax" if jax else "torch"))
    held = k.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: gate.enter(),
        on_epoch_end=lambda *_: gate.leave(),
    )
    net.fit(pixels, images.labels, batch_size=batch, epochs=ENDLESS, verbose=0, callbacks=[held])


def _versions(*packages: str) -> dict[str, str]:
    return {package: metadata.version(package) for package in packages}


@dataclass(frozen=True)
class Side:
    """A way to train: the function that does it, what must be installed, and Keras's backend."""

    run: Callable[[str, Gate, bool], None]
    packages: tuple[str, ...] = ()
    backend: str = ""
    best: bool = False


_TAUGHT = {
    "torch": Side(plain_torch),
    "lightning": Side(lightning, ("lightning",)),
    "skorch": Side(skorch, ("skorch",)),
    "keras-jax": Side(keras, ("keras", "jax"), "jax"),
    "keras-torch": Side(keras, ("keras",), "torch"),
}
OURS = "imagette"
SIDES = {OURS: Side(imagette)}
for _name, _side in _TAUGHT.items():
    SIDES |= {_name: _side, f"{_name}-best": Side(_side.run, _side.packages, _side.backend, best=True)}


if __name__ == "__main__":
    asked = SIDES[sys.argv[1]]
    asked.run(sys.argv[2], Gate(), asked.best)
