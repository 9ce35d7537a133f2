"""minimae: the mutual autoencoder in NumPy."""
from setuptools import setup

setup(
    name="minimae",
    version="0.1.0",
    description="The mutual autoencoder in NumPy, every bound beside the exact truth",
    license="MIT",
    packages=["minimae"],
    python_requires=">=3.10",
    install_requires=["numpy", "autograd", "matplotlib"],
    extras_require={"test": ["pytest", "hypothesis"]},
)
