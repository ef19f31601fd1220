"""What the trainings of the texture example have in common."""

import contextlib
import os
import sys

import texture_data


def generator(settings, project=True):
    """Returns a new generator, the same one for all that begin anew."""
    import keras

    from keras_affsr import networks

    keras.utils.set_random_seed(settings.seed)
    return networks.generator(
        texture_data.operator(settings),
        "grass",
        channels=1,
        project=project,
        width=settings.width,
    )


def adam(learning_rate, steps, **kwargs):
    """Returns Adam with a learning rate that falls to zero along a cosine."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    return keras.optimizers.Adam(schedule, **kwargs)


def fit(settings, model, steps, patch_size, ladder=None, **kwargs):
    """Trains a model, with pictures and a record of its progress.

    They are written to a folder of the model's name, and the model beside it.

    Args:
        settings: The flags.
        model: SuperResolver, compiled.
        steps: int. Of training, divided into epochs.
        patch_size: int. Side of the crops.
        ladder: PriorLadder, if it climbs one.
        **kwargs: Of `fit`, such as `epochs`.

    Returns:
        The model.
    """
    import keras

    from keras_affsr import callbacks

    epochs = kwargs.setdefault("epochs", settings.epochs)
    folder = os.path.join(settings.output_dir, model.name)
    test = texture_data.held_out_pairs(settings)
    pictures = callbacks.ImageGrid(test, folder, num_images=4)
    record = keras.callbacks.CSVLogger(os.path.join(folder, "history.csv"))
    ladders = [] if ladder is None else [ladder]
    os.makedirs(folder, exist_ok=True)
    with contextlib.redirect_stdout(sys.stderr):  # The table is the output.
        model.fit(
            texture_data.pairs(settings, patch_size),
            steps_per_epoch=max(1, steps // epochs),
            shuffle=False,  # The crops are random already.
            verbose=1 if sys.stderr.isatty() else 2,
            callbacks=[
                *ladders,  # First: what it says of the rung is recorded.
                pictures,
                record,
                keras.callbacks.TerminateOnNaN(),
            ],
            **kwargs,
        )
    model.save(f"{folder}.keras")
    return model
