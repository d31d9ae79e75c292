#!/usr/bin/env python
"""Try the page on which the network runs in the browser, in a headless Chromium.

`python .ci/demo.py` takes a minute, `--all` tries everything. Where Chromium or npm is missing, the script says so and
succeeds, since neither is needed to use the library."""

import argparse, importlib.machinery, importlib.util, json, shutil, sys, tempfile, threading
from pathlib import Path

import numpy as np
import PIL
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
    with GradCAM(model, default_layers(model, 'relu')) as cam:
        maps = cam(x, target, default_method)
    return (cam.logits[0] / (model.temperature or 1)).softmax(0).numpy(), [m[0].numpy() for m in maps.values()]


class Visit:
    "A visit to the page in a browser, compared with the library"

    def __init__(self, page, address, model, folder):
        self.page, self.address, self.model, self.folder, self.milliseconds = page, address, model, Path(folder), []

    def open(self):
        self.page.go(self.address)
        self.page.wait(
            "document.querySelectorAll('#examples button').length"
            " && document.querySelector('#megabytes').textContent.includes('MB')",
            30,
        )

    def answer(self, act, seconds=90):
        "What the page has computed after `act`"
        self.page.js('globalThis.latest = null')
        act()
        self.page.wait("globalThis.latest || !document.querySelector('#problem').hidden", seconds)
        assert self.page.js("document.querySelector('#problem').hidden"), self.page.js(
            "document.querySelector('#problem').textContent"
        )
        found = json.loads(
            self.page.js("JSON.stringify({...latest, maps: latest.maps.map(m => ({...m, data: [...m.data]}))})")
        )
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
        assert np.argsort(found['probabilities'])[::-1].tolist() == np.argsort(p)[::-1].tolist(), (
            f'{name}: another order'
        )
        worst = max(
            np.abs(np.array(g['data']).reshape(m.shape) - m).max() / max(m.max(), 1e-9)
            for g, m in zip(found['maps'], maps)
        )
        assert worst < 1e-3, f'{name}: a map differs by {worst}'
        print(
            f'{name}: {found["classes"][found["best"]]} {100 * max(p):.1f} %; '
            f'largest differences: {off} in a pixel, {far:.0e} in a probability, {worst:.0e} in a map'
        )

    def problem(self, act):
        "The sentence that the page shows after `act`"
        act()
        self.page.wait("!document.querySelector('#problem').hidden", 60)
        return self.page.js("document.querySelector('#problem').textContent")


def example(k):
    return f"document.querySelectorAll('#examples button')[{k}]"


def quick(visit, site):
    "An example picture, and another class of it"
    visit.open()
    found = visit.answer(lambda: visit.page.click(example(0)))
    visit.compare('example', found, site / 'photographs' / 'cat.jpg')
    found = visit.answer(lambda: visit.page.click("document.querySelector('input[name=target][value=\"5\"]')"))
    visit.compare('another class', found, site / 'photographs' / 'cat.jpg', target=5)
    assert 'for dog' in visit.page.js("document.querySelector('#caption').textContent")


