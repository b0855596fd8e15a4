"""segmake: folders of medical scans to trained models, predictions, honest scores and figures.

    convert -> plan -> resample -> train -> predict -> evaluate -> report

Each word is a rule, a sub-command, a config section, a module under `segmake.stages` and a results folder.
"""

from importlib.metadata import version

__version__ = version("segmake")
