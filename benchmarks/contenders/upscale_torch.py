"""The same network and projection in PyTorch, in inference."""

import numpy as np
import torch

from contenders.clock import timed
from contenders.gan_torch import Generator
from contenders.gan_torch import Projection


def predict(height, width, dtype="float32", mode="eager"):
    """The whole image at once.

    With bfloat16, weights and images are so up to the projection, which is
    faster than autocasting them.
    """
    torch.manual_seed(0)
    model = make_generator(height, width)
    if dtype == "bfloat16":
        cast_guess(model)
    low_res = torch.from_numpy(
        np.random.default_rng(0)
        .uniform(size=(1, 3, height, width))
        .astype("float32")
    ).to(memory_format=torch.channels_last)
    if mode == "compile":
        model.compile()

    @torch.inference_mode()
    def run():
        return model(low_res)

    made = run()
    error = model.project.downsample(made) - low_res
    times = max(1, 64 * 64 * 4 // (height * width))
    turn = timed(lambda: run()[0, 0, 0, 0].item(), times)
    turn.check = {"low_res_mse": float((error**2).mean())}
    del made, error
    turn()
    return turn


def make_generator(height, width):
    model = Generator("grass", channels=3)
    model.project = PerAxis(height, width)
    # As in the other package, the sigmoid is of float32.
    model.last.register_forward_hook(lambda *args: args[-1].float())
    return model.eval().to(memory_format=torch.channels_last)


class PerAxis(torch.nn.Module):
    """The projection with a matrix for the rows and one for the columns."""

    def __init__(self, height, width):
        super().__init__()
        self.rows, self.columns = Projection(height), Projection(width)

    def downsample(self, images):
        return self.rows.matrix @ images @ self.columns.matrix.T

    def forward(self, guess, low_res):
        error = low_res - self.downsample(guess)
        return guess + self.rows.inverse @ error @ self.columns.inverse.T


def cast_guess(model):
    """Makes all of a generator before its sigmoid bfloat16.

    The image is cast where convolutions take it: the projection has it as it
    was.
    """
    for part in (model.blocks, model.matches, model.last):
        part.bfloat16()
    for first in (model.blocks[0], model.matches[0]):
        first.register_forward_pre_hook(lambda _, args: args[0].bfloat16())
