"""What a run of upscale_beam.py is: its checks, its settings, its folder."""

import glob
import hashlib
import json
import os
import shutil
import sys
import uuid

import beam_files
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.pipeline_options import StandardOptions
from beam_pipeline import REPORT
from beam_upscale import FAILED
from beam_upscale import Job

RUN = "run.json"
# Beam's own DirectRunner would first fetch a program of another runner, Prism,
# from the internet, which does not know of --direct_running_mode.
LOCAL = "FnApiRunner"
# The options of an `Upscaler`.
UPSCALER = ("tile", "self_ensemble", "seed", "strength", "noise_stddev")
CHUNK = 2**22
ZIP = b"PK\3\4"  # What a .keras file starts with.


def beam_options(arguments):
    """Returns the options of Beam in what is left of a command line."""
    found = PipelineOptions(arguments)
    standard = found.view_as(StandardOptions)
    if standard.runner not in (None, "DirectRunner", LOCAL):
        return found  # Its job server may have flags that are not known here.
    standard.runner = LOCAL
    known = PipelineOptions([]).get_all_options().keys()
    given = found.get_all_options(retain_unknown_options=True).keys()
    strange = [f"--{name}" for name in sorted(given - known)]
    strange += [word for word in arguments[:1] if not word.startswith("-")]
    if strange:
        sys.exit(
            f"upscale_beam.py does not know {', '.join(strange)}, and neither "
            "does Beam. `upscale_beam.py --help` names the flags."
        )
    return found


def begin(settings):
    """Returns the `Job` and the pattern of its input, or ends the program."""
    model, output_dir = absolute(settings.model), absolute(settings.output_dir)
    is_records, folder, pattern = find(settings)
    check_paths(model, output_dir, folder, is_deep="**" in pattern)
    to_records = settings.output_format == "tfrecord"
    options = {name: getattr(settings, name) for name in UPSCALER}
    depends = {
        "model_sha256": sha256(model),
        "input": settings.input,
        "feature": settings.feature if is_records else None,
        "num_shards": settings.num_shards if to_records else 0,
        **options,
    }
    job = Job(
        begin_run(output_dir, depends, settings.overwrite),
        model,
        options,
        folder,
        is_records,
        settings.feature,
        output_dir,
        depends["num_shards"],
    )
    return job, pattern


def find(settings):
    """Returns whether the input is of records, its folder and its pattern."""
    path = absolute(settings.input)
    is_records = settings.input_format == "tfrecord" or (
        settings.input_format is None and ".tfrecord" in os.path.basename(path)
    )
    if is_records:
        pattern = path
        fixed = min((path.find(c) for c in "*?[" if c in path), default=None)
        folder = os.path.dirname(path[:fixed])
    else:
        pattern, folder = beam_files.below(path), path
    if not FileSystems.match([pattern], [1])[0].metadata_list:
        what = "TFRecord file" if is_records else "file in the folder"
        sys.exit(f"upscale_beam.py finds no {what} {path}.")
    return is_records, folder, pattern


def check_paths(model, output_dir, folder, is_deep):
    """Ends the program if a model is missing, or an output is no place."""
    if not FileSystems.exists(model):
        sys.exit(f"upscale_beam.py finds no model at {model}.")
    if beam_files.read(model, len(ZIP)) != ZIP:
        sys.exit(f"upscale_beam.py expects a .keras file. Received: {model}.")
    if set(output_dir) & set("*?[]"):
        sys.exit(
            f"upscale_beam.py cannot write to {output_dir}: Beam takes the "
            "characters *?[] for a pattern. Give another --output_dir."
        )
    is_below = f"{output_dir}/".startswith(f"{folder}/")
    if output_dir == folder or (is_deep and is_below):
        sys.exit(
            "upscale_beam.py would take its own results for input: "
            f"{output_dir} is in {folder}. Give an --output_dir outside of it."
        )


def begin_run(output_dir, depends, overwrite):
    """Returns the name of the run that the folder is of from now on."""
    path = FileSystems.join(output_dir, RUN)
    found = None
    if FileSystems.exists(path):
        found = json.loads(beam_files.read(path))
        check_same(found["settings"], depends, overwrite, output_dir)
    elif not overwrite:
        check_empty(output_dir)
    clean(output_dir)
    for name in (f"{REPORT}.jsonl", f"{FAILED}-*.jsonl"):
        beam_files.delete([FileSystems.join(output_dir, name)])
    if found and not overwrite:
        return found["run"]
    found = {"run": uuid.uuid4().hex, "settings": depends}
    beam_files.write(path, json.dumps(found, indent=2).encode(), output_dir)
    return found["run"]


def check_same(then, now, overwrite, output_dir):
    """Ends the program if a folder is of a run with other settings."""
    differences = [
        f"{name}: {then.get(name)!r} then, {now.get(name)!r} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    if differences and not overwrite:
        sys.exit(
            f"upscale_beam.py found {output_dir} to be of a run with other "
            f"settings: {'; '.join(differences)}. Use the same ones to go on, "
            "another --output_dir, or --overwrite to make all anew."
        )


def check_empty(output_dir):
    """Ends the program if there are files of somebody else in a folder."""
    hidden = FileSystems.join(output_dir, beam_files.PARTIAL, "")
    files = FileSystems.match([beam_files.below(output_dir)])[0].metadata_list
    if any(not file.path.startswith(hidden) for file in files):
        sys.exit(
            f"upscale_beam.py found {output_dir} in use, and by no run: it "
            f"holds no {RUN}. Give another --output_dir, or --overwrite."
        )


def clean(output_dir):
    """Removes what a run that was killed has left half written."""
    for name in (beam_files.PARTIAL, "beam-temp-*"):
        pattern = FileSystems.join(output_dir, name)
        if "://" in output_dir:
            beam_files.delete([FileSystems.join(pattern, "**")])
        for folder in glob.glob(pattern):
            shutil.rmtree(folder)


def sha256(path):
    """Returns the SHA-256 of a file."""
    digest = hashlib.sha256()
    with FileSystems.open(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def absolute(path):
    """Returns a path that means the same in all processes."""
    return path if "://" in path else os.path.abspath(os.path.expanduser(path))
