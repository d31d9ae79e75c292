"README.md from nbs/index.ipynb: `python .ci/readme.py` writes it, `--check` fails if it is out of step."
import re, sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

root = Path(__file__).resolve().parents[1]
nb = nbformat.read(root / 'nbs' / 'index.ipynb', as_version=4)
kept = []
for cell in nb.cells:
    directives = re.findall(r'^#\| ?(.*)$', cell.source, re.M) if cell.cell_type == 'code' else []
    if 'hide' in directives: continue
    if cell.cell_type == 'code':
        cell.outputs = [o for o in cell.outputs if 'image/png' not in o.get('data', {})] # figures stay in the notebook and on the site
        if 'echo: false' in directives: cell.metadata.tags = ['no-source']
        cell.source = re.sub(r'^#\|.*\n', '', cell.source, flags=re.M)
    kept.append(cell)
nb.cells = kept
exporter = MarkdownExporter(config=Config({'TagRemovePreprocessor': {'enabled': True, 'remove_input_tags': {'no-source'}},
                                           'MarkdownExporter': {'preprocessors': ['nbconvert.preprocessors.TagRemovePreprocessor']}}))
text, _ = exporter.from_notebook_node(nb)
text = re.sub(r'\]\(([\w/]+\.ipynb)\)', r'](nbs/\1)', text)
text = re.sub(r'\n{3,}', '\n\n', text).strip() + '\n'
text = '<!-- Written by .ci/readme.py from nbs/index.ipynb; do not edit. -->\n\n' + text
readme = root / 'README.md'
if '--check' in sys.argv:
    if readme.read_text(encoding='utf-8') != text: sys.exit('README.md is out of step with nbs/index.ipynb: run python .ci/readme.py')
else: readme.write_text(text, encoding='utf-8')
