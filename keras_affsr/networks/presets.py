"""The paper's networks by name: what its appendix D says of each."""

GENERATORS = {
    # The paper lists "32, 32, 64, 64, 128 and" for grass: the sixth number is
    # lost, and we take 128 again.
    "grass": {"filters": (32, 32, 64, 64, 128, 128), "skip_every": 2},
    "celeba": {
        "filters": (128,) * 4 + (256,) * 4 + (512,) * 4,
        "skip_every": 4,
    },
    "imagenet": {"filters": (128,) * 4 + (256,) * 4, "skip_every": 2},
    "swiss_roll": {"filters": (64, 64), "skip_every": 0},
}

_FACES = {
    "filters": (128, 128, 256, 256, 512, 512, 1024, 1024),
    "strides": (1, 2) * 4,
}
DISCRIMINATORS = {
    "grass": {"filters": (32, 64, 128, 256), "strides": (2, 2, 2, 2)},
    "celeba": _FACES,
    "imagenet": _FACES,
    "swiss_roll": {"filters": (64, 64), "strides": (1, 1)},
}
DENOISERS = {
    "grass": {"filters": (128,) * 4},
    "swiss_roll": {"filters": (256, 256)},
}
