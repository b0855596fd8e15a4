"""DICOM in: folders and files as hospitals hand them over.

headers -> kinds (what is no slice) -> folder (which files belong together) -> frames -> stack (even, in
order) -> pixels -> values (real numbers) -> tilt; `picture` for 2-D images, `tags` for what may be told;
`series` lists a whole tree.
"""

from segmake.volume.dicom.reader import read_dicom
from segmake.volume.dicom.series import Series, find_series

__all__ = ["Series", "find_series", "read_dicom"]
