"""The Beam job: from raw messages to tables, lake, dead letters and alerts.

Importing the package imports nothing else; `apache_beam` is imported by `pipeline.graph` and the
transforms only, so that the generator and the laptop stack can read the contract without it.
"""

__version__ = "0.1.0"
