#!/usr/bin/env python3
"""Opens reports of runs and of comparisons in a headless Chromium, as people do: on a phone and on a desk, by day and by night, on paper and
without script. Nothing of a server's may run, nothing may be asked for, nothing may stick out.

    tests/browser/check.py target/release/lamb-load [--keep FOLDER]     FOLDER gets the pages and their pictures
"""

import pathlib
import sys
import tempfile
import xml.etree.ElementTree

import runs
from chromium import Chromium, Page, find

VIEWS = [(width, dark) for width in (390, 1440) for dark in (False, True)]
wrong = []


def expect(holds, what):
    if not holds:
        wrong.append(what)
        print(f"  WRONG {what}")


def open_page(browser, path, width, dark, **kind):
    page = Page(browser, width, dark, **kind)
    page.open(path)
    return page


def is_quiet(page, path, what):
    """No word on the console, no request but the page itself, nothing that ran."""
    said = page.mine("Runtime.exceptionThrown") + page.mine("Runtime.consoleAPICalled") + page.mine("Log.entryAdded")
    expect(not said, f"{what}: the console says {said}")
    asked = [sent["request"]["url"] for sent in page.mine("Network.requestWillBeSent")]
    expect(asked == [f"file://{path}"], f"{what}: asked for {asked}")
    expect(page.evaluate("window.ran") is None, f"{what}: a payload ran")
    expect(page.evaluate("document.querySelectorAll('img, iframe, object, embed, link, form').length") == 0, f"{what}: foreign elements")
    expect(page.evaluate("document.scripts.length") == 2, f"{what}: foreign scripts")


def fits(page, what):
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    expect(over <= 0, f"{what}: sticks out by {over} pixels")
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, pre, svg, .skip, thead'))"
        ".filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
        ".map(e => e.tagName + '.' + e.className).slice(0, 5)"
    )
    expect(wide == [], f"{what}: cut off on the right: {wide}")


def is_drawn(page, what):
    """The canvas shows bars: more than one colour, after it came into sight."""
    page.evaluate("document.querySelector('figure.timeline').scrollIntoView({ behavior: 'instant' })")
    page.wait("!!document.querySelector('canvas')")
    colours = page.evaluate(
        "(() => { const c = document.querySelector('canvas'); if (!c) return 0;"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, seen = new Set();"
        "for (let i = 0; i < d.length; i += 4) if (d[i + 3]) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);"
        "return seen.size; })()"
    )
    expect(colours > 2, f"{what}: the timeline is empty ({colours} colours)")


def by_keyboard(page, what):
    """Opens the single requests, sorts them and walks the timeline without a mouse."""
    page.evaluate("document.querySelector('details.rows summary').focus()")
    page.key("Enter")
    page.wait("document.querySelector('details.rows').open && document.querySelectorAll('details.rows td').length > 0")
    page.evaluate("document.querySelectorAll('details.rows th button')[5].focus()")
    page.key("Enter")
    first = "[...document.querySelectorAll('details.rows')[0].querySelectorAll('tbody tr')].map(r => r.cells[5].textContent)"
    state = "document.querySelectorAll('details.rows th')[5].getAttribute('aria-sort')"
    up, rising = page.evaluate(state), page.evaluate(first)
    page.key("Enter")
    down, falling = page.evaluate(state), page.evaluate(first)
    expect((up, down) == ("ascending", "descending"), f"{what}: sorted {up}, then {down}")
    expect(rising != falling and len(falling) > 1, f"{what}: sorting changes nothing")
    page.evaluate("document.querySelector('canvas').focus()")
    page.key("ArrowDown")
    told = page.evaluate("document.querySelector('output.readout').textContent")
    expect(told.startswith("User "), f"{what}: the timeline does not tell of a bar: {told!r}")
    for key in ["+", "ArrowRight", "0"]:
        page.key(key)
    expect(page.evaluate("document.activeElement.tagName") == "CANVAS", f"{what}: the focus was lost")


