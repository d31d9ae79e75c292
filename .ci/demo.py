#!/usr/bin/env python
"""The page on which the network runs in the browser, tried in a headless Chromium: `python .ci/demo.py` takes a minute; --all tries everything.
Where Chromium or npm is missing it says so and succeeds, since neither is needed to use the library."""
import argparse, contextlib, importlib.machinery, importlib.util, io, json, shutil, sys, tempfile, threading, time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from deepcnn4cifar.data import load_image
from deepcnn4cifar.gradcam import GradCAM, default_layers, default_method
from deepcnn4cifar.weights import load_pretrained

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here))
from browse import browser

def script(path):
    "A script without an ending as a module"
    loader = importlib.machinery.SourceFileLoader(path.name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.name, loader))
    loader.exec_module(module)
    return module

def expected(model, image, target=None):
    "What the library says of a picture"
    x = model.preprocessing(image[None].copy())
    with GradCAM(model, default_layers(model, 'relu')) as cam: maps = cam(x, target, default_method)
    return (cam.logits[0] / (model.temperature or 1)).softmax(0).numpy(), [m[0].numpy() for m in maps.values()]

class Visit:
    "A visit to the page in a browser, compared with the library"
    def __init__(self, page, address, model, folder): self.page, self.address, self.model, self.folder, self.milliseconds = page, address, model, Path(folder), []

    def open(self):
        self.page.go(self.address)
        self.page.wait("document.querySelectorAll('#examples button').length && document.querySelector('#megabytes').textContent.includes('MB')", 30)

    def answer(self, act, seconds=90):
        "What the page has computed after `act`"
        self.page.js('globalThis.answer = null')
        act()
        self.page.wait("globalThis.answer || !document.querySelector('#problem').hidden", seconds)
        assert self.page.js("document.querySelector('#problem').hidden"), self.page.js("document.querySelector('#problem').textContent")
        found = json.loads(self.page.js("JSON.stringify({...answer, maps: answer.maps.map(m => ({...m, data: [...m.data]}))})"))
        self.milliseconds.append(found['milliseconds'])
        return found

    def give(self, path):
        "Choose a file, as the file dialogue does"
        document = self.page.send('DOM.getDocument')['root']['nodeId']
        node = self.page.send('DOM.querySelector', nodeId=document, selector='#file')['nodeId']
        self.page.send('DOM.setFileInputFiles', nodeId=node, files=[str(path)])

    def compare(self, name, found, file, target=None, levels=0):
        "AssertionError unless pixels, probabilities and maps are the library's"
        image = load_image(file, size=self.model.preprocessing.size or 32)
        got = np.array(found['pixels'], np.uint8).reshape(image.shape)
        off = int(np.abs(got.astype(int) - image).max())
        assert off <= levels, f'{name}: a pixel differs by {off}'
        p, maps = expected(self.model, image if not off else got, target)
        far = float(np.abs(np.array(found['probabilities']) - p).max())
        assert far < 1e-3, f'{name}: a probability differs by {far}'
        assert np.argsort(found['probabilities'])[::-1].tolist() == np.argsort(p)[::-1].tolist(), f'{name}: another order'
        worst = max(np.abs(np.array(g['data']).reshape(m.shape) - m).max() / max(m.max(), 1e-9) for g, m in zip(found['maps'], maps))
        assert worst < 1e-3, f'{name}: a map differs by {worst}'
        print(f'{name}: {found["classes"][found["best"]]} {100 * max(p):.1f} %; largest differences: {off} in a pixel, {far:.0e} in a probability, {worst:.0e} in a map')

    def problem(self, act):
        "The sentence that the page shows after `act`"
        act()
        self.page.wait("!document.querySelector('#problem').hidden", 60)
        return self.page.js("document.querySelector('#problem').textContent")

def example(k): return f"document.querySelectorAll('#examples button')[{k}]"

def quick(visit, site):
    "An example picture, and another class of it"
    visit.open()
    found = visit.answer(lambda: visit.page.click(example(0)))
    visit.compare('example', found, site/'photographs'/'cat.jpg')
    found = visit.answer(lambda: visit.page.click("document.querySelector('input[name=target][value=\"5\"]')"))
    visit.compare('another class', found, site/'photographs'/'cat.jpg', target=5)
    assert 'for dog' in visit.page.js("document.querySelector('#caption').textContent")

def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--all', action='store_true', help='try everything')
    p.add_argument('--site', metavar='FOLDER', help='a folder that results/demo has made (default: made anew)')
    p.add_argument('--pictures', metavar='FOLDER', help='keep pictures of the page here')
    args = p.parse_args()
    for name, programs in (('Chromium', ('chromium', 'chromium-browser', 'google-chrome')), ('npm', ('npm',))):
        if not any(map(shutil.which, programs)): return print(f'demo: skipped, there is no {name} on this machine')
    demo = script(here.parent/'results'/'demo')
    with tempfile.TemporaryDirectory() as folder:
        site = Path(args.site) if args.site else demo.build(Path(folder)/'demo')
        server = demo.server(site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser(1300, 1000) as page:
            visit = Visit(page, f'http://127.0.0.1:{server.server_port}/', load_pretrained(), folder)
            quick(visit, site)
            assert not page.errors, page.errors
        print(f'demo: {np.median(visit.milliseconds):.0f} ms an answer')

if __name__ == '__main__': main()
