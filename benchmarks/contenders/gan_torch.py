"""The same training step of AffGAN in PyTorch."""

import time

import torch
import torch._functorch.config
from torch import nn
from torch.nn import functional

from contenders import sizes


def step(preset, batch_size, mode="eager", channels_last=True, steps=1):
    """Steps of training, both networks moving at once as in the other."""
    torch.manual_seed(0)
    channels = {"grass": 1, "celeba": 3}[preset]
    memory = torch.channels_last if channels_last else torch.contiguous_format
    networks = Generator(preset, channels), Discriminator(preset, channels)
    for network in networks:
        network.to(memory_format=memory)
        if mode == "compile":
            # Both losses go back through one graph of the discriminator.
            torch._functorch.config.donated_buffer = False
            network.compile()
    high_res = torch.rand(batch_size, channels, 64, 64).to(memory_format=memory)
    low_res = networks[0].project.downsample(high_res)
    low_res = low_res.to(memory_format=memory)
    optimizers = [adam(network) for network in networks]

    def turn():
        start = time.perf_counter()
        for _ in range(steps):
            loss = train(*networks, *optimizers, low_res, high_res)
        loss.item()
        return (time.perf_counter() - start) / steps

    turn()
    turn()
    return turn


def adam(network):
    return torch.optim.Adam(
        network.parameters(), lr=1e-4, betas=(0.5, 0.999), fused=True
    )


def train(generator, discriminator, adam, other_adam, low_res, high_res):
    """Trains both networks for a step, and returns the generator's loss."""
    images = torch.cat([high_res, generator(low_res)])
    images = images + 0.05 * torch.randn_like(images)
    real, fake = discriminator(images).chunk(2)
    other_loss = functional.softplus(-real).mean()
    other_loss = other_loss + functional.softplus(fake).mean()
    loss = -fake.mean()
    # The gradients of both are taken before either network moves.
    set_gradients(other_loss, discriminator, retain_graph=True)
    set_gradients(loss, generator)
    other_adam.step()
    adam.step()
    return loss.detach()


def set_gradients(loss, network, **kwargs):
    weights = list(network.parameters())
    gradients = torch.autograd.grad(loss, weights, **kwargs)
    for weight, gradient in zip(weights, gradients):
        weight.grad = gradient


class Generator(nn.Module):
    def __init__(self, preset, channels, scale=4):
        super().__init__()
        filters, self.skip_every = sizes.GENERATORS[preset]
        blocks, matches = [], []
        width = skipped = channels
        for number, size in enumerate(filters, start=1):
            blocks.append(block(width, size))
            width = size
            if number % self.skip_every == 0:
                matches.append(
                    nn.Conv2d(skipped, size, 1, bias=False)
                    if skipped != size
                    else nn.Identity()
                )
                skipped = size
        self.blocks = nn.ModuleList(blocks)
        self.matches = nn.ModuleList(matches)
        self.last = nn.Conv2d(
            width, scale**2 * channels, 3, padding=1, padding_mode="replicate"
        )
        self.project = Projection(16, scale)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, low_res):
        tensor = skipped = low_res
        for number, layer in enumerate(self.blocks, start=1):
            tensor = layer(tensor)
            if number % self.skip_every == 0:
                match = self.matches[number // self.skip_every - 1]
                tensor = skipped = tensor + match(skipped)
        guess = torch.sigmoid(self.shuffle(self.last(tensor)))
        return self.project(guess, low_res)


class Discriminator(nn.Module):
    def __init__(self, preset, channels):
        super().__init__()
        filters, strides = sizes.DISCRIMINATORS[preset]
        inputs = (channels, *filters)
        self.blocks = nn.Sequential(
            *(block(*each) for each in zip(inputs, filters, strides))
        )
        self.logit = nn.Linear(filters[-1], 1)

    def forward(self, images):
        return self.logit(self.blocks(images).mean((2, 3)))


def block(inputs, filters, stride=1):
    return nn.Sequential(
        nn.Conv2d(
            inputs,
            filters,
            3,
            stride,
            padding=1,
            padding_mode="replicate",
            bias=False,
        ),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.1),
        nn.ReLU(inplace=True),
    )


class Projection(nn.Module):
    """`f + A+ (x - A f)` with one dense matrix per axis."""

    def __init__(self, low_size, scale=4):
        super().__init__()
        matrix = torch.tensor(sizes.axis_matrix(low_size, scale))
        self.register_buffer("matrix", matrix.float())
        inverse = torch.linalg.pinv(matrix)
        self.register_buffer("inverse", inverse.float())

    def downsample(self, images):
        return self.matrix @ images @ self.matrix.T

    def forward(self, guess, low_res):
        error = low_res - self.downsample(guess)
        return guess + self.inverse @ error @ self.inverse.T
