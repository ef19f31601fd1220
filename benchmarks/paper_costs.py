"""Bigger machines on paper: what a training step of AffGAN asks of a GPU.

    python benchmarks/paper_costs.py

Nothing is timed here. The operations and tensors of each of the paper's pairs
of networks are counted on the models themselves, and held against the data
sheet of a GPU (an H100 SXM by default), of which --share is taken to be
reached. A step lasts as long as the slower of two: its products of matrices,
and the traffic with the memory. Of the traffic,

- a tensor of elements is written and read once in the forward pass; in each
  backward pass it is read once, and its gradient written and read once. The
  discriminator has two backward passes, on real and generated images;
- op by op every operation writes its output; XLA is taken to write nothing but
  the inputs and outputs of convolutions;
- a weight costs ten times four bytes a step: read in both passes, its gradient
  written, and Adam's seven.

With several GPUs each has a batch of its own, and a ring all-reduce in float32
follows the step, moving `2 (n - 1) / n` times the gradients through each link.
Left out are the launches of kernels, a few microseconds each of several
hundred, which set the pace where a step takes less than some milliseconds; the
operations on elements, less than one in a hundred; and the input pipeline.
"""

import collections
import math

import operations
from absl import app
from absl import flags

SHARE = flags.DEFINE_float("share", 0.4, "Of all rates, what is reached.", 0, 1)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images on each GPU.", 1)
GPUS = flags.DEFINE_integer("gpus", 8, "How many, in the last columns.", 1)
TERABYTES = flags.DEFINE_float("bandwidth", 3.35, "Of memory, in TB/s.")
LINK = flags.DEFINE_float("link", 0.45, "To other GPUs, each way, in TB/s.")
GIGABYTES = flags.DEFINE_float("memory", 80.0, "Of a GPU, in GB.")
RATES = flags.DEFINE_list(
    "rates",
    "bfloat16=989.4,TF32=494.7,float32=66.9",
    "Dense products of matrices, in TFLOP/s; the first of two bytes a number.",
)

# The size of its high-resolution images, and their channels.
NETWORKS = {"grass": (64, 1), "celeba": (64, 3), "imagenet": (128, 3)}
# What a backward pass wants of the forward one: the inputs and outputs of
# convolutions, and the sign of each ReLU. Norms want what they normalise.
FUSED = ("Conv2D", "MirroredConv2D", "Mirror")
KEPT = (*FUSED, "ReLU")
BYTES = {"bfloat16": 2}
WEIGHT_BYTES = 40  # Of traffic, each step.

# All but the last are per image; `moved` op by op, `fused` by XLA.
Cost = collections.namedtuple(
    "Cost", "products, others, kept, moved, fused, weights"
)

Part = collections.namedtuple("Part", "network, shape, images, backward")


def main(_):
    costs = {name: count(name, *each) for name, each in NETWORKS.items()}
    print_costs(costs)
    print_rates(costs)
    print_needs(costs)
    giga = costs["celeba"].products / 1e9
    fits = "as expected" if 41.3 <= giga <= 41.5 else "NOT as expected"
    print(
        f"\nCelebA: {giga:.2f} GFLOP per image, {fits} by hand (41.3 to 41.5)."
    )


def count(preset, size, channels):
    """Returns what a training step costs for each of its images."""
    import keras_affsr

    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    networks = (
        keras_affsr.networks.generator(downsample, preset, channels),
        keras_affsr.networks.discriminator(preset, channels),
    )
    # How many images each sees, and how often the way back is taken.
    parts = zip(networks, operations.shapes(networks[0], size), (1, 2), (1, 2))
    parts = [Part(*each) for each in parts]
    return Cost(
        operations.gan_step(*networks, size),
        sum(others(part) for part in parts),
        sum(elements(part, KEPT) for part in parts),
        sum(passes(part) * elements(part) for part in parts),
        sum(passes(part) * elements(part, FUSED) for part in parts),
        sum(trained(network) for network in networks),
    )


def trained(network):
    """Returns how many numbers have gradients."""
    return sum(math.prod(each.shape) for each in network.trainable_weights)


def others(part):
    forward = operations.elementwise(part.network, part.shape)
    return part.images * (1 + part.backward) * forward


