"""The flags that all trainings share. `--help` waits for nothing heavy."""

import types

from absl import app
from absl import flags

# So that they count as flags of the script that defines them, for --help.
flags.disclaim_key_flags()

# What a run does not depend on: these may change from one start to the next.
NOT_OF_THE_RUN = ("output_dir", "objective", "resume")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("none", "mirrored", "multi_worker")

string, whole, real = (
    flags.DEFINE_string,
    flags.DEFINE_integer,
    flags.DEFINE_float,
)
listed, choice = flags.DEFINE_list, flags.DEFINE_enum


def define(objectives, data, values=flags.FLAGS, **defaults):
    """Defines the flags of a training.

    Args:
        objectives: Names that --objective knows.
        data: Names that --data knows; the first one is the default.
        values: Where to define them. Defaults to absl's own.
        **defaults: Of the flags whose defaults differ from script to script.
    """

    def add(kind, name, default, text, *args):
        default = defaults.pop(name, default)
        kind(name, default, text, *args, flag_values=values)

    _define_run(add, objectives)
    _define_images(add, data)
    _define_networks(add)
    _define_steps(add)
    _define_gan(add)
    _define_devices(add)
    if defaults:
        raise TypeError(f"No flags of these names: {', '.join(defaults)}.")


def _define_run(add, objectives):
    known = f"What to train: some of {', '.join(objectives)}; or all."
    add(string, "output_dir", None, "Where to write: a folder for each.")
    add(listed, "objective", ["mse", "gan"], known)
    add(flags.DEFINE_bool, "resume", True, "Go on with a run that is there.")
    add(whole, "seed", 0, "Of weights, data and noise.", 0)


def _define_images(add, data):
    add(choice, "data", data[0], data, "Where images come from.")
    add(whole, "scale", 4, "Ratio of high to low resolution.", 1)
    add(whole, "batch_size", 16, "Images per step.", 1)
    add(whole, "test_images", None, "Rounded up to sixteens; all if None.", 1)
    add(whole, "validation_images", 128, "After each epoch.", 1)


def _define_networks(add):
    text = "The paper's networks, of which data."
    add(choice, "network", "grass", ("grass", "celeba", "imagenet"), text)
    add(real, "width", 1.0, "Multiplies the generator's filters.", 0.01)
    add(real, "discriminator_width", 1.0, "The discriminator's.", 0.01)


def _define_steps(add):
    add(whole, "epochs", 5, "Parts of a training, with a checkpoint each.", 1)
    add(whole, "mse_steps", 800, "Of training with a pixel-wise loss.", 1)
    add(whole, "gan_steps", 2500, "Of a GAN, after those of AffMSE.", 1)
    text = "Of each objective, in place of its own number; not of priors."
    add(whole, "steps", None, text, 1)
    add(real, "learning_rate", 2e-3, "Of the generator, at first.")


def _define_gan(add):
    add(real, "discriminator_learning_rate", 1e-3, "At first, too.")
    text = "First and last standard deviation of the noise, linear in between."
    add(listed, "instance_noise", ["0.1", "0"], text)
    text = (
        "Adapt it from the first on, to keep the discriminator's loss at this."
    )
    add(real, "instance_noise_target", None, text)
    add(real, "consistency_weight", 10.0, "Of consistency, in SoftGAN.", 0.0)


def _define_devices(add):
    text = "Of what the networks compute."
    add(choice, "precision", "float32", PRECISIONS, text)
    text = "All GPUs of this machine; or many machines, by TF_CONFIG."
    add(choice, "strategy", "none", STRATEGIES, text)
    text = "Compile steps with XLA; if None, where Keras thinks it good."
    add(flags.DEFINE_bool, "jit_compile", None, text)


def define_photographs(values=flags.FLAGS, **defaults):
    """Defines the flags of data that comes as files of photographs."""
    for name, text in (
        ("image_dir", "A folder of photographs, for which TFDS is not needed."),
        ("manual_dir", "Archives that were downloaded, for TFDS to prepare."),
        ("data_dir", "Where TFDS keeps its data."),
    ):
        flags.DEFINE_string(name, None, text, flag_values=values)
    for name, text in (
        ("image_size", "Side of the square that an image is made."),
        ("crop_size", "Side of the centred square that it is made of."),
    ):
        flags.DEFINE_integer(
            name, defaults.get(name), text, 1, flag_values=values
        )


def settings(argv, values=flags.FLAGS):
    """Returns the flags as a namespace, once they will do.

    Args:
        argv: What the flags have left of the command line.
        values: The flags. Defaults to absl's own.
    """
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}")
    found = {
        flag.name: flag.value
        for module, ours in values.flags_by_module_dict().items()
        if not module.startswith("absl.")
        for flag in ours
    }
    if "jit_compile" in found:
        found["jit_compile"] = _jit_compile(found, values)
    _check_steps(found)
    if "instance_noise" in found:
        _check_noise(found["instance_noise"])
    return types.SimpleNamespace(**found)


def chosen(objective, objectives):
    """Returns the names of what to train, in order, or raises.

    What a chosen objective goes on from is among them.

    Args:
        objective: list of names: the flag.
        objectives: dict of `Objective`, by name.
    """
    wanted = set(objective)
    unknown = wanted - {"all", *objectives}
    if unknown or not wanted:
        raise app.UsageError(
            f"--objective does not know {', '.join(sorted(unknown)) or 'none'}."
            f" Choose some of: {', '.join(objectives)}; or all."
        )
    if "all" in wanted:
        return list(objectives)
    needed = {objectives[name].before for name in wanted}
    return [name for name in objectives if name in wanted | needed]


def of_the_run(settings, **more):
    """Returns what the result of a run depends on, as a dict for JSON."""
    kept = {
        name: value
        for name, value in vars(settings).items()
        if name not in NOT_OF_THE_RUN
    }
    return {**kept, **more}


def _jit_compile(found, values):
    """Returns what to give to `compile`."""
    several = found["strategy"] != "none"
    if several and found["jit_compile"] and values["jit_compile"].present:
        raise app.UsageError(
            f"--jit_compile cannot be had with --strategy={found['strategy']}: "
            "Keras does not compile steps of several devices. Leave it out."
        )
    none = found["jit_compile"] is None
    return "auto" if none or several else found["jit_compile"]


def _check_steps(found):
    """Raises unless a training divides into its epochs."""
    names = ["steps"] if found.get("steps") else ["mse_steps", "gan_steps"]
    for name in names:
        if found.get(name) and found[name] % found["epochs"]:
            raise app.UsageError(
                f"--{name}={found[name]} does not divide into --epochs="
                f"{found['epochs']} equal parts. Change either."
            )


def _check_noise(levels):
    try:
        first, last = (float(level) for level in levels)
    except ValueError:
        first = last = -1.0
    if min(first, last) < 0:
        raise app.UsageError(
            f"--instance_noise={','.join(levels)} needs two numbers of zero or "
            "more, the first and the last level, such as 0.1,0."
        )
