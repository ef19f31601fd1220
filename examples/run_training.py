"""One training in a directory of its own, that may be stopped at any time."""

import contextlib
import importlib.util
import os
import signal
import sys
import time

import run_data
import run_flags
from absl import logging

PATIENCE = 3600  # Seconds that workers wait for the first one's files.


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
    import keras

    from keras_affsr import training

    # Before anything is computed.
    devices = training.make_strategy(settings.strategy)
    keras.config.set_dtype_policy(settings.precision)
    check_data(settings)
    runs = {
        name: run_directory(
            settings,
            name,
            training.is_chief(devices),
            script=script,
            objective=name,
            label=objectives[name].label,
        )
        for name in names
        if name not in given
    }
    runs.update(given)
    for name in names:
        _, build, before, options = objectives[name]
        if name not in given and is_to_train(runs[name]):
            with telling_how_to_go_on(runs[name]):
                with devices.scope():
                    train = build(
                        settings, runs[name], runs.get(before), **options
                    )
                train()
    if not training.is_chief(devices):
        sys.exit()  # Of many machines, the first one tells the results.
    return runs


def check_data(settings):
    """Ends the program if there are no images, before anything is made."""
    try:
        run_data.training_images(settings)
        for split in ("validation", "test"):
            run_data.held_out_images(settings, split)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        sys.exit(str(error))


def run_directory(settings, name, is_chief=True, **more):
    """Returns the directory of a run, once it is sure that it may be used."""
    from keras_affsr.training import RunDirectory

    run = RunDirectory(
        os.path.join(settings.output_dir, name),
        run_flags.of_the_run(settings, **more),
    )
    if not is_chief:
        wait_for(run.path("flags.json"))
    try:
        # What the chief has begun, the others go on with in any case.
        run.begin(settings.resume or not is_chief)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    return run


def wait_for(path):
    """Waits for a file of the chief's, or ends the program."""
    for _ in range(PATIENCE):
        if os.path.exists(path):
            return
        time.sleep(1)
    sys.exit(f"The first worker has not written {path} in {PATIENCE} s.")


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
    watching, checkpoint, best = _callbacks(settings, run, monitor)
    epoch = checkpoint.restore(model)
    start = time.perf_counter()
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
    seconds = time.perf_counter() - start
    more = {"trained_from": epoch, "seconds": seconds}
    _finish(settings, run, model, best, more)


def _callbacks(settings, run, monitor):
    """Returns all callbacks, and among them the checkpoint and the best."""
    import keras

    from keras_affsr import callbacks
    from keras_affsr import training

    pairs = run_data.held_out_pairs(settings, "validation")
    count = -(-settings.validation_images // run_data.HELD_OUT_BATCH)
    images = run_data.references(settings).take(count)
    best = training.BestModel(
        run.path("best.keras"), pairs.cache(), images.cache(), monitor
    )
    checkpoint = callbacks.Checkpoint(run.path("checkpoints"), callbacks=[best])
    events = []
    if importlib.util.find_spec("tensorboard") is None:
        logging.info("No TensorBoard events: `pip install tensorboard`.")
    else:
        events = [
            keras.callbacks.TensorBoard(run.path("events"), write_graph=False)
        ]
    watching = [
        callbacks.StopOnNaN(checkpoint),
        best,
        callbacks.ImageGrid(pairs, run.path("images"), num_images=4),
        *events,
        callbacks.TrainingLog(run.path("log.csv")),
        checkpoint,  # Last: then all of the epoch is on the disk.
    ]
    return watching, checkpoint, best


def _finish(settings, run, model, best, more):
    """Scores the model on the test images, and ends the run."""
    from keras_affsr import training

    if not training.is_chief(model.distribute_strategy):
        wait_for(run.path("summary.json"))
        return
    test = run_data.held_out_pairs(settings), run_data.references(settings)
    with training.predicting_alone(model):
        found = training.scores(model, *test)
    best = {"epoch": best.epoch, f"val_{best.monitor}": best.best}
    run.finish(model, {**run.flags, "final": found, "best": best, **more})


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
