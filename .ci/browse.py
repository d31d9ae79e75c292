"A headless Chromium to click in, and a JupyterLab to show it: what the scripts beside this one drive widgets and pages with."
import base64, contextlib, json, os, secrets, shutil, socket, subprocess, tempfile, time, urllib.request
from pathlib import Path

import websocket  # websocket-client, which jupyter_server brings along

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def until(answer, seconds, what):
    "The first true value of `answer()`"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if value := answer(): return value
        except (OSError, ValueError): pass
        time.sleep(.2)
    raise TimeoutError(f'{what} did not happen within {seconds} seconds')

class Page:
    "A tab of the browser: go somewhere, look, click, type; console errors and requests are kept"
    def __init__(self, port):
        tab = until(lambda: [t for t in json.load(urllib.request.urlopen(f'http://127.0.0.1:{port}/json')) if t['type'] == 'page'], 60, 'the start of Chromium')[0]
        self.socket, self.count, self.errors, self.requests = websocket.create_connection(tab['webSocketDebuggerUrl'], timeout=120, suppress_origin=True), 0, [], []
        for domain in ('Page', 'Runtime', 'Network', 'Log'): self.send(f'{domain}.enable')
        self.send('Emulation.setFocusEmulationEnabled', enabled=True)

    def send(self, method, **params):
        "Send a command of the DevTools protocol, return its result"
        self.count += 1; self.socket.send(json.dumps(dict(id=self.count, method=method, params=params)))
        while True:
            m = json.loads(self.socket.recv())
            if m.get('id') == self.count:
                if 'error' in m: raise RuntimeError(f'{method}: {m["error"]["message"]}')
                return m['result']
            self._note(m.get('method'), m.get('params', {}))

    def _note(self, event, p):
        if event == 'Runtime.exceptionThrown': self.errors.append(p['exceptionDetails'].get('exception', {}).get('description') or p['exceptionDetails']['text'])
        if event == 'Runtime.consoleAPICalled' and p['type'] == 'error': self.errors.append(' '.join(str(a.get('value', a.get('description'))) for a in p['args']))
        if event == 'Log.entryAdded' and p['entry']['level'] == 'error': self.errors.append(p['entry']['text'])
        if event == 'Network.requestWillBeSent': self.requests.append(p['request']['url'])

    def js(self, code):
        "The value of a JavaScript expression"
        r = self.send('Runtime.evaluate', expression=code, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in r: raise ValueError(r['exceptionDetails']['exception'].get('description', 'a JavaScript error'))
        return r['result'].get('value')

    def wait(self, code, seconds=60): return until(lambda: self.js(code), seconds, code)

    def window(self, width, height, dark=False, mobile=False):
        self.send('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.send('Emulation.setEmulatedMedia', features=[dict(name='prefers-color-scheme', value='dark' if dark else 'light')])

    def go(self, url):
        self.send('Page.navigate', url=url)
        self.wait("document.readyState == 'complete'")

    def at(self, element):
        "Middle of an element, given as JavaScript, on the screen"
        return self.js(f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})({element})")

    def mouse(self, kind, x, y): self.send('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1, buttons=int(kind != 'mouseReleased'))

    def click(self, element):
        x, y = self.at(element)
        self.mouse('mousePressed', x, y); self.mouse('mouseReleased', x, y)

    def drag(self, element, dx):
        "Take hold of an element and move it to the right by `dx` pixels"
        x, y = self.at(element)
        self.mouse('mousePressed', x, y)
        for k in range(1, 6): self.mouse('mouseMoved', x + dx * k / 5, y)
        self.mouse('mouseReleased', x + dx, y)

    def choose(self, select, text):
        "Choose an entry of a drop-down list by typing it, as a person does with the keyboard"
        self.js(f'{select}.focus()')
        for c in text: self.send('Input.dispatchKeyEvent', type='keyDown', text=c, key=c); self.send('Input.dispatchKeyEvent', type='keyUp', key=c)

    def picture(self, path, whole=False):
        Path(path).write_bytes(base64.b64decode(self.send('Page.captureScreenshot', captureBeyondViewport=whole)['data']))

@contextlib.contextmanager
def browser(width=1400, height=1000):
    "A page of a headless Chromium"
    program = next((p for p in map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')) if p), None)
    if not program: raise SystemExit('There is no Chromium: install one (Debian: apt-get install chromium).')
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        p = subprocess.Popen([program, '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--no-first-run', f'--remote-debugging-port={port}', f'--user-data-dir={profile}', 'about:blank'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            page = Page(port); page.window(width, height)
            yield page
        finally: p.terminate(); p.wait(20)

@contextlib.contextmanager
def lab(cells, env=None, width=1400, height=1000):
    "A page that shows a new notebook with these code cells, all of them run, in a real JupyterLab"
    port, token = free_port(), secrets.token_hex(8)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cells = [dict(cell_type='code', id=f'cell-{k}', metadata={}, source=c, outputs=[], execution_count=None) for k, c in enumerate(cells)]
        kernel = dict(kernelspec=dict(name='python3', display_name='Python 3', language='python'))
        (Path(folder)/'tried.ipynb').write_text(json.dumps(dict(cells=cells, metadata=kernel, nbformat=4, nbformat_minor=5)))
        command = ['jupyter', 'lab', '--allow-root', '--no-browser', f'--port={port}', '--ServerApp.port_retries=0', f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={folder}', '--LabApp.expose_app_in_browser=True', '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
        own = dict(JUPYTER_CONFIG_DIR=f'{folder}/.config', JUPYTER_DATA_DIR=f'{folder}/.data', JUPYTER_RUNTIME_DIR=f'{folder}/.runtime', JUPYTERLAB_SETTINGS_DIR=f'{folder}/.settings', JUPYTERLAB_WORKSPACES_DIR=f'{folder}/.spaces')
        p = subprocess.Popen(command, cwd=folder, env=os.environ | own | (env or {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: urllib.request.urlopen(f'http://127.0.0.1:{port}/api?token={token}').status == 200, 90, 'the start of JupyterLab')
            with browser(width, height) as page:
                page.go(f'http://127.0.0.1:{port}/lab/tree/tried.ipynb?token={token}')
                panel = "[...jupyterapp.shell.widgets('main')][0]"
                page.wait(f"window.jupyterapp && {panel}?.content?.widgets?.length && {panel}.sessionContext.session?.kernel?.status == 'idle'", 120)
                page.js(f"jupyterapp.shell.activateById({panel}.id)")
                page.click("document.querySelector('.jp-CodeCell .jp-Cell-inputWrapper .jp-InputPrompt')")
                page.js("jupyterapp.commands.execute('notebook:run-all-cells').then(() => true)")
                page.wait(f"{panel}.content.widgets.every(w => w.model.type != 'code' || w.model.executionCount)", 300)
                failed = page.js(f"{panel}.content.widgets.flatMap(w => (w.model.outputs?.toJSON() ?? []).filter(o => o.output_type == 'error').map(o => o.ename + ': ' + o.evalue))")
                if failed: raise RuntimeError(f'the notebook failed: {failed[0]}')
                yield page
        finally: p.terminate(); p.wait(30)
