"""What can be checked of the pages without rendering them: python .ci/check.py [--outputs]

Links between notebooks, the sidebar, alternative texts, stored outputs, sizes, the layout of the modules.
--outputs also runs the notebooks whose stored text must equal what their cells print now."""
import ast
import json
import re
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[1]
nbs = root / 'nbs'
same_output = ['library/command.ipynb', 'library/gallery.ipynb', 'library/names.ipynb', 'library/recipes.ipynb']
longest_cell = 30  # lines, in the book
largest = 600  # kilobytes of a notebook

complaints = []


def complain(path, what):
    complaints.append(f'{path.relative_to(root)}: {what}')


def source(cell):
    return ''.join(cell['source'])


def directives(cell):
    return re.findall(r'^#\| *(.*)$', source(cell), re.M) if cell['cell_type'] == 'code' else []


def anchors(notebook):
    "Addresses inside a page: its headings as Pandoc writes them, and the names that it exports"
    found = set()
    for cell in notebook['cells']:
        if cell['cell_type'] == 'markdown':
            for title in re.findall(r'^#{1,6} +(.*)$', source(cell), re.M):
                explicit = re.search(r'\{#([\w.-]+)', title)
                text = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', title)
                text = re.sub(r'[^\w\s.-]', '', re.sub(r'\{.*\}', '', text).lower()).strip()
                found.add(explicit[1] if explicit else re.sub(r'^[^a-z]+', '', re.sub(r'\s+', '-', text)))
        elif any(d.startswith('export') for d in directives(cell)):
            found |= set(re.findall(r'^(?:def|class) (\w+)', source(cell), re.M))
    return found | {name.lower() for name in found}


def check_notebook(path, notebooks):
    notebook = notebooks[path]
    is_book = path.parent == nbs and re.match(r'\d\d_', path.name)
    rendered = path.parent.name != 'tests'
    if path.stat().st_size > largest * 1024:
        complain(path, f'{path.stat().st_size // 1024} KB, more than {largest}')
    if 'widgets' in notebook['metadata']:
        complain(path, 'widget state in the metadata')
    for k, cell in enumerate(notebook['cells']):
        text = source(cell)
        if cell['cell_type'] == 'markdown':
            for target, anchor in re.findall(r'\]\(([^)#\s]*\.ipynb)(?:#([^)\s]*))?', text):
                there = (path.parent / target).resolve()
                if there not in notebooks:
                    complain(path, f'cell {k} links to {target}, which is not there')
                elif anchor and anchor not in anchors(notebooks[there]):
                    complain(path, f'cell {k} links to {target}#{anchor}, which has no such heading')
            for alternative in re.findall(r'!\[([^]]*)\]\(', text):
                if not alternative.strip():
                    complain(path, f'cell {k} has a picture without alternative text')
            continue
        if is_book and text.count('\n') + 1 > longest_cell:
            complain(path, f'cell {k} has {text.count(chr(10)) + 1} lines, more than {longest_cell}')
        for directive in directives(cell):
            value = directive.partition(': ')[2]
            if re.match(r'[\w-]+: ', directive) and value[:1] not in '"\'[{' and re.search(r': |:$| #|^[&*!|>%@`]', value):
                complain(path, f'cell {k}: "#| {directive[:40]}..." must stand in quotes, or it is no YAML')
        hidden = 'hide' in directives(cell)
        for output in cell['outputs']:
            if output['output_type'] == 'error':
                complain(path, f'cell {k} stores an error')
            if output.get('name') == 'stderr':
                complain(path, f'cell {k} stores a warning or a progress bar')
            if re.search(r'/(root|home|tmp|work|Users)/', json.dumps({k: v for k, v in output.items() if k != 'data'})):
                complain(path, f'cell {k} stores a path of one machine')
            image = 'image/png' in output.get('data', {})
            if image and rendered and not hidden and not any(d.startswith('fig-alt') for d in directives(cell)):
                complain(path, f'cell {k} has a figure without #| fig-alt')


