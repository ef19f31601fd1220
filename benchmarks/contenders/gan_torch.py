"""The same training step of AffGAN in PyTorch."""

import time

import torch
import torch._functorch.config
from torch import nn

from contenders import sizes


def step(preset, batch_size, mode="eager", channels_last=True, steps=1):
    torch.manual_seed(0)
    channels = {"grass": 1, "celeba": 3}[preset]
    memory = torch.channels_last if channels_last else torch.contiguous_format
    generator = Generator(preset, channels).to(memory_format=memory)
    discriminator = Discriminator(preset, channels).to(memory_format=memory)
    if mode == "compile":
        torch._functorch.config.donated_buffer = False
        generator.compile()
        discriminator.compile()
    fused = {"lr": 1e-4, "betas": (0.5, 0.999), "fused": True}
    g_optimizer = torch.optim.Adam(generator.parameters(), **fused)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **fused)
    high_res = torch.rand(batch_size, channels, 64, 64).to(memory_format=memory)
    low_res = generator.project.downsample(high_res)
    low_res = low_res.to(memory_format=memory)

    def one():
        generated = generator(low_res)
        images = torch.cat([high_res, generated])
        images = images + 0.05 * torch.randn_like(images)
        logits = discriminator(images)
        real, fake = logits.chunk(2)
        d_loss = (
            nn.functional.softplus(-real).mean()
            + nn.functional.softplus(fake).mean()
        )
        loss = -fake.mean()
        d_weights = list(discriminator.parameters())
        g_weights = list(generator.parameters())
        d_gradients = torch.autograd.grad(d_loss, d_weights, retain_graph=True)
        gradients = torch.autograd.grad(loss, g_weights)
        for weight, gradient in zip(d_weights, d_gradients):
            weight.grad = gradient
        for weight, gradient in zip(g_weights, gradients):
            weight.grad = gradient
        d_optimizer.step()
        g_optimizer.step()
        return loss.detach(), d_loss.detach()

    def turn():
        start = time.perf_counter()
        for _ in range(steps):
            loss, _ = one()
        loss.item()
        return (time.perf_counter() - start) / steps

    turn()
    turn()
    return turn


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
