"""s6flow: theory and diagnosis of selective state-space models. The command line is `s6flow`."""

__version__ = "0.2.0"
