"""Tiny archives in the layout of CelebA's and ImageNet's."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image

from keras_affsr.data import photograph

CELEB_A_SIZE = (218, 178)

# Of 12 faces, by the number at the end of each line of CelebA's list.
PARTITION = (0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2)

SYNSETS = ("n01440764", "n02105855")


def jpeg(pixels, quality=95):
    """Returns uint8 pixels as the bytes of a JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def crops(count, size, seed=0):
    """Cuts `count` pictures of `size` out of photographs, as uint8 arrays."""
    rng = np.random.default_rng(seed)
    whole = [photograph(name) for name in ("astronaut", "coffee", "chelsea")]
    found = []
    for index in range(count):
        image = whole[index % len(whole)]
        top = rng.integers(image.shape[0] - size[0] + 1)
        left = rng.integers(image.shape[1] - size[1] + 1)
        image = image[top : top + size[0], left : left + size[1]]
        found.append(np.round(255 * image).astype("uint8"))
    return found


def face_files():
    """Returns the bytes of 12 JPEGs by name, as CelebA names its own."""
    names = [f"{index:06d}.jpg" for index in range(1, len(PARTITION) + 1)]
    return dict(zip(names, map(jpeg, crops(len(names), CELEB_A_SIZE))))


def write_files(folder, files):
    """Writes bytes by name, and makes the folders that the names ask for."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_celeb_a(folder):
    """Writes the five files of CelebA as its authors hand them out."""
    folder.mkdir(parents=True, exist_ok=True)
    files = face_files()
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"img_align_celeba/{name}", content)
    (folder / "list_eval_partition.txt").write_text(partition_list())
    (folder / "identity_CelebA.txt").write_text(
        "".join(f"{name} {row}\n" for row, name in enumerate(files))
    )
    for file, columns in headings().items():
        lines = [f"{name} {' '.join(['1'] * len(columns))}" for name in files]
        (folder / file).write_text(
            "\n".join([str(len(files)), " ".join(columns), *lines]) + "\n"
        )
    return folder


def partition_list():
    """Returns the text of list_eval_partition.txt for the 12 faces."""
    lines = [f"{i:06d}.jpg {part}\n" for i, part in enumerate(PARTITION, 1)]
    return "".join(lines)


def headings():
    """Returns the names of the columns of CelebA's two tables, by file."""
    from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder

    return {
        "list_attr_celeba.txt": celeb_a_dataset_builder.ATTR_HEADINGS,
        "list_landmarks_align_celeba.txt": (
            celeb_a_dataset_builder.LANDMARK_HEADINGS
        ),
    }


def trust(monkeypatch, folder):
    """Makes TFDS expect the checksums of the files in a folder as CelebA's."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import checksums

    builder = tfds.builder_cls("celeb_a")
    infos = {
        url: checksums.compute_url_info(folder / info.filename)
        for url, info in builder.url_infos.items()
    }
    monkeypatch.setattr(builder, "url_infos", infos)


def imagenet_files():
    """Returns the bytes of 12 JPEGs by name, half of them above 20 kB."""
    sizes = [(150, 200), (310, 260)] * 6
    images = [jpeg(crops(1, size, seed)[0]) for seed, size in enumerate(sizes)]
    synsets = [SYNSETS[0]] * 6 + [SYNSETS[1]] * 6
    names = [f"{name}_{100 + seed}.JPEG" for seed, name in enumerate(synsets)]
    return dict(zip(names, images))


def write_imagenet(folder):
    """Writes ImageNet's two archives: a tar of tars by synset, and a tar."""
    folder.mkdir(parents=True, exist_ok=True)
    files = imagenet_files()
    synsets = {
        f"{synset}.tar": tar(
            {name: files[name] for name in files if name.startswith(synset)}
        )
        for synset in SYNSETS
    }
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar(synsets))
    names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in (1, 2)]
    validation = dict(zip(names, map(jpeg, crops(2, (90, 120)))))
    (folder / "ILSVRC2012_img_val.tar").write_bytes(tar(validation))
    return folder


def tar(files):
    """Returns the bytes of a tar of files, given as bytes by name."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()
