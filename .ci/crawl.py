"""Every page of the rendered site: python .ci/crawl.py [FOLDER] [--no-browser]

Fails on a link, an anchor or a picture that leads nowhere, on a picture without alternative text, on a page over
2 MB, and, in a headless Chromium 390 pixels wide, on a page that scrolls sideways or reports an error."""
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


def look(site, pages):
    "Complaints of a browser on a phone's width"
    from browse import browser

    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    complaints = []
    try:
        with browser(390, 844) as page:
            for path in pages:
                name = path.relative_to(site)
                page.go(f'http://127.0.0.1:{server.server_port}/{name.as_posix()}')
                width = page.js('document.documentElement.scrollWidth')
                if width > 391:
                    complaints.append(f'{name}: {width} pixels wide on a screen of 390')
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
