"""UsageError: arguments that no command can make sense of."""


class UsageError(Exception):
    """Ends a command with its message and the exit code 2."""
