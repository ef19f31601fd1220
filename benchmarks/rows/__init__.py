"""What is measured, as rows of contenders that do the same work."""

from rows import images
from rows import learning

# In this order.
GROUPS = {
    "training": learning.TRAINING,
    "projection": images.PROJECTION,
    "pseudo_inverse": images.PSEUDO_INVERSE,
    "prior": learning.PRIOR,
    "upscaling": images.UPSCALING,
    "command_line": images.COMMAND_LINE,
    "input": images.INPUT,
}
