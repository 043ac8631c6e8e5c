"""Build the compiled modules, for which pyproject.toml is not enough."""

import os
import platform
import tempfile
from glob import glob

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

X86 = platform.machine().lower() in ("x86_64", "amd64")
BASELINE = ["-march=x86-64-v2"] if X86 else []
COMMON = ["-O3", "-g0", "-std=gnu11", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math"]

# An object for each instruction set: the same tile bodies, compiled with other flags. Keep in step with csrc/kernels.h.
INSTRUCTION_SETS = {"fastconv/csrc/isa_ref.c": BASELINE}
if X86:
    INSTRUCTION_SETS["fastconv/csrc/isa_avx2.c"] = ["-march=x86-64-v3"]
    INSTRUCTION_SETS["fastconv/csrc/isa_avx512.c"] = ["-march=x86-64-v4", "-mprefer-vector-width=512"]


class BuildExtensions(build_ext):
    """Compile csrc/ once per instruction set and link it into ``_core``; use OpenMP if the compiler supports it."""

    def build_extensions(self):
        openmp = ["-fopenmp"] if self._has_openmp() else []
        for extension in self.extensions:
            # Cython generates helpers that it does not call.
            extension.extra_compile_args += [*COMMON, *BASELINE, *openmp, "-Wno-unused-function"]
            extension.extra_link_args += openmp
            extension.include_dirs.append(numpy.get_include())
            if extension.name == "fastconv._core":
                extension.extra_objects += self._compile_tiles()
        super().build_extensions()

    def _compile_tiles(self):
        objects = []
        for source, flags in INSTRUCTION_SETS.items():
            (object_file,) = self.compiler.object_filenames([source], output_dir=self.build_temp)
            if self.force or not is_current(object_file):
                self.compiler.compile([source], output_dir=self.build_temp, extra_postargs=COMMON + flags)
            objects.append(object_file)
        return objects

    def _has_openmp(self):
        if os.environ.get("FASTCONV_OPENMP") == "0":
            return False
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "probe.c")
            with open(source, "w") as file:
                file.write("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
            try:
                objects = self.compiler.compile([source], output_dir=folder, extra_postargs=["-fopenmp"])
                self.compiler.link_shared_object(objects, os.path.join(folder, "probe.so"), extra_postargs=["-fopenmp"])
            except (CompileError, LinkError):
                return False
        return True


def is_current(object_file):
    """Return True if the tiles have been compiled since they, or this file, were changed."""
    newest = max(os.path.getmtime(file) for file in ["setup.py", *glob("fastconv/csrc/*")])
    return os.path.exists(object_file) and os.path.getmtime(object_file) > newest


def extension(name, *sources):
    return Extension(
        f"fastconv.{name}",
        [f"fastconv/{name}.pyx", *sources],
        include_dirs=["fastconv/csrc"],
        depends=glob("fastconv/csrc/*"),
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
            ("NPY_TARGET_VERSION", "NPY_1_22_API_VERSION"),
        ],
    )


EXTENSIONS = [
    extension("_core", "fastconv/csrc/dispatch.c"),
    extension("_arrays"),
    extension("_conv"),
    extension("_conv_depthwise"),
    extension("_conv_gradient"),
    extension("_conv_spread"),
    extension("_elementwise"),
    extension("_fourier"),
    extension("_geometry"),
    extension("_grouped"),
    extension("_image"),
    extension("_matmul"),
    extension("_normalization"),
    extension("_pad"),
    extension("_planes"),
    extension("_pool"),
    extension("_reduce"),
    extension("_rows"),
    extension("_tree"),
    extension("_winograd"),
    extension("_winograd_gradient"),
]

setup(
    ext_modules=cythonize(EXTENSIONS, language_level=3),
    cmdclass={"build_ext": BuildExtensions},
)
