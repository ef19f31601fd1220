"""One training in a directory of its own, that may be stopped at any time."""

import contextlib
import importlib.util
import os
import signal
import sys

import run_data
import run_flags
from absl import logging


def train_all(settings, names, objectives, script, given=()):
    """Trains what is not trained yet.

    Args:
        settings: The flags.
        names: Of the objectives, each after what it goes on from.
        objectives: dict of `Objective`.
        script: string. Name of the script, for whoever reads the flags.
        given: dict of what need not be trained, `RunDirectory` by name.

    Returns:
        dict of `RunDirectory`, all finished, by name.
    """
    from keras_affsr import training

    # Before anything is computed.
    devices = training.make_strategy(settings.strategy)
    check_data(settings)
    more = {"script": script, **run_data.fingerprints(settings)}
    wanted = [name for name in names if name not in given]
    runs = {}
    for name in wanted:
        of_run = {"objective": name, "label": objectives[name].label, **more}
        runs[name] = run_directory(settings, name, devices, **of_run)
    runs.update(given)
    for name in wanted:
        if is_to_train(runs[name]):
            with telling_how_to_go_on(runs[name]):
                train(settings, devices, objectives[name], name, runs)
    if not training.is_chief(devices):
        sys.exit()  # Of many machines, the first one tells the results.
    return runs


def train(settings, devices, objective, name, runs):
    """Trains one of the objectives."""
    import keras

    # What Keras names layers after depends on how many there were before, and
    # files shall not depend on what else this process has trained.
    keras.backend.clear_session()
    keras.config.set_dtype_policy(settings.precision)
    with devices.scope():
        before = runs.get(objective.before)
        build = objective.build
        fit_it = build(settings, runs[name], before, **objective.options)
    fit_it()


def check_data(settings):
    """Ends the program if there are no images, before anything is made."""
    try:
        run_data.training_images(settings)
        for split in ("validation", "test"):
            run_data.held_out_images(settings, split)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        sys.exit(str(error))


def run_directory(settings, name, devices, **more):
    """Returns the directory of a run, once it is sure that it may be used."""
    from keras_affsr import training

    run = training.RunDirectory(
        os.path.join(settings.output_dir, name),
        run_flags.of_the_run(settings, **more),
    )
    is_chief = training.is_chief(devices)
    # What the chief has begun, the others go on with in any case.
    resume = settings.resume or not is_chief
    for of_chief in (True, False):
        problem = begin(run, resume) if of_chief == is_chief else None
        if training.any_worker(devices, problem is not None):
            sys.exit(problem or f"Another worker cannot use {run.directory}.")
    return run


def begin(run, resume):
    """Begins a run, or returns the words for why it cannot be."""
    try:
        run.begin(resume)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def is_to_train(run):
    """Returns whether a run has not ended yet, and says so."""
    if run.is_finished:
        logging.info("Trained before: %s", run.directory)
    else:
        logging.info("Training in %s", run.directory)
    return not run.is_finished


@contextlib.contextmanager
def telling_how_to_go_on(run):
    """Has Ctrl-C and SIGTERM end the program with a word on how to go on."""

    def stop(number, _):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stopped:
        print(
            f"Stopped. The same command goes on in {run.directory}, from the "
            "end of its last epoch.",
            file=sys.stderr,
        )
        raise SystemExit(getattr(stopped, "code", 130)) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def fit(
    settings, run, model, steps, monitor, size=None, epochs=None, callbacks=()
):
    """Trains a model from where the run is to its end, and scores it.

    Args:
        settings: The flags.
        run: RunDirectory.
        model: A model of this package, compiled.
        steps: int. Of training, divided into epochs.
        monitor: string. The score by which the best model is chosen.
        size: int or None. Side of the training images, if not the flags'.
        epochs: int or None. If not the flags'.
        callbacks: Those of the objective: what they log is recorded.
    """
    from keras_affsr import training

    epochs = epochs or settings.epochs
    per_epoch = max(1, steps // epochs)
    watching, checkpoint, best, watch = _callbacks(settings, run, monitor)
    epoch = checkpoint.restore(model)
    with contextlib.redirect_stdout(sys.stderr):  # The table is the output.
        training.fit(
            model,
            run_data.training_pairs(settings, size, epoch * per_epoch),
            initial_epoch=epoch,
            epochs=epochs,
            steps_per_epoch=per_epoch,
            verbose=1 if sys.stderr.isatty() else 2,
            callbacks=[*callbacks, *watching],
        )
    more = {"trained_from": epoch, "seconds": watch.seconds}
    _finish(settings, run, model, best, more)


def _callbacks(settings, run, monitor):
    """Returns all, and of them the checkpoint, the best and the stopwatch."""
    from run_stopwatch import Stopwatch

    from keras_affsr import callbacks
    from keras_affsr import training

    pairs = run_data.held_out_pairs(settings, "validation")
    count = -(-settings.validation_images // run_data.HELD_OUT_BATCH)
    images = run_data.references(settings).take(count)
    best = training.BestModel(
        run.path("best.keras"), pairs.cache(), images.cache(), monitor
    )
    checkpoint = callbacks.Checkpoint(run.path("checkpoints"), callbacks=[best])
    watch = Stopwatch(run.path("seconds.json"))
    watching = [
        callbacks.StopOnNaN(checkpoint),
        best,
        callbacks.ImageGrid(pairs, run.path("images"), num_images=4),
        *_events(run),
        callbacks.TrainingLog(run.path("log.csv")),
        watch,
        checkpoint,  # Last: then all of the epoch is on the disk.
    ]
    return watching, checkpoint, best, watch


def _events(run):
    """Returns the callback that writes for TensorBoard, if it is there."""
    import keras

    if importlib.util.find_spec("tensorboard") is None:
        logging.info("No TensorBoard events: `pip install tensorboard`.")
        return []
    return [keras.callbacks.TensorBoard(run.path("events"), write_graph=False)]


def _finish(settings, run, model, best, more):
    """Scores the model on the test images, and ends the run."""
    from keras_affsr import training

    strategy = model.distribute_strategy
    if training.is_chief(strategy):
        test = run_data.held_out_pairs(settings), run_data.references(settings)
        with training.predicting_alone(model):
            found = training.scores(model, *test)
        best = {"epoch": best.epoch, f"val_{best.monitor}": best.best}
        run.finish(model, {**run.flags, "final": found, "best": best, **more})
    # Until then the others wait: what comes next may go on from it.
    training.any_worker(strategy)


def show(runs):
    """Prints the scores of runs on the test images."""
    print(f"{'':12}{'PSNR':>8}{'SSIM':>8}{'LR MSE':>10}{'SWD':>8}{'s':>9}")
    for run in runs.values():
        found = run.summary()
        final = found["final"]
        print(
            f"{found['label']:12}{final['psnr']:8.2f}{final['ssim']:8.3f}"
            f"{final['low_res_mse']:10.1e}{final['sliced_wasserstein']:8.3f}"
            f"{found['seconds']:9.0f}"
        )
