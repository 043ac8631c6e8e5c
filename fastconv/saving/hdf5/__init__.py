"""A reader of HDF5 files for models: groups, plain arrays, and attributes of numbers and text.

The HDF5 library may hang or crash when a byte of a file is changed. This reader cannot: it is pure Python, never looks
outside the file, and limits how often it reads each byte (`Storage`). The format is the HDF Group's specification,
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, in the extent that HDF5 1.8 writes with addresses
of eight bytes. h5py, and therefore Keras, writes an older part of it.
"""

from fastconv.saving.hdf5.objects import Dataset, Group, opened

__all__ = ["Dataset", "Group", "opened"]
