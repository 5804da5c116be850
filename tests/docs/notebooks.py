"""The notebooks of docs/notebooks run, and every cell prints what is committed with it. Skipped where nbclient is not installed.

    notebooks.py [--write]      --write: run them and keep the outputs
"""

import glob
import importlib.util
import os
import sys
import tempfile

import blocks

FOLDER = os.path.join(blocks.SOURCE, 'docs', 'notebooks')
SKIPPED = 77


def told(cell):
    """What a cell printed, and the value of its last expression, as text."""
    return ''.join(output.get('text') or output.get('data', {}).get('text/plain') or ' '.join(output.get('traceback', [])) for output in cell.get('outputs', []))


def run(path):
    """The notebook with the outputs of now."""
    import nbclient
    import nbformat
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == 'code':
            cell.outputs, cell.execution_count, cell.metadata = [], None, {}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name='python3', resources={'metadata': {'path': FOLDER}}, record_timing=False,
                            coalesce_streams=True).execute()
    return notebook


def check(path, write):
    """Faults of one notebook."""
    import nbformat
    kept, now = nbformat.read(path, as_version=4), run(path)
    if write:
        nbformat.write(now, path)
        return []
    pairs = [(a, b) for a, b in zip(kept.cells, now.cells) if a.cell_type == 'code']
    faults = [f'{os.path.basename(path)}: {a.source}\n--- printed\n{told(b)}\n--- committed\n{told(a)}' for a, b in pairs if told(a) != told(b)]
    return faults if any(told(a) for a, _ in pairs) else [f'{path} is committed without outputs']


def main():
    if not all(importlib.util.find_spec(name) for name in ('nbclient', 'nbformat', 'ipykernel')):
        print('skipped: there is no nbclient or no ipykernel; scripts/setup --tests installs them')
        return SKIPPED
    paths = sorted(glob.glob(os.path.join(FOLDER, '*.ipynb')))
    with tempfile.TemporaryDirectory(prefix='c') as home:
        os.environ.update({name: home for name in ('HOME', 'IPYTHONDIR', 'JUPYTER_RUNTIME_DIR', 'JUPYTER_CONFIG_DIR', 'XDG_RUNTIME_DIR')}, JUPYTER_PLATFORM_DIRS='1', PYTHONDONTWRITEBYTECODE='1')
        faults = [fault for path in paths for fault in check(path, '--write' in sys.argv)]
    print(*faults, sep='\n', end='\n' if faults else '')
    print(f'{len(paths)} notebooks ran')
    return int(bool(faults) or not paths)


if __name__ == '__main__':
    sys.exit(main())
