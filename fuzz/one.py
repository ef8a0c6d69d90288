"""One reader under atheris: `python -m fuzz.one TARGET CORPUS... [-libfuzzer=options]`. `python -m fuzz` starts it."""

import importlib
import sys

import atheris

from fuzz.mutation import mutate

name = sys.argv.pop(1)
atheris.enabled_hooks.add("str")
with atheris.instrument_imports(include=["gateway", "fuzz", "urllib", "base64"]):
    target = importlib.import_module(f"fuzz.{name}")
atheris.Setup(sys.argv, target.check, custom_mutator=mutate)
atheris.Fuzz()
