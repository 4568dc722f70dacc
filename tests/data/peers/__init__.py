"""The programs of this folder, built where they are needed: servers and clients that Debian and PyPI do not have."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def fetch():
    """Gets the modules of the programs in Go, which takes a network."""
    subprocess.run(["go", "mod", "download"], cwd=HERE, check=True)


def go(name, folder):
    program = os.path.join(folder, f"{name}-go")
    subprocess.run(["go", "build", "-o", program, f"./{name}"], cwd=HERE, check=True)
    return program


def cpp(name, folder, package):
    program = os.path.join(folder, name)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", package], check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["g++", "-std=c++20", "-O1", "-o", program, os.path.join(HERE, name + ".cpp"), *flags], check=True)
    return program
