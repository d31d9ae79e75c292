"README.md from nbs/index.ipynb: `python .ci/readme.py` writes it, `--check` fails if it is out of step."

import configparser
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

root = Path(__file__).resolve().parents[1]
nb = nbformat.read(root / 'nbs' / 'index.ipynb', as_version=4)
kept = []
for cell in nb.cells:
    directives = re.findall(r'^#\| ?(.*)$', cell.source, re.M) if cell.cell_type == 'code' else []
    if 'hide' in directives:
        continue
    if cell.cell_type == 'code':
        cell.outputs = [o for o in cell.outputs if 'image/png' not in o.get('data', {})]  # figures stay in the notebook
        for output in cell.outputs:
            if 'text/markdown' in output.get('data', {}):
                output.data.pop('text/html', None)  # the site's thumbnails
        if any('fig-alt' in d for d in directives):  # the opening figure, of which README shows a drawing
            kept.append(nbformat.v4.new_markdown_cell('![VGG-16 as a row of blocks of convolutions](social.png)'))
            continue
        if 'echo: false' in directives:
            cell.metadata.tags = ['no-source']
        cell.source = re.sub(r'^#\|.*\n', '', cell.source, flags=re.M)
    kept.append(cell)
nb.cells = kept
nb.metadata.language_info = {'name': 'python'}
exporter = MarkdownExporter(
    config=Config(
        {
            'TagRemovePreprocessor': {'enabled': True, 'remove_input_tags': {'no-source'}},
            'MarkdownExporter': {'preprocessors': ['nbconvert.preprocessors.TagRemovePreprocessor']},
        }
    )
)
text, _ = exporter.from_notebook_node(nb)
settings = configparser.ConfigParser()
settings.read(root / 'settings.ini', encoding='utf-8')
site = settings['DEFAULT']['doc_host'] + settings['DEFAULT']['doc_baseurl']
text = re.sub(r'\]\(([\w/]+\.html)\)', rf']({site}/\1)', text)
text = re.sub(r'\]\(([\w/]+\.(?:ipynb|png)(?:#[\w-]+)?)\)', r'](nbs/\1)', text)
text = re.sub(r'\n{3,}', '\n\n', text).strip() + '\n'
astray = [link for link in re.findall(r'\]\(([^)#\s]+)', text) if '://' not in link and not (root / link).exists()]
if astray:
    sys.exit(f'README.md would link to what is not there: {", ".join(astray)}')
text = '<!-- Written by .ci/readme.py from nbs/index.ipynb; do not edit. -->\n\n' + text
readme = root / 'README.md'
if '--check' in sys.argv:
    if readme.read_text(encoding='utf-8') != text:
        sys.exit('README.md is out of step with nbs/index.ipynb: run python .ci/readme.py')
else:
    readme.write_text(text, encoding='utf-8')