def cases_sort(page, what):
    names = "[...document.querySelectorAll('table.sortable tbody th')].map(e => e.textContent)"
    before = page.evaluate(names)
    page.evaluate("document.querySelectorAll('table.sortable thead button')[0].focus()")
    page.key("Enter")
    page.key("Enter")
    expect(page.evaluate(names) != before, f"{what}: the cases do not sort")


def is_accessible(page, what):
    """Landmarks, one first heading, headings in order, names for pictures and controls, captions for tables."""
    expect(page.evaluate("document.querySelectorAll('main').length + document.querySelectorAll('h1').length") == 2, f"{what}: landmarks")
    jumps = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(e => +e.tagName[1]).some((l, i, all) => i && l > all[i - 1] + 1)"
    )
    expect(not jumps, f"{what}: a heading's level is left out")
    nameless = page.evaluate(
        "document.querySelectorAll('svg:not([aria-label]), canvas:not([aria-label])').length"
        " + [...document.querySelectorAll('button')].filter(b => !b.textContent.trim()).length"
        " + [...document.querySelectorAll('table')].filter(t => !t.caption).length"
    )
    expect(nameless == 0, f"{what}: {nameless} things have no name")


def without_script(browser, path, name, keep):
    what = f"{name} without script"
    page = Page(browser, 390, False, script=False)
    page.open(path)
    # Evaluation of ours still works; the page's own script has not run.
    tree = page.call("DOM.getDocument", depth=-1, pierce=True)["root"]
    text = str(tree)
    expect("'localName': 'canvas'" not in text, f"{what}: there is a canvas without a script")
    expect(text.count("'localName': 'tr'") > 5 and text.count("'localName': 'svg'") > 1, f"{what}: no tables and pictures without script")
    if keep:
        page.screenshot(keep / f"{name}-no-script.png")
    page.close()


def on_paper(page, what):
    page.call("Emulation.setEmulatedMedia", media="print")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expect(colour == "rgb(255, 255, 255)", f"{what}: paper is {colour}")
    shown = page.evaluate("[...document.querySelectorAll('.live, .tools')].some(e => getComputedStyle(e).display !== 'none')")
    expect(not shown, f"{what}: controls on paper")


def look(browser, name, path, keep):
    for width, dark in VIEWS:
        what = f"{name} at {width} {'dark' if dark else 'light'}"
        print(f"  {what}")
        page = open_page(browser, path, width, dark)
        fits(page, what)
        is_accessible(page, what)
        if page.evaluate("document.querySelectorAll('figure.timeline').length"):
            is_drawn(page, what)
            if (width, dark) == VIEWS[-1]:
                by_keyboard(page, what)
        if page.evaluate("document.querySelectorAll('table.sortable tbody tr').length") > 1 and width == 1440:
            cases_sort(page, what)
        page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
        fits(page, f"{what}, opened")
        is_quiet(page, path, what)
        if keep:
            page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = false; }); scrollTo(0, 0)")
            page.screenshot(keep / f"{name}-{width}-{'dark' if dark else 'light'}.png")
        on_paper(page, what)
        page.close()
    without_script(browser, path, name, keep)


def main():
    if not find():
        sys.exit("there is no chromium: apt-get install chromium")
    lamb = pathlib.Path(sys.argv[1]).resolve()
    keep = pathlib.Path(sys.argv[3]).resolve() if sys.argv[2:3] == ["--keep"] else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with Chromium() as browser:
            for make in [runs.clean, runs.hostile, runs.large, runs.slower, runs.hostile_pair]:
                path = make(lamb, folder)
                look(browser, make.__name__, path, keep)
                if (junit := path.parent / "junit.xml").exists():
                    xml.etree.ElementTree.parse(junit)
    sys.exit(f"{len(wrong)} wrong" if wrong else 0)


if __name__ == "__main__":
    main()
