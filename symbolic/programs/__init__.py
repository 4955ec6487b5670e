"""The programs that commands begin with, read from one committed file instead of built in SymPy.

Each module beside this one offers programs by name; what the file does not have, or has from other sources, is built as
ever. `python -m s6flow.symbolic.programs.build` writes the file, and a test compares it with what SymPy gives.
"""