def elements(part, kinds=None):
    return part.images * operations.activations(part.network, part.shape, kinds)


def passes(part):
    """Returns how often an element of a tensor is written or read."""
    return 2 + 3 * part.backward


def print_costs(costs):
    print(
        "For each image of a step, forth and back, and for the networks:\n\n"
        "| networks | image | GFLOP | on elements | kept, float32 / "
        "bfloat16 MB | moved op by op, float32 MB | with XLA | weights | with "
        "Adam's and gradients |\n|---|---|---|---|---|---|---|---|---|"
    )
    for name, cost in costs.items():
        size, channels = NETWORKS[name]
        share = cost.others / cost.products
        kept, moved, fused = (
            4e-6 * each for each in (cost.kept, cost.moved, cost.fused)
        )
        print(
            f"| {name} | {size} x {size} x {channels} | "
            f"{cost.products / 1e9:.2f} | {share:.1%} | {kept:.1f} / "
            f"{kept / 2:.1f} | {moved:.0f} | {fused:.0f} | "
            f"{cost.weights / 1e6:.2f} M | {16e-6 * cost.weights:.0f} MB |"
        )


def print_rates(costs):
    print(
        f"\nAt {SHARE.value:.0%} of the rates, {BATCH_SIZE.value} images on "
        "each GPU, with XLA unless it says op by op:\n\n| networks | numbers | "
        "step | images/s | bound by | op by op | bound by | batch for 95 % | "
        f"memory | largest batch | {GPUS.value} GPUs | all-reduce |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for name, cost in costs.items():
        for entry in RATES.value:
            numbers, rate = entry.split("=")
            print(row(name, cost, numbers, 1e12 * float(rate)))


def row(name, cost, numbers, rate):
    """Returns a row of the table, for one precision."""
    batch, width = BATCH_SIZE.value, BYTES.get(numbers, 4)
    seconds, bound = step(cost.fused, cost, rate, width, batch)
    slow, slow_bound = step(cost.moved, cost, rate, width, batch)
    reduce = all_reduce(cost)
    state, kept = 16 * cost.weights, width * cost.kept
    together = GPUS.value * batch / (seconds + reduce)
    return (
        f"| {name} | {numbers} | {1e3 * seconds:.2f} ms | "
        f"{batch / seconds:,.0f} | {bound} | {batch / slow:,.0f} | "
        f"{slow_bound} | {enough(cost, rate, width)} | "
        f"{(state + batch * kept) / 1e9:.1f} GB | "
        f"{(1e9 * GIGABYTES.value - state) // kept:,.0f} | {together:,.0f} | "
        f"{reduce / (seconds + reduce):.0%} |"
    )


def print_needs(costs):
    """Prints what the highest rate of each pair of networks wants."""
    print()
    numbers, rate = RATES.value[0].split("=")
    setting = (1e12 * float(rate), BYTES.get(numbers, 4))
    for name, cost in costs.items():
        batch = enough(cost, *setting)
        slow = step(cost.moved, cost, *setting, batch)[0]
        gain = slow / step(cost.fused, cost, *setting, batch)[0]
        print(
            f"- {name} needs {numbers}, XLA ({gain:.2f} times as fast) and "
            f"{batch} images or more on each GPU."
        )


def step(moved, cost, rate, width, batch):
    """Returns the seconds of a step on one GPU, and what they are spent on."""
    products = batch * cost.products / rate
    traffic = width * batch * moved + WEIGHT_BYTES * cost.weights
    traffic /= 1e12 * TERABYTES.value
    seconds = max(products, traffic) / SHARE.value
    return seconds, "products" if products >= traffic else "memory"


def all_reduce(cost):
    """Returns the seconds in which the gradients go round a ring."""
    moved = 2 * (GPUS.value - 1) / GPUS.value * 4 * cost.weights
    return moved / (1e12 * LINK.value * SHARE.value)


def enough(cost, rate, width):
    """Returns the least power of two that has 95 % of the highest rate."""
    huge = 2**30
    least = step(cost.fused, cost, rate, width, huge)[0] / huge
    batch = 1
    while step(cost.fused, cost, rate, width, batch)[0] > batch * least / 0.95:
        batch *= 2
    return batch


if __name__ == "__main__":
    app.run(main)
