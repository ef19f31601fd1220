"""The command line `keras-affsr`.

It is a package of its own because `import keras_affsr` imports TensorFlow,
which takes seconds: nothing here does before a command runs, so that `--help`
answers at once.
"""
