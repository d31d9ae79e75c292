"""Use the mistake browser as a person does: in a real JupyterLab in a headless Chromium, by mouse and keyboard.

python .ci/widgets.py [RUN] [SOURCE]: a run folder with predictions, and where its images are; left out: made-up predictions of the shapes."""
import sys
from pathlib import Path
from browse import lab

def mistake_browser(run=None, source=None):
    made = f'''
from deepcnn4cifar.runs import Run
run = Run.load({str(Path(run).resolve())!r}); data = run.data({source and str(Path(source).resolve())!r}); predictions = run.predictions''' if run else '''
import numpy as np
from deepcnn4cifar.data import load_data
from deepcnn4cifar.evaluation import Predictions
data = load_data('shapes')
z = np.random.default_rng(0).normal(size=(len(data.test), len(data.classes))) + 2 * np.eye(len(data.classes))[data.test.labels]
predictions = Predictions(data.test.index, data.test.labels, z, data.classes)'''
    with lab([made.strip(), 'from deepcnn4cifar.widgets import mistake_browser\nmistake_browser(predictions, data.test, per_page=12)']) as page:
        says = "document.querySelector('.widget-label:not(.widget-inline-hbox *)').textContent"
        titles = "[...document.querySelectorAll('.d4c-card img')].map(i => i.alt)"
        count = lambda: int(page.js(says).split(' of ')[1].split(' ')[0].replace(',', ''))
        shown = lambda: (page.js(says), page.js("[...document.querySelectorAll('.d4c-card')].map(c => c.dataset.index)"))
        def change(act, what):
            "Do something and wait until something else is shown"
            before = shown(); act(); page.wait(f"{says} != {before[0]!r} || JSON.stringify([...document.querySelectorAll('.d4c-card')].map(c => c.dataset.index)) != {str(before[1]).replace(chr(39), chr(34)).replace(' ', '')!r}", 20)
            print(f'{what:24s} {page.js(says)}')
        page.wait("document.querySelectorAll('.d4c-card').length", 60)
        select, button = "document.querySelectorAll('.widget-dropdown select')[{}]".format, "[...document.querySelectorAll('.widget-button')].find(b => b.textContent.includes('{}'))".format
        names = page.js(f"[...{select(0)}.options].map(o => o.text)")[1:]
        print(f'{"at first":24s} {page.js(says)}')
        everything = count()
        change(lambda: page.click(button('more')), 'more')
        assert page.js(says).startswith('13 to 24'), page.js(says)
        change(lambda: page.click(button('back')), 'back')
        assert page.js(says).startswith('1 to 12')
        true, guess = page.js(titles)[0].split(' → ')
        change(lambda: page.choose(select(0), true), f'is {true}')
        of_class = count()
        assert of_class < everything and all(t.startswith(f'{true} →') for t in page.js(titles)), page.js(titles)
        change(lambda: page.choose(select(1), guess), f'was taken for {guess}')
        assert count() <= of_class and set(page.js(titles)) == {f'{true} → {guess}'}, page.js(titles)
        pair = count()
        change(lambda: page.drag("document.querySelectorAll('.widget-slider .noUi-handle')[1]", -60), 'confidence, from above')
        assert count() < pair
        top = float(page.js("document.querySelector('.widget-slider .widget-readout').textContent").replace('–', ' ').split()[-1])
        assert top < 1, top
        change(lambda: page.choose(select(1), 'any'), 'was taken for any')
        some = count()
        change(lambda: page.click("document.querySelector('.widget-checkbox input')"), 'right answers too')
        assert count() > some and f'{true} → {true}' in page.js(titles), page.js(titles)
        assert not page.errors, page.errors
    print('the mistake browser does what it should')

if __name__ == '__main__': mistake_browser(*sys.argv[1:])
