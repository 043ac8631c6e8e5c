"""Reading HDF5 files, as far as files of models need: groups, plain arrays, and attributes of numbers and text.

The HDF5 library may run for ever or crash on a file in which a byte was changed. This reader cannot: it is Python
alone, looks at nothing outside of the file, and reads it only so often, whatever it says (`Storage`). The format is
that of the HDF Group's specification, https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, as far as
HDF5 1.8 writes it with addresses of eight bytes; h5py, and so Keras, writes an older part of it.
"""

from fastconv.models.saving.hdf5_file.objects import Dataset, Group, opened

__all__ = ["Dataset", "Group", "opened"]