def picture(path, size=(60, 40), mode='RGB', **options):
    "A picture with smooth and with fine parts, and some noise, so that no two windows of a pooling are alike"
    w, h = size
    y, x = np.mgrid[:h, :w]
    colours = [127 + 120 * np.sin(x / 9 + y / 23), 255 * y / h, 255 * ((x // 7 + y // 5) % 2)]
    colours = np.stack(colours, -1) + np.random.default_rng(0).normal(0, 12, (h, w, 3))
    image = Image.fromarray(colours.clip(0, 255).astype(np.uint8)).convert(mode)
    image.save(path, **options)
    return path


def turned(k):
    "Metadata that say how a picture is to be turned"
    exif = Image.Exif()
    exif[0x0112] = k
    return exif


def own_pictures(visit):
    "Files of many kinds: the same pixels and numbers as in the library"
    here = visit.folder
    clear = Image.fromarray(
        np.dstack([np.full((50, 50, 3), 90, np.uint8), np.linspace(0, 255, 2500).reshape(50, 50).astype(np.uint8)])
    )
    clear.save(here / 'transparent.png')
    cases = dict(
        wide=picture(here / 'wide.png'),
        tall=picture(here / 'tall.png', (33, 71)),
        jpeg=picture(here / 'photo.jpg', (640, 427), quality=90),
        small=picture(here / 'small.png', (20, 13)),
        same=picture(here / 'same.png', (32, 32)),
        narrow=picture(here / 'narrow.png', (32, 60)),
        grey=picture(here / 'grey.jpg', (300, 200), 'L'),
        greypng=picture(here / 'grey.png', (99, 98), 'L'),
        palette=picture(here / 'palette.gif', (80, 81), 'P'),
        webp=picture(here / 'lossless.webp', (70, 50), lossless=True),
        large=picture(here / 'large.jpg', (4000, 4000)),
    )
    cases |= {
        f'turned {k}': picture(here / f'turned{k}.jpg', (120, 77), exif=turned(k)) for k in range(2, 9)
    }  # 5 to 8 are tall afterwards
    if (
        int(PIL.__version__.split('.')[0]) < 13
    ):  # which shrank very tall pictures the other way round: some pixels differ by one
        cases = {name: path for name, path in cases.items() if name not in ('tall', 'narrow')}
    for name, path in cases.items():
        visit.compare(name, visit.answer(lambda: visit.give(path)), path)
    visit.compare(
        'transparent', visit.answer(lambda: visit.give(here / 'transparent.png')), here / 'transparent.png', levels=1
    )


def drawings(visit):
    "Drawings, which the library does not read: the numbers follow from the pixels"
    for k in range(4, 9):
        found = visit.answer(lambda: visit.page.click(example(k)))
        p = expected(visit.model, np.array(found['pixels'], np.uint8).reshape(3, found['size'], found['size']))[0]
        assert np.abs(p - found['probabilities']).max() < 1e-3, k
        name = visit.page.js(f"{example(k)}.title")
        print(f'{name}: {found["classes"][found["best"]]} {100 * p.max():.1f} %')


def wrong_files(visit):
    "One sentence each, and the page goes on"
    here = visit.folder
    (here / 'broken.jpg').write_bytes((here / 'photo.jpg').read_bytes()[:300])
    (here / 'notes.png').write_text('no picture')
    for name in ('broken.jpg', 'notes.png'):
        said = visit.problem(lambda: visit.give(here / name))
        assert said.startswith(f'{name} is not a picture'), said
        print(f'{name}: {said}')
    visit.compare('afterwards', visit.answer(lambda: visit.give(here / 'grey.jpg')), here / 'grey.jpg')


def hands(visit, site):
    "Classes, layers, paste and drop, by mouse and by keyboard"
    page, cat = visit.page, site / 'photographs' / 'cat.jpg'
    visit.answer(lambda: visit.give(cat))
    key = lambda k: [
        page.send(
            'Input.dispatchKeyEvent',
            type=t,
            key=k,
            code=k,
            windowsVirtualKeyCode={'ArrowLeft': 37, 'ArrowDown': 40, 'Enter': 13, 'Tab': 9}[k],
        )
        for t in ('rawKeyDown', 'keyUp')
    ]
    page.js("document.querySelector('#layer').focus()")
    for title in ('conv5_3', 'conv4_3', 'conv3_3', 'conv3_1', 'conv2_1', 'conv1_1'):
        key('ArrowLeft')
        page.wait(f"document.querySelector('#layername').textContent.startsWith('{title}')", 5)
    assert 'conv1_1, 32×32 cells' in page.js("document.querySelector('#said').textContent")
    assert page.js("document.querySelector('#layer').getAttribute('aria-valuetext')") == 'conv1_1, 32×32 cells'
    page.click("document.querySelectorAll('#strip button')[4]")
    assert page.js("document.querySelector('#layer').value") == '4'
    page.js("document.querySelector('input[name=target]').focus()")
    found = visit.answer(lambda: key('ArrowDown'))
    visit.compare('class by keyboard', found, cat, target=0)
    names = page.js(
        "[...document.querySelectorAll('button, input')].filter(e => e.offsetParent "
        "&& !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.querySelector('img[alt]')))"
        ".map(e => e.outerHTML)"
    )
    assert not names, f'without a name for screen readers: {names}'
    give = """(type, target) => fetch('photographs/rocket.jpg').then(r => r.blob()).then(b => {
        const data = new DataTransfer(); data.items.add(new File([b], 'rocket.jpg', {type: 'image/jpeg'}))
        document.body.dispatchEvent(type == 'drop'
            ? new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})
            : new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))
        return true })"""
    for kind in ('drop', 'paste'):
        visit.compare(kind, visit.answer(lambda: page.js(f"({give})('{kind}')")), site / 'photographs' / 'rocket.jpg')


def colours(visit):
    "Light and dark: the system's, then the reader's choice, which the site shares"
    page, theme = visit.page, "document.documentElement.dataset.theme"
    for dark in (False, True):
        page.window(1300, 1000, dark)
        page.wait(f"{theme} == '{'dark' if dark else 'light'}'", 5)
    page.click("document.querySelector('#theme')")
    assert page.js(theme) == 'light' and page.js("localStorage.getItem('quarto-color-scheme')") == 'default'
    page.click("document.querySelector('#theme')")
    assert page.js(theme) == 'dark' and page.js("localStorage.getItem('quarto-color-scheme')") == 'alternate'
    page.js("localStorage.clear()")
    for width in (1300, 820, 390, 320):
        page.window(width, 844, False)
        assert page.js("document.documentElement.scrollWidth") <= width, f'wider than {width} pixels'
    page.window(1300, 1000)


def offline(visit, site, server):
    "Without a server the page opens and answers; no other address was ever asked"
    page = visit.page
    page.wait("navigator.serviceWorker.ready.then(r => Boolean(r.active))", 30)
    others = [u for u in page.requests if not u.startswith((visit.address, 'data:', 'blob:'))]
    assert not others, others
    server.shutdown()
    server.server_close()
    visit.open()
    visit.compare('offline', visit.answer(lambda: page.click(example(1))), site / 'photographs' / 'horse.png')
    page.errors.clear()  # the requests that failed


def without_webassembly(visit):
    "A sentence and a picture"
    page = visit.page
    hidden = page.send('Page.addScriptToEvaluateOnNewDocument', source='delete globalThis.WebAssembly')['identifier']
    page.go(visit.address)
    page.wait("document.querySelector('#unable img').naturalWidth > 300", 20)
    assert page.js("document.querySelector('#unable').innerText").startswith('This browser has no WebAssembly')
    page.send('Page.removeScriptToEvaluateOnNewDocument', identifier=hidden)


def pictures_of(visit, folder):
    "The page as it looks: wide and narrow, light and dark"
    for width, dark in ((1300, False), (1300, True), (390, False), (390, True)):
        visit.page.window(width, 900, dark)
        for k, name in ((None, 'start'), (0, 'familiar'), (9, 'unfamiliar')):
            if k is None:
                visit.open()
            else:
                visit.answer(lambda: visit.page.click(example(k)))
            visit.page.js("new Promise(done => setTimeout(done, 400))")
            visit.page.js("scrollTo(0, 0)")
            visit.page.picture(Path(folder) / f'{name}-{width}-{"dark" if dark else "light"}.png', whole=True)
    visit.page.window(1300, 1000)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--all', action='store_true', help='try everything')
    p.add_argument('--site', metavar='FOLDER', help='a folder that results/demo has made (default: made anew)')
    p.add_argument('--pictures', metavar='FOLDER', help='keep pictures of the page here')
    args = p.parse_args()
    for name, programs in (('Chromium', ('chromium', 'chromium-browser', 'google-chrome')), ('npm', ('npm',))):
        if not any(map(shutil.which, programs)):
            return print(f'demo: skipped, there is no {name} on this machine')
    demo = script(here.parent / 'results' / 'demo')
    with tempfile.TemporaryDirectory() as folder:
        site = Path(args.site) if args.site else demo.build(Path(folder) / 'demo')
        server = demo.server(site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser(1300, 1000) as page:
            visit = Visit(page, f'http://127.0.0.1:{server.server_port}/', load_pretrained('vgg11'), folder)
            quick(visit, site)
            if args.all:
                own_pictures(visit)
                drawings(visit)
                hands(visit, site)
                colours(visit)
            assert not page.errors, page.errors
            if args.all:
                wrong_files(visit)
            if args.pictures:
                pictures_of(visit, args.pictures)
            if args.all:
                without_webassembly(visit)
                offline(visit, site, server)
        print(f'demo: {len(visit.milliseconds)} answers, {np.median(visit.milliseconds):.0f} ms each')


if __name__ == '__main__':
    main()
