"""The `redline` command, one file a command group."""
