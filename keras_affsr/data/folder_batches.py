"""The checked files behind an `image_folder`, and the batches they make."""

import collections

import tensorflow as tf

from keras_affsr import checks
from keras_affsr.data.batches import indexed_batches
from keras_affsr.data.broken_files import BrokenFiles
from keras_affsr.data.image_files import usable_images
from keras_affsr.data.image_pairs import match_images
from keras_affsr.data.origins import with_origin
from keras_affsr.data.patch_loader import patch_loader

OWNER = "image_folder"

# `groups` are tuples of `ImageFile`, and `patch`, `ratios` and `unit` what
# `patch_loader` makes of them.
Source = collections.namedtuple("Source", ("groups", "patch", "ratios", "unit"))


class FolderBatches:
    """Checks the arguments and the files of an `image_folder`.

    Args:
        **options: Those of `image_folder`, except for the two that say where
            the batches start and end.
    """

    def __init__(
        self,
        hr_dir,
        lr_dir,
        scale,
        patch_size,
        batch_size,
        channels,
        training,
        flips,
        seed,
        paired,
        min_bytes,
        on_error,
    ):
        self.folders = (lr_dir, hr_dir)
        self.scales = _check_scale(scale, lr_dir)
        self.patch = _check_patch(patch_size, self.scales)
        self.channels = checks.check_choice(channels, (1, 3), "channels", OWNER)
        self.on_error = checks.check_choice(
            on_error, ("skip", "raise"), "on_error", OWNER
        )
        self.min_bytes = checks.check_count(min_bytes, "min_bytes", OWNER, 0)
        self.training = training
        self.flips = flips and training
        self.batching = {
            "batch_size": _check_batch_size(batch_size, patch_size),
            "seed": seed,
            "shuffle": training,
            "repeat": training,
        }
        if lr_dir is None:
            self.sources = [self._single()]
        elif paired:
            self.sources = [self._paired()]
        else:
            self.sources = self._unpaired()

    def dataset(self, start_batch, num_batches):
        """Returns the `tf.data.Dataset` of images, or of pairs of images."""
        datasets = [
            indexed_batches(
                self._loader(source),
                len(source.groups),
                start_batch=start_batch,
                num_batches=num_batches,
                stream=stream,
                on_broken=BrokenFiles(source.groups, self.on_error, OWNER),
                **self.batching,
            )
            for stream, source in enumerate(self.sources)
        ]
        dataset = datasets[0]
        if len(datasets) > 1:
            dataset = tf.data.Dataset.zip(tuple(datasets))
            dataset = dataset.prefetch(tf.data.AUTOTUNE)
        groups = [source.groups for source in self.sources]
        streams = [(len(each), each.__getitem__) for each in groups]
        return with_origin(dataset, streams, self.batching)

    def _single(self):
        files = self._usable(self.folders[1], self.patch or self.scales)
        unit = self.scales if self.patch is None else (1, 1)
        groups = [(file,) for file in files]
        return Source(groups, self.patch, [(1, 1)], unit)

    def _paired(self):
        low_res, high_res = self._both()
        groups = match_images(
            low_res, high_res, self.folders, self.scales, self.on_error, OWNER
        )
        ratios = [(1, 1), self.scales]
        return Source(groups, self._low_patch(), ratios, (1, 1))

    def _unpaired(self):
        return [
            Source([(file,) for file in files], patch, [(1, 1)], (1, 1))
            for files, patch in zip(
                self._both(), (self._low_patch(), self.patch)
            )
        ]

    def _both(self):
        low_res = self._usable(self.folders[0], self._low_patch(), 0)
        return low_res, self._usable(self.folders[1], self.patch or self.scales)

    def _low_patch(self):
        if self.patch is None:
            return None
        return tuple(n // scale for n, scale in zip(self.patch, self.scales))

    def _usable(self, folder, least, min_bytes=None):
        if min_bytes is None:
            min_bytes = self.min_bytes
        return usable_images(
            folder, least or (1, 1), min_bytes, self.on_error, OWNER
        )

    def _loader(self, source):
        return patch_loader(
            source.groups,
            source.ratios,
            source.patch,
            self.channels,
            self.training,
            self.flips,
            source.unit,
        )


def _check_scale(scale, lr_dir):
    if scale is None and lr_dir is not None:
        raise ValueError(
            f"`{OWNER}` needs the scale between the images of hr_dir and of "
            f"lr_dir. Received: lr_dir={lr_dir!r} and scale=None. Pass for "
            "instance scale=4."
        )
    return checks.check_pair(1 if scale is None else scale, "scale", OWNER)


def _check_patch(patch_size, scales):
    if patch_size is None:
        return None
    patch_size = checks.check_count(patch_size, "patch_size", OWNER)
    for scale in scales:
        if patch_size % scale:
            fit = max(patch_size - patch_size % scale, scale)
            raise ValueError(
                f"`{OWNER}` needs a patch_size that is a multiple of the "
                f"scale. Received: patch_size={patch_size} and scale={scale}. "
                f"Use for instance patch_size={fit}."
            )
    return (patch_size, patch_size)


def _check_batch_size(batch_size, patch_size):
    if batch_size is None:
        return 1 if patch_size is None else 16
    batch_size = checks.check_count(batch_size, "batch_size", OWNER)
    if patch_size is None and batch_size != 1:
        raise ValueError(
            f"`{OWNER}` makes batches of one of whole images, whose sizes "
            f"differ. Received: patch_size=None and batch_size={batch_size}. "
            "Leave out batch_size, or pass a patch_size."
        )
    return batch_size