def check_sidebar(notebooks):
    text = (nbs / 'sidebar.yml').read_text(encoding='utf-8')
    listed = {(nbs / name).resolve() for name in re.findall(r'([\w/]+\.ipynb)', text)}
    shown = {path for path in notebooks if path.parent.name != 'tests'}
    for path in shown - listed:
        complain(path, 'not in nbs/sidebar.yml')
    for path in listed - shown:
        complain(path, 'in nbs/sidebar.yml, but not there')


def check_modules():
    command = ['ruff', 'check', '--no-cache', '--config', str(root / '.ci/ruff.toml'), '--output-format', 'json']
    answer = subprocess.run([*command, str(root / 'deepcnn4cifar')], capture_output=True, text=True)
    if answer.returncode > 1:
        sys.exit(answer.stderr)
    for found in json.loads(answer.stdout):
        line = found['location']['row']
        text = Path(found['filename']).read_text(encoding='utf-8').splitlines()[line - 1]
        if found['code'] == 'E501' and (line == 1 or re.match(r"(__all__ = \[| {11}')", text)):
            continue  # the line below a page's title, which nbdev makes the docstring, and nbdev's list of names
        complain(Path(found['filename']), f'line {line}: {found["message"]}')
    for path in sorted((root / 'deepcnn4cifar').glob('*.py')):
        if path.name == '_modidx.py':
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                private = [a.name for a in node.names if a.name.startswith('_')]
                if private:
                    complain(path, f'line {node.lineno}: takes the private {", ".join(private)} from another module')
            if isinstance(node, ast.FunctionDef) and node.name == '__getattr__' and node.col_offset == 0:
                complain(path, f'line {node.lineno}: a __getattr__ of the module')


def imports_of(path):
    "Modules of the library that a module imports, anywhere in it"
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and (node.level == 1 or (node.module or '').startswith('deepcnn4cifar')):
            module = (node.module or '').removeprefix('deepcnn4cifar').lstrip('.')
            found |= {module} if module else {alias.name for alias in node.names}
    return found


def check_circles():
    "Imports go downwards only: no module imports itself by way of others"
    paths = {path.stem: path for path in (root / 'deepcnn4cifar').glob('*.py') if not path.stem.startswith('_')}
    imports = {name: imports_of(path) & set(paths) for name, path in paths.items()}
    for name in sorted(imports):
        seen, waiting = set(), set(imports[name])
        while waiting:
            module = waiting.pop()
            seen.add(module)
            waiting |= imports[module] - seen
        if name in seen:
            complain(paths[name], f'imports itself by way of {", ".join(sorted(m for m in seen if name in imports[m]))}')


def printed(cell):
    "Text that a cell prints or returns"
    texts = []
    for output in cell.get('outputs', []):
        if output['output_type'] == 'stream' and output.get('name') != 'stderr':
            texts.append(''.join(output['text']))
        elif 'image/png' not in output.get('data', {}):
            data = output.get('data', {})
            texts.append(''.join(data.get('text/markdown', data.get('text/plain', ''))))
    return ''.join(texts).strip()


def lasting(cell):
    "Whether a cell stores a help text or a table in Markdown, which no clock and no folder changes"
    markdown = any('text/markdown' in output.get('data', {}) for output in cell.get('outputs', []))
    return markdown or 'usage: ' in printed(cell)


def check_outputs():
    import nbformat
    from nbclient import NotebookClient

    for name in same_output:
        path = nbs / name
        if not path.exists():
            continue
        stored = json.loads(path.read_text(encoding='utf-8'))
        now = nbformat.read(path, 4)
        NotebookClient(now, timeout=600, resources={'metadata': {'path': str(path.parent)}}).execute()
        for k, (cell, new) in enumerate(zip(stored['cells'], now.cells)):
            if cell['cell_type'] == 'code' and lasting(cell) and printed(cell) != printed(new):
                complain(path, f'cell {k} stores another output than it prints now: run the notebook')


def main():
    paths = [p.resolve() for p in nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts]
    notebooks = {path: json.loads(path.read_text(encoding='utf-8')) for path in sorted(paths)}
    for path in notebooks:
        check_notebook(path, notebooks)
    check_sidebar(notebooks)
    check_modules()
    check_circles()
    if '--outputs' in sys.argv:
        check_outputs()
    print('\n'.join(complaints) or f'{len(notebooks)} notebooks and the modules are in order')
    sys.exit(bool(complaints))


main()
