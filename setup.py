"""minimae: the mutual autoencoder in NumPy."""
from setuptools import setup

setup(
    name="minimae",
    version="0.3.0",
    description="The mutual autoencoder in NumPy, every bound beside the exact truth",
    license="MIT",
    packages=["minimae"],
    python_requires=">=3.10",
    # The oldest versions that the test suite was run with.
    install_requires=["numpy>=1.24", "autograd>=1.8", "matplotlib>=3.7"],
    extras_require={"test": ["pytest>=7", "hypothesis>=6.50"]},
)
