"""Run notebooks' cells where nbdev is not installed: python .ci/plain.py NOTEBOOK...

Users get other releases of fastai and fastcore than the development install, whose nbdev holds fastcore back.
Cells that need nbdev, a flag (cifar10, slow, cuda) or are not to be run are left out, as nbdev_test does."""
import contextlib
import io
import json
import os
import sys
import time
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

flags = ('cifar10', 'slow', 'cuda', 'eval: false')


def left_out(source):
    directives = [line.lstrip('#| ').strip() for line in source.splitlines() if line.startswith('#|')]
    return any(d in flags for d in directives) or 'nbdev' in source


def run(path):
    "Run the code cells of a notebook; the number of cells, or an exception"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()  # display() looks for this one
    shell.display_pub = type('Silent', (), {'publish': lambda *a, **k: None, 'is_publishing': False})()
    before = os.getcwd()
    os.chdir(path.parent)
    n = 0
    try:
        for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
            source = ''.join(cell['source'])
            if cell['cell_type'] != 'code' or not source.strip() or left_out(source):
                continue
            with contextlib.redirect_stdout(io.StringIO()):
                result = shell.run_cell(source, store_history=False, silent=True)
            if error := result.error_before_exec or result.error_in_exec:
                raise RuntimeError(f'{path.name}, cell {n}:\n{source}') from error
            n += 1
    finally:
        os.chdir(before)
    return n


def main():
    os.environ.setdefault('IN_TEST', '1')
    for name in sys.argv[1:]:
        start = time.perf_counter()
        n = run(Path(name).resolve())
        print(f'{name}: {n} cells in {time.perf_counter() - start:.0f} s', flush=True)


main()
