"""Use the explorer as a person does: a real JupyterLab in a headless Chromium, every control moved, the pixels on the screen compared.

    python .ci/explorer.py [--run RUN --data SOURCE] [--picture FILE.png]

Needs Chromium. Without --run it runs the tutorial's own cells. Fails when a change does not show, shows in the wrong
picture, or takes the kernel more than 100 ms of processor time.
"""
import argparse, base64, io, json, os, tempfile, time
from pathlib import Path

import numpy as np
from PIL import Image

from browse import lab, until

def pixels(page, selector):
    "What the screen shows of an element"
    r = page.js(f"(r => [r.x, r.y, r.width, r.height])(document.querySelector('{selector}').getBoundingClientRect())")
    data = page.send('Page.captureScreenshot', clip=dict(zip(('x', 'y', 'width', 'height', 'scale'), [*r, 1])))['data']
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert('RGB')).copy()

def processor_time(pid):
    "Seconds of processor time that a process has used (Linux)"
    return sum(map(int, Path(f'/proc/{pid}/stat').read_text().rsplit(') ', 1)[1].split()[11:13])) / os.sysconf('SC_CLK_TCK')

def settled(page, patience=1.5):
    "Both pictures, once they have stopped changing"
    def look(): return pixels(page, '.explorer-picture'), pixels(page, '.explorer-map')
    old, since = look(), time.monotonic()
    while time.monotonic() - since < patience:
        time.sleep(.2); new = look()
        if not all(a.shape == b.shape and (a == b).all() for a, b in zip(old, new)): old, since = new, time.monotonic()
    return old

def upload(page, file):
    "Give the upload button a file, as the file dialogue would"
    chooser, note = {}, page._note
    page._note = lambda event, p: chooser.update(p) if event == 'Page.fileChooserOpened' else note(event, p)
    page.send('Page.setInterceptFileChooserDialog', enabled=True)
    page.click("document.querySelector('.explorer-upload')")
    until(lambda: page.js('1') and chooser, 20, 'the file dialogue')
    page.send('DOM.setFileInputFiles', files=[str(file)], backendNodeId=chooser['backendNodeId'])

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--run'); p.add_argument('--data', default='shapes'); p.add_argument('--picture', type=Path, help='save a picture of the panel')
    a = p.parse_args()
    tutorial = json.loads((Path(__file__).parent.parent/'nbs/tutorials/explorer.ipynb').read_text(encoding='utf-8'))
    cells = [''.join(c['source']) for c in tutorial['cells'] if c['cell_type'] == 'code']
    if a.run: cells[1:] = [f"from deepcnn4cifar.weights import load_weights\ndata = load_data({a.data!r})\nnet = load_weights({str(Path(a.run).resolve()/'model.safetensors')!r}).eval()", cells[2]] # the tutorial's last cell names a layer of its own network
    with tempfile.TemporaryDirectory() as folder, lab([*cells, 'import os, torch; torch.set_num_threads(1); os.getpid()'], dict(PYTHONPATH=os.pathsep.join([str(Path(__file__).resolve().parent.parent), os.environ.get('PYTHONPATH', '')]))) as page:
        pid = int(page.js("[...jupyterapp.shell.widgets('main')][0].content.widgets.at(-1).model.outputs.toJSON()[0].data['text/plain']"))
        page.wait("document.querySelector('.explorer-map')?.naturalWidth", 60)
        page.js("document.querySelector('.explorer-map').scrollIntoView({block: 'center'})")
        handle, select = "document.querySelector('.explorer-%s .noUi-handle')", "document.querySelector('.explorer-%s select')"
        other = Path(folder)/'own.png'
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(other)
        moves = [('picture', lambda: page.drag(handle % 'index', 60), True), ('layer', lambda: page.drag(handle % 'layer', -50), False),
                 ('method', lambda: page.choose(select % 'method', 'layer'), False), ('class', lambda: page.choose(select % 'target', page.js(f"{select % 'target'}.options[3].text")), False),
                 ('opacity', lambda: page.drag(handle % 'opacity', -60), False), ('only one class', lambda: page.choose(select % 'show', page.js(f"{select % 'show'}.options[4].text")), True),
                 ('own picture', lambda: upload(page, other), True)]
        before = settled(page)
        for name, move, new_picture in moves:
            start = processor_time(pid)
            move()
            after = settled(page)
            spent = processor_time(pid) - start
            changed = [bool((x != y).any()) for x, y in zip(before, after)]
            print(f'{name:15} picture {"changed" if changed[0] else "same":8} map {"changed" if changed[1] else "same":8} {1000 * spent:4.0f} ms of processor time')
            assert changed == [new_picture, True], f'{name}: the wrong pictures changed'
            before = after
        page.js("window.changes = 0, new MutationObserver(() => window.changes++).observe(document.querySelector('.explorer-map'), {attributes: true, attributeFilter: ['src']}), 1")
        start = processor_time(pid)
        for k in range(12): page.drag(handle % ('index', 'opacity', 'layer')[k % 3], -40 if k % 2 else 40); settled(page, .5)
        each = (processor_time(pid) - start) / max(1, page.js('changes'))
        print(f'{page.js("changes")} changes by dragging sliders: {1000 * each:.0f} ms of processor time each')
        assert page.js('changes') >= 12 and each < .1
        if page.errors: print('the console says:', *page.errors, sep='\n  ')
        if a.picture: page.picture(a.picture)

if __name__ == '__main__': main()
