"""The density prior at the paper's size in PyTorch."""

import math

import torch
from torch import nn
from torch.nn import functional

from contenders.clock import timed

FILTERS, KERNEL_SIZES, NEIGHBOURS = 64, (7, 5, 5, 5), 3
COMPONENTS, SCALES, FEATURES = 32, 4, 32
MIN_STDDEV = 1e-3
LEVELS = 255.0


def train(channels=1, batch_size=16, size=32, mode="eager"):
    """A training step."""
    prior, images = prepare(channels, batch_size, size, mode)
    optimizer = torch.optim.Adam(
        prior.parameters(), lr=3e-3, eps=1e-7, fused=True
    )

    def step():
        levels = torch.round(LEVELS * images)
        noisy = (levels + torch.rand_like(images) - 0.5) / LEVELS
        loss = prior.bits_per_dim(noisy).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return ready(step, prior, images)


def log_prob(channels=1, batch_size=16, size=32, mode="eager"):
    """The log density of each image."""
    prior, images = prepare(channels, batch_size, size, mode)
    return ready(torch.no_grad()(lambda: prior(images)), prior, images)


def prepare(channels, batch_size, size, mode):
    torch.manual_seed(0)
    images = torch.rand(batch_size, channels, size, size)
    images = images.to(memory_format=torch.channels_last)
    deviation, mean = torch.std_mean(images, (0, 2, 3), keepdim=True)
    prior = PixelCNN(channels, mean, deviation)
    prior = prior.to(memory_format=torch.channels_last)
    if mode == "compile":
        prior.compile()
    return prior, images


def ready(work, prior, images):
    with torch.no_grad():
        bits = prior.bits_per_dim(images).mean().item()
    work()
    work()
    turn = timed(work, times=2)
    turn.check = {"bits_per_dim": bits}
    return turn


class PixelCNN(nn.Module):
    def __init__(self, channels, mean, deviation):
        super().__init__()
        inputs = (channels, *[FILTERS] * len(KERNEL_SIZES))
        self.convolutions = nn.ModuleList(
            CausalConvolution(inputs[number], size, sees_itself=number > 0)
            for number, size in enumerate(KERNEL_SIZES)
        )
        past = 2 * NEIGHBOURS * (NEIGHBOURS + 1)
        self.head = Head(FILTERS + past * channels, channels)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, images):
        """Returns the log density of images `(b, c, h, w)`, `(b,)`."""
        images = (images - self.mean) / self.deviation
        features = images
        for convolution in self.convolutions[:-1]:
            features = torch.relu(convolution(features))
        features = torch.tanh(self.convolutions[-1](features))
        context = torch.cat([features, *past_pixels(images)], 1)
        log_probs = self.head(pixels(context), pixels(images))
        log_probs = log_probs.reshape(len(images), -1).sum(1)
        count = images.shape[2] * images.shape[3]
        return log_probs - count * self.deviation.log().sum()

    def bits_per_dim(self, images):
        nats = math.log(LEVELS) - self(images) / images[0].numel()
        return nats / math.log(2.0)


class CausalConvolution(nn.Module):
    """A convolution with the rows above and the pixels before; no others."""

    def __init__(self, inputs, size, sees_itself):
        super().__init__()
        self.size, self.radius = size, size // 2
        past = self.radius * (size + 1) + sees_itself
        self.weight = nn.Parameter(torch.empty(FILTERS, inputs, past))
        nn.init.normal_(self.weight, 0.0, (2 / (past * inputs)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(FILTERS))

    def forward(self, images):
        rows, sides = self.radius + 1, (self.radius, self.radius)
        future = rows * self.size - self.weight.shape[2]
        weight = functional.pad(self.weight, (0, future))
        weight = weight.reshape(*weight.shape[:2], rows, self.size)
        images = functional.pad(images, (*sides, self.radius, 0))
        return functional.conv2d(images, weight, self.bias)


class Head(nn.Module):
    """The mixture of conditional Gaussian scale mixtures."""

    def __init__(self, size, outputs):
        super().__init__()
        self.outputs = outputs
        scales = torch.linspace(0.0, 4.0, SCALES).repeat(COMPONENTS, 1)
        self.eta = normal(0.0, COMPONENTS, SCALES)
        self.alpha = nn.Parameter(scales)
        self.beta = normal(0.1, FEATURES, COMPONENTS)
        self.b = normal(size**-0.5, size, FEATURES)
        self.a = normal(0.1 * size**-0.5, size, COMPONENTS, outputs)
        self.u = normal(0.1, COMPONENTS, outputs)
        if outputs > 1:
            self.tril = normal(0.0, COMPONENTS, outputs, outputs)

    def forward(self, context, targets):
        """Returns log p(targets | context) of N pixels, `(N,)`."""
        tril = self.precision_tril()  # [C, M, M]
        precision = -torch.logaddexp(
            -self.alpha, self.alpha.new_tensor(2 * math.log(MIN_STDDEV))
        )
        predictors = (self.a[:, :, None] @ tril).flatten(1)  # [size, C M]
        products = context @ torch.cat([self.b, predictors], 1)
        squares, loc = products.split([FEATURES, predictors.shape[1]], 1)
        energies = squares.square() @ self.beta.square()  # [N, C]
        loc = loc + (self.u[:, None] @ tril).flatten()
        residuals = targets @ tril.transpose(0, 1).flatten(1) - loc
        residuals = residuals.reshape(-1, COMPONENTS, self.outputs)
        distances = residuals.square().sum(2)  # [N, C]
        factors = -0.5 * precision.exp()  # [C, S]
        normalizers = tril.diagonal(dim1=1, dim2=2).log().sum(1)[:, None]
        normalizers = normalizers + 0.5 * self.outputs * (
            precision - math.log(2 * math.pi)
        )
        gates = self.eta + factors * energies[:, :, None]  # [N, C, S]
        joint = normalizers + self.eta
        joint = joint + factors * (energies + distances)[:, :, None]
        return joint.logsumexp((1, 2)) - gates.logsumexp((1, 2))

    def precision_tril(self):
        if self.outputs == 1:
            return torch.ones(COMPONENTS, 1, 1)
        first = torch.arange(self.outputs) == 0
        diagonal = self.tril.diagonal(dim1=1, dim2=2).masked_fill(first, 0.0)
        return self.tril.tril(-1) + torch.diag_embed(diagonal.exp())


def normal(deviation, *shape):
    return nn.Parameter(deviation * torch.randn(shape))


def pixels(images):
    """Makes `(b h w, c)` of `(b, c, h, w)`."""
    return images.permute(0, 2, 3, 1).flatten(0, 2)


def past_pixels(images):
    """Returns the nearest pixels before each, as many arrays."""
    height, width = images.shape[2:]
    sides = (NEIGHBOURS, NEIGHBOURS)
    padded = functional.pad(images, (*sides, NEIGHBOURS, 0))
    size = 2 * NEIGHBOURS + 1
    past = [
        divmod(place, size) for place in range(size * NEIGHBOURS + NEIGHBOURS)
    ]
    return [padded[:, :, i : i + height, j : j + width] for i, j in past]
