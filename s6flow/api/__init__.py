"""What `import s6flow as sf` offers: one function a question, and results that show, tabulate and draw themselves.

The names stand in `s6flow/__init__.py`; nothing here is imported before a name is used. The command line calls the same
functions.
"""
