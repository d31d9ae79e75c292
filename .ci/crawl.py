"""Every page of the rendered site: python .ci/crawl.py [FOLDER] [--no-browser]

Fails on a link, an anchor or a picture that leads nowhere, on a picture without alternative text, on a page over
2 MB, and, in a headless Chromium, on a page that scrolls sideways on 390 pixels and on text of little contrast."""
import functools
import http.server
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

root = Path(__file__).resolve().parents[1]
heaviest = 2_000_000  # bytes of a page with its pictures


class Page(HTMLParser):
    "Links, anchors and pictures of a page"

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.pictures, self.bare = [], set(), [], []
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if a.get('id'):
            self.ids.add(a['id'])
        if tag == 'a' and a.get('name'):
            self.ids.add(a['name'])
        if tag == 'a' and a.get('href'):
            self.links.append(a['href'])
        if tag in ('link', 'script') and (a.get('href') or a.get('src')):
            self.links.append(a.get('href') or a['src'])
        if tag == 'img' and a.get('src'):
            self.pictures.append(a['src'])
            if not (a.get('alt') or '').strip() and 'hidden' not in a and a.get('role') != 'presentation':
                self.bare.append(a['src'][:60])
        if tag == 'meta' and a.get('property') == 'og:image' and (a.get('content') or '').startswith('data:'):
            self.bare.append('og:image is a data address')


def target_of(site, page, link):
    "(file, anchor) of a link inside the site, or None for one that leads out of it"
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link.startswith('//'):
        return None
    where = page if not parts.path else page.parent / unquote(parts.path)
    if parts.path.startswith('/'):
        where = site / unquote(parts.path.lstrip('/'))
    where = where.resolve()
    return (where / 'index.html' if where.is_dir() else where), unquote(parts.fragment)


def crawl(site):
    "Complaints about the files of a site, and its pages"
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob('*.html')) if 'site_libs' not in path.parts}
    complaints = []
    for path, page in pages.items():
        name = path.relative_to(site)
        weight = path.stat().st_size
        for link in page.links + page.pictures:
            found = target_of(site, path, link)
            if found is None:
                continue
            where, anchor = found
            if not where.exists():
                complaints.append(f'{name}: {link} leads nowhere')
            elif anchor and where in pages and anchor not in pages[where].ids:
                complaints.append(f'{name}: {link} has no such anchor')
            if link in page.pictures and where.exists():
                weight += where.stat().st_size
        complaints += [f'{name}: a picture without alternative text: {src}' for src in page.bare]
        if weight > heaviest:
            complaints.append(f'{name}: {weight / 1e6:.1f} MB with its pictures')
    return complaints, pages


# text whose contrast with its background is below 4.5:1 (3:1 where it is large), as a list of 'ratio: text'
contrast = """(() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const lum = c => { const f = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * f[0] + .7152 * f[1] + .0722 * f[2] };
  const ground = e => { const all = []; for (; e; e = e.parentElement) all.push(parse(getComputedStyle(e).backgroundColor));
    return all.reverse().reduce((b, a) => over(a, b), [255, 255, 255, 1]) };
  const shade = e => { let o = 1; for (; e; e = e.parentElement) o *= +getComputedStyle(e).opacity; return o };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = [...e.childNodes].filter(n => n.nodeType == 3).map(n => n.textContent.trim()).join('');
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!text || !box.width || !box.height || style.visibility == 'hidden' || e.closest('svg, mjx-container, .math')) continue;
    const b = ground(e), c = parse(style.color);
    const a = over([c[0], c[1], c[2], c[3] * shade(e)], b), x = lum(a), y = lum(b);
    const ratio = (Math.max(x, y) + .05) / (Math.min(x, y) + .05), size = parseFloat(style.fontSize);
    if (ratio < (size >= 24 || size >= 18.6 && style.fontWeight >= 700 ? 3 : 4.5)) found.push(ratio.toFixed(2) + ': ' + text.slice(0, 40));
  }
  return [...new Set(found)].slice(0, 5);
})()"""


def look(site, pages):
    "Complaints of a browser: width on a phone, contrast in light and dark"
    from browse import browser

    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    complaints = []
    try:
        with browser(390, 844) as page:
            for path in pages:
                name = path.relative_to(site)
                address = f'http://127.0.0.1:{server.server_port}/{name.as_posix()}'
                page.window(390, 844, mobile=True)
                page.go(address)
                width = page.js('document.documentElement.scrollWidth')
                if width > 391:
                    complaints.append(f'{name}: {width} pixels wide on a screen of 390')
                for dark in (False, True):
                    page.window(1300, 900, dark=dark)
                    page.js('localStorage.clear()')
                    page.go(address)
                    poor = page.js(contrast)
                    if poor:
                        complaints.append(f'{name}, {"dark" if dark else "light"}: contrast {"; ".join(poor)}')
    finally:
        server.shutdown()
    return complaints


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a):
        pass


def main():
    named = [a for a in sys.argv[1:] if not a.startswith('--')]
    site = Path(named[0] if named else root / '_docs').resolve()
    if not (site / 'index.html').exists():
        sys.exit(f'{site} holds no rendered site: run nbdev_docs first.')
    complaints, pages = crawl(site)
    if '--no-browser' not in sys.argv:
        complaints += look(site, pages)
    print('\n'.join(complaints) or f'{len(pages)} pages are in order')
    sys.exit(bool(complaints))


if __name__ == '__main__':
    main()
