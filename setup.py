"""minimae: the mutual autoencoder in NumPy."""
import re
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist

HERE = Path(__file__).parent
README = (HERE / "README.md").read_text(encoding="utf-8")
SOURCE = (HERE / "minimae" / "__init__.py").read_text(encoding="utf-8")


class Archive(sdist):
    """A source archive that can run its own tests: with the demos and all of tests/."""

    def make_distribution(self):
        for pattern in ("*.py", "*.md", "*.png", "*.gif", "*.html", "*.gz"):
            self.filelist.recursive_include("demos", pattern)
        self.filelist.recursive_include("tests", "*.py")
        super().make_distribution()


setup(
    name="minimae",
    version=re.search('__version__ = "(.*)"', SOURCE).group(1),
    description="The mutual autoencoder in NumPy, every bound beside the exact truth",
    # An index shows no files of the project: links and pictures become their words.
    long_description=re.sub(r"!?\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", README),
    long_description_content_type="text/markdown",
    license="MIT",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Mathematics",
    ],
    packages=["minimae"],
    cmdclass={"sdist": Archive},
    python_requires=">=3.10",
    # the oldest that the test suite was run with
    install_requires=["numpy>=1.22", "autograd>=1.8", "matplotlib>=3.7"],
    extras_require={"test": ["pytest>=7", "hypothesis>=6.50"]},
)
