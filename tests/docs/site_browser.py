"""The site in headless Chromium, as `make docs-check` runs it: every page on a phone and on a desktop, light and dark.

    python tests/docs/site_browser.py out/site [--shots FOLDER]

Faults are: an error on the console, a request that fails or goes to another host, a page wider than the screen or text
cut off at its edge, text that is hard to read, a link or an anchor that leads nowhere, a search without its result.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import sys
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

from browser import Page, page

WIDTHS = (390, 1200)
#: Least contrast of running text with its ground (WCAG 2, level AA).
CONTRAST = 4.5
#: So many elements of a page are asked for it, evenly spaced.
SAMPLE = 300
#: What is searched for, and the page that must be among the results.
SEARCHES = {"coexistence": "theorems/coexistence.html", "half life": "concepts/health.html", "audit": "api/index.html"}

#: Seconds that a page may take to follow the scheme of the system.
PATIENCE = 10.0
_SCHEME = "document.body.getAttribute('data-md-color-scheme')"
#: No movement: a page is measured where it comes to rest.
_STILL = """
document.head.append(Object.assign(document.createElement('style'),
  {textContent: '*, *::before, *::after { transition: none !important; animation: none !important }'}));"""
#: What of an article sticks out of the screen and cannot be scrolled to.
_CUT = """
(() => {
  const scrolls = e => { for (; e && e.tagName !== 'ARTICLE'; e = e.parentElement)
    if (/auto|scroll/.test(getComputedStyle(e).overflowX)) return true; return false; };
  const out = [...document.querySelectorAll('article *:not(math *)')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && box.right > innerWidth + 1 && !scrolls(e) && !e.closest('math'); });
  return [document.documentElement.scrollWidth,
          out.slice(0, 3).map(e => e.tagName + ' ' + e.className + ' ' + e.textContent.trim().slice(0, 40))];
})()"""
#: Running text whose contrast with the first opaque ground behind it is too small.
_FAINT = """
((least, most) => {
  const parse = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const over = (top, ground) => top.slice(0, 3).map((v, i) => v * (top[3] ?? 1) + ground[i] * (1 - (top[3] ?? 1)));
  const ground = e => { const layers = [];
    for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); layers.push(c); if ((c[3] ?? 1) === 1) break; }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]); };
  const found = [];
  const all = [...document.querySelectorAll('article p, article li, article td, article th, article code, article h1, article h2, article pre, article a')];
  for (const e of all.filter((_, i) => i % Math.ceil(all.length / most) === 0)) {
    if (!e.textContent.trim() || !e.getClientRects().length || e.closest('.headerlink, mjx-container')) continue;
    const under = ground(e), a = light(over(parse(getComputedStyle(e).color), under)), b = light(under);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least) found.push(e.tagName + ' ' + ratio.toFixed(2) + ' ' + e.textContent.trim().slice(0, 30));
  }
  return found.slice(0, 3);
})"""


class _Links(HTMLParser):
    """Addresses and anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.anchors |= {value for key in ("id", "name") if (value := known.get(key))}
        self.addresses += [value for key in ("href", "src") if (value := known.get(key)) and tag != "base"]


def broken_links(site: Path) -> Iterator[str]:
    """Links within the site that lead to no file, or to no anchor of it."""
    pages = {path: _Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, links in pages.items():
        if path.name == "404.html":
            continue  # its addresses are absolute, from wherever the site will be
        for address in links.addresses:
            if urlsplit(address).scheme or address.startswith("//"):
                continue
            place, anchor = urldefrag(address)
            target = (path.parent / unquote(urlsplit(place).path)).resolve() if place else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site)}: {address} leads to no file"
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
                yield f"{path.relative_to(site)}: {address} leads to no anchor"


def complaints(events: list[dict[str, Any]], host: str) -> Iterator[str]:
    """What the console and the network had to say."""
    for event in events:
        method, params = event["method"], event.get("params", {})
        if method == "Runtime.exceptionThrown":
            yield f"exception: {params['exceptionDetails'].get('text')}"
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            yield f"console: {[part.get('value') for part in params['args']]}"
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            yield f"log: {params['entry']['text']} {params['entry'].get('url', '')}"
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            yield f"network: {params['errorText']}"
        elif method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            if not address.startswith((host, "data:", "blob:", "about:")):
                yield f"request to another host: {address}"


def looks(tab: Page, name: str, shots: Path | None) -> Iterator[str]:
    """Faults of the page that is open, at every width and in both schemes."""
    for width in WIDTHS:
        for dark in (False, True):
            tab.look(width, dark)
            where = f"{name} at {width} px, {'dark' if dark else 'light'}"
            end = time.monotonic() + PATIENCE  # the page hears of the new scheme when its script is called
            while (scheme := tab.run(_SCHEME)) != ("slate" if dark else "default") and time.monotonic() < end:
                time.sleep(0.02)
            if (scheme == "slate") != dark:
                yield f"{where}: scheme {scheme}"
            wide, cut = tab.run(_CUT)
            if wide > width:
                yield f"{where}: {wide} px wide"
            yield from (f"{where}: cut off: {text}" for text in cut)
            if width == WIDTHS[0]:  # colours are the same at every width
                yield from (f"{where}: faint: {text}" for text in tab.run(f"{_FAINT}({CONTRAST}, {SAMPLE})"))
            if shots is not None:
                picture = tab.send("Page.captureScreenshot", format="png")["data"]
                file = (
                    shots / f"{name.replace('/', '_').removesuffix('.html')}-{width}-{'dark' if dark else 'light'}.png"
                )
                file.write_bytes(base64.b64decode(picture))


def searches(tab: Page, host: str) -> Iterator[str]:
    """Searches that do not find their page."""
    for width in WIDTHS:
        for words, wanted in SEARCHES.items():
            tab.look(width, dark=False)
            tab.open(f"{host}/index.html")
            tab.run("document.querySelector('#__search').click()")
            typed = f"Object.assign(document.querySelector('.md-search__input'), {{value: {words!r}}})"
            tab.run(f"{typed}.focus()")
            tab.run("document.querySelector('.md-search__input').dispatchEvent(new Event('keyup', {bubbles: true}))")
            results = "[...document.querySelectorAll('.md-search-result__link')].map(e => e.getAttribute('href'))"
            end = time.monotonic() + 20
            while not (found := tab.run(results)) and time.monotonic() < end:
                time.sleep(0.1)
            if not any(wanted in address for address in found):
                yield f"search for {words!r} at {width} px: {len(found)} results, {wanted} not among them"
            yield from complaints(tab.events, host)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


def main() -> int:
    """Print the faults; 1 if there are any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--shots", type=Path, help="folder for screenshots")
    parser.add_argument("--only", default="", help="pages whose path holds this text")
    given = parser.parse_args()
    site = given.site.resolve()
    names = sorted(str(path.relative_to(site)) for path in site.rglob("*.html") if path.name != "404.html")
    names = [name for name in names if given.only in name]
    if not names:
        print(f"no pages in {site}; run make docs")
        return 1
    if given.shots:
        given.shots.mkdir(parents=True, exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    faults = list(broken_links(site))
    with page() as tab:
        for name in names:
            tab.look(WIDTHS[0], dark=False)
            tab.open(f"{host}/{name}")
            tab.run(_STILL)
            faults += looks(tab, name, given.shots)
            faults += (f"{name}: {text}" for text in complaints(tab.events, host))
        if not given.only:
            faults += searches(tab, host)
    for fault in faults:
        print(fault)
    print(f"{len(names)} pages, widths {WIDTHS}, light and dark: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
