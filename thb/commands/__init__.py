"""One file per verb of the command line, with the options of the verb and the text it prints.

The docstring of a command is its help; what stands under ``Examples:`` is shown below the options.
"""
