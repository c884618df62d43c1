"use strict";
// Draws the bursts and sorts the tables. Everything it shows is set as text; everything it needs is in the page.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const UNIT = 0.01; // milliseconds
  const root = document.documentElement;
  root.classList.add("js");

  function element(name, attributes, text) {
    const made = document.createElement(name);
    for (const key of Object.keys(attributes || {})) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function duration(ms) {
    const digits = (value) => {
      const size = Math.abs(value);
      return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
    };
    if (ms === null) return "";
    return ms === 0 ? "0 ms" : ms >= 999.5 ? digits(ms / 1000) + " s" : digits(ms) + " ms";
  }

  // The requests of a case in one list, whatever their round.
  function requests(id) {
    const rows = [];
    for (const round of data.cases[id] || []) {
      const of = (name, at) => (round[name] ? round[name][at] : null);
      const ms = (name, at) => { const value = of(name, at); return value === null ? null : value * UNIT; };
      for (let at = 0; at < round.user.length; at++) {
        const sent = ms("sent", at), end = ms("end", at), first = ms("first", at), connect = ms("connect", at);
        rows.push({
          round: round.round, user: round.user[at], place: at, sent: sent, end: end, connect: connect, at: first,
          first: first === null || sent === null ? null : first - sent, took: sent === null ? null : end - sent,
          begin: (sent === null ? end : sent) - (connect || 0), outcome: data.outcomes[round.outcome[at]], ok: round.outcome[at] === 0,
        });
      }
    }
    return rows;
  }

  // Unknown sorts last, whichever way.
  function compare(of, sign) {
    return (one, other) => {
      const a = of(one), b = of(other);
      if (a === b) return one.round - other.round || one.place - other.place;
      if (a === null || a === "") return 1;
      if (b === null || b === "") return -1;
      return a < b ? -sign : sign;
    };
  }

  function headers(table, sorted) {
    const cells = Array.from(table.tHead.rows[0].cells);
    cells.forEach((cell, at) => {
      const button = element("button", { type: "button" }, cell.textContent);
      cell.textContent = "";
      cell.appendChild(button);
      button.addEventListener("click", () => {
        const descending = cell.getAttribute("aria-sort") === "ascending";
        cells.forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sorted(at, descending ? -1 : 1);
      });
    });
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    headers(table, (at, sign) => {
      const key = (row) => {
        const cell = row.cells[at], value = cell.getAttribute("data-sort");
        return value === null ? cell.textContent.trim() : value === "" ? null : Number(value);
      };
      const rows = Array.from(table.tBodies[0].rows).map((row, place) => ({ row: row, key: key(row), round: 0, place: place }));
      rows.sort(compare((row) => row.key, sign));
      rows.forEach((row) => table.tBodies[0].appendChild(row.row));
    });
  }

  const PAGE = 20;
  const COLUMNS = ["round", "user", "outcome", "sent", "first", "took", "end"];
  for (const details of document.querySelectorAll("details.rows")) {
    const table = details.querySelector("table"), body = table.tBodies[0];
    let rows = null, from = 0;
    const load = () => {
      if (rows) return;
      rows = requests(details.getAttribute("data-case"));
      rows.sort((a, b) => a.ok - b.ok || (b.end - b.begin) - (a.end - a.begin) || a.round - b.round || a.place - b.place);
      table.caption.textContent = "Requests, failures and the slowest first. A column's name sorts by it.";
      if (rows.length > PAGE) {
        const pager = element("div", { class: "pager" });
        const back = element("button", { type: "button" }, "Previous"), next = element("button", { type: "button" }, "Next");
        const where = element("span", { "aria-live": "polite" });
        const turn = (by) => { from = Math.max(0, Math.min(from + by, Math.floor((rows.length - 1) / PAGE) * PAGE)); show(); };
        back.addEventListener("click", () => turn(-PAGE));
        next.addEventListener("click", () => turn(PAGE));
        pager.append(back, next, where);
        details.appendChild(pager);
        table.turned = () => {
          where.textContent = (from + 1) + " to " + Math.min(from + PAGE, rows.length) + " of " + rows.length;
          back.disabled = from === 0;
          next.disabled = from + PAGE >= rows.length;
        };
      }
      show();
    };
    const show = () => {
      body.textContent = "";
      for (const row of rows.slice(from, from + PAGE)) {
        const line = element("tr");
        for (const name of COLUMNS) {
          const value = row[name], isText = name === "outcome", isCount = name === "round" || name === "user";
          const kind = isText ? (row.ok ? "" : "bad-word") : "num";
          line.appendChild(element("td", { class: kind }, isText || isCount ? String(value) : duration(value)));
        }
        body.appendChild(line);
      }
      if (table.turned) table.turned();
    };
    headers(table, (at, sign) => {
      load();
      rows.sort(compare((row) => row[COLUMNS[at]], sign));
      from = 0;
      show();
    });
    details.addEventListener("toggle", () => { if (details.open) load(); });
  }

  const ORDERS = [
    ["user", (row) => row.user], ["first token", (row) => row.at], ["end of the answer", (row) => row.end],
    ["time taken", (row) => row.end - row.begin], ["outcome", (row) => (row.ok ? 1 : 0)],
  ];

  function timeline(figure) {
    const all = requests(figure.getAttribute("data-case"));
    if (!all.length) return;
    const host = figure.querySelector(".live");
    const rounds = Array.from(new Set(all.map((row) => row.round)));
    const canvas = element("canvas", {
      tabindex: "0", role: "application", "aria-roledescription": "timeline",
      "aria-label": "Timeline of requests. Up and down move from bar to bar, left and right in time, plus and minus zoom, 0 shows all.",
    });
    const readout = element("output", { class: "readout" });
    readout.style.display = "block";
    const tools = element("div", { class: "tools" });
    const orders = select("Order by", ORDERS.map((order) => order[0]));
    const picks = rounds.length > 1 ? select("Round", rounds.map(String)) : null;
    const zoomIn = button("Zoom in"), zoomOut = button("Zoom out"), whole = button("Show all");
    const hint = element("p", { class: "hint" }, "Drag over a part to look into it; Escape shows all. With the keyboard: arrows, +, −, 0.");
    host.append(tools, canvas, readout, hint);
    host.hidden = false;

    let rows, view, cursor = null, drag = null, span = 1;
    const RIGHT = 14, BOTTOM = 26;
    const LEFT = 28 + 7 * (5 + String(all.reduce((most, row) => Math.max(most, row.user), 0)).length) - 14;

    function select(label, names) {
      const wrap = element("label", {}, label), made = element("select");
      names.forEach((name, at) => made.appendChild(element("option", { value: String(at) }, name)));
      wrap.appendChild(made);
      tools.appendChild(wrap);
      made.addEventListener("change", arrange);
      return made;
    }
    function button(label) {
      const made = element("button", { type: "button" }, label);
      tools.appendChild(made);
      return made;
    }

    function arrange() {
      const round = picks ? rounds[Number(picks.value)] : rounds[0];
      rows = all.filter((row) => row.round === round);
      rows.sort(compare(ORDERS[Number(orders.value)][1], 1));
      span = rows.reduce((most, row) => Math.max(most, row.end), 0) * 1.02 || 1;
      cursor = null;
      showAll();
      readout.textContent = rows.length + (rows.length === 1 ? " request, " : " requests, ") + rows.filter((row) => !row.ok).length + " failed";
    }
    function showAll() {
      view = { x0: 0, x1: span, y0: 0, y1: rows.length };
      draw();
    }
    function zoom(factor, atX, atY) {
      const x = atX === undefined ? (view.x0 + view.x1) / 2 : atX;
      const y = atY === undefined ? (cursor === null ? (view.y0 + view.y1) / 2 : cursor + 0.5) : atY;
      look(x - (x - view.x0) * factor, x + (view.x1 - x) * factor, y - (y - view.y0) * factor, y + (view.y1 - y) * factor);
    }
    function look(x0, x1, y0, y1) {
      const width = Math.min(span, Math.max(x1 - x0, span / 5000)), height = Math.min(rows.length, Math.max(y1 - y0, Math.min(5, rows.length)));
      const left = Math.max(0, Math.min(x0, span - width)), top = Math.max(0, Math.min(y0, rows.length - height));
      view = { x0: left, x1: left + width, y0: top, y1: top + height };
      draw();
    }

    function size() {
      const width = host.clientWidth || 320;
      const height = Math.max(120, Math.min(width < 600 ? 420 : 460, rows.length * 13 + BOTTOM + 6));
      const ratio = window.devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.height = height + "px";
      }
      return { width: width, height: height, ratio: ratio, plot: width - LEFT - RIGHT, deep: height - BOTTOM };
    }

    function draw() {
      const at = size(), style = getComputedStyle(root), colour = (name) => style.getPropertyValue("--" + name).trim();
      const pen = canvas.getContext("2d");
      pen.setTransform(at.ratio, 0, 0, at.ratio, 0, 0);
      pen.clearRect(0, 0, at.width, at.height);
      pen.font = "12px " + style.getPropertyValue("--sans");
      const x = (ms) => LEFT + ((ms - view.x0) / (view.x1 - view.x0)) * at.plot;
      const y = (row) => ((row - view.y0) / (view.y1 - view.y0)) * at.deep;
      axis(pen, at, x, colour);
      pen.save();
      pen.beginPath();
      pen.rect(LEFT, 0, at.plot + RIGHT, at.deep);
      pen.clip();
      const tall = at.deep / (view.y1 - view.y0), gap = tall > 4 ? 1.5 : 0;
      // Where rows are finer than pixels, one row is drawn for each pixel, and every failed one.
      const steps = Math.min(view.y1 - view.y0, at.deep * at.ratio);
      const colours = { connect: colour("connect"), wait: colour("wait"), stream: colour("accent"), failed: colour("bad-soft"), edge: colour("bad") };
      let before = -1;
      for (let step = 0; step <= steps; step++) {
        const place = Math.floor(view.y0 + (step * (view.y1 - view.y0)) / steps);
        if (place === before || place >= rows.length) continue;
        before = place;
        bar(pen, rows[place], x, y(place), Math.max(tall - gap, 1 / at.ratio), colours);
      }
      if (tall < 1) {
        for (let place = Math.max(0, Math.floor(view.y0)); place < Math.min(rows.length, Math.ceil(view.y1)); place++) {
          if (!rows[place].ok) bar(pen, rows[place], x, y(place), 1, colours);
        }
      }
      if (cursor !== null) {
        pen.strokeStyle = colour("ink");
        pen.lineWidth = 1;
        pen.strokeRect(LEFT + 0.5, y(cursor) - 0.5, at.plot - 1, Math.max(tall - gap, 2) + 1);
      }
      if (drag && drag.moved) {
        pen.fillStyle = colour("accent-soft");
        pen.globalAlpha = 0.45;
        pen.fillRect(Math.min(drag.x, drag.toX), Math.min(drag.y, drag.toY), Math.abs(drag.toX - drag.x), Math.abs(drag.toY - drag.y));
        pen.globalAlpha = 1;
      }
      pen.restore();
      names(pen, at, y, tall, colour);
    }

    function axis(pen, at, x, colour) {
      const wanted = at.plot / 90, rough = (view.x1 - view.x0) / wanted, decade = Math.pow(10, Math.floor(Math.log10(rough)));
      const step = [1, 2, 5, 10].map((one) => one * decade).find((one) => one >= rough);
      pen.textAlign = "center";
      pen.textBaseline = "alphabetic";
      for (let tick = Math.ceil(view.x0 / step) * step; tick <= view.x1; tick += step) {
        pen.fillStyle = colour("hair");
        pen.fillRect(Math.round(x(tick)), 0, 1, at.deep);
        pen.fillStyle = colour("faint");
        const label = view.x1 >= 1000 ? Number((tick / 1000).toPrecision(6)) + " s" : Number(tick.toPrecision(6)) + " ms";
        pen.fillText(tick === 0 ? "0" : label, Math.min(x(tick), at.width - 16), at.deep + 17);
      }
    }

    function bar(pen, row, x, top, tall, colours) {
      const part = (from, to, fill) => {
        pen.fillStyle = fill;
        pen.fillRect(x(from), top, Math.max(x(to) - x(from), 0.75), tall);
      };
      if (row.sent !== null && row.connect) part(row.begin, row.sent, colours.connect);
      const sent = row.sent === null ? row.end : row.sent;
      if (!row.ok) {
        part(sent, row.end, tall > 5 ? colours.failed : colours.edge);
        if (tall > 5) {
          pen.strokeStyle = colours.edge;
          pen.lineWidth = 1;
          pen.strokeRect(x(sent) + 0.5, top + 0.5, Math.max(x(row.end) - x(sent) - 1, 1), tall - 1);
          pen.beginPath();
          const end = x(row.end) + 7, middle = top + tall / 2;
          pen.moveTo(end - 3, middle - 3); pen.lineTo(end + 3, middle + 3);
          pen.moveTo(end - 3, middle + 3); pen.lineTo(end + 3, middle - 3);
          pen.stroke();
        }
      } else if (row.at === null) {
        part(sent, row.end, colours.stream);
      } else {
        part(sent, row.at, colours.wait);
        part(row.at, row.end, colours.stream);
      }
    }

    function names(pen, at, y, tall, colour) {
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      pen.fillStyle = colour("faint");
      const every = Math.max(1, Math.ceil((tall >= 13 ? 13 : 44) / tall));
      for (let place = Math.ceil(view.y0 / every) * every; place < Math.min(view.y1, rows.length); place += every) {
        const middle = y(place) + Math.max(tall, 1) / 2;
        if (middle > 5 && middle < at.deep - 4) pen.fillText("user " + rows[place].user, LEFT - 8, middle);
      }
    }

    function tell(place) {
      const row = rows[place], parts = ["User " + row.user + ", round " + row.round + ": " + row.outcome];
      if (row.sent !== null) parts.push("sent at " + duration(row.sent)); else parts.push("never sent");
      if (row.connect) parts.push("connected in " + duration(row.connect));
      if (row.first !== null) parts.push("first token after " + duration(row.first));
      if (row.took !== null) parts.push((row.ok ? "answer complete after " : "ended after ") + duration(row.took));
      readout.textContent = parts.join(" · ");
    }
    function point(place) {
      cursor = Math.max(0, Math.min(place, rows.length - 1));
      const height = view.y1 - view.y0;
      if (cursor < view.y0) look(view.x0, view.x1, cursor, cursor + height);
      else if (cursor + 1 > view.y1) look(view.x0, view.x1, cursor + 1 - height, cursor + 1);
      else draw();
      tell(cursor);
    }
    function under(event) {
      const box = canvas.getBoundingClientRect(), at = size(), px = event.clientX - box.left, py = event.clientY - box.top;
      return {
        px: Math.max(LEFT, Math.min(px, LEFT + at.plot)), py: Math.max(0, Math.min(py, at.deep)),
        ms: view.x0 + ((px - LEFT) / at.plot) * (view.x1 - view.x0), row: view.y0 + (py / at.deep) * (view.y1 - view.y0),
      };
    }

    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const spot = under(event);
      drag = { x: spot.px, y: spot.py, ms: spot.ms, row: spot.row, toX: spot.px, toY: spot.py, moved: false };
      if (event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const spot = under(event);
      if (drag && event.pointerType === "mouse") {
        drag.toX = spot.px; drag.toY = spot.py;
        drag.moved = Math.abs(spot.px - drag.x) + Math.abs(spot.py - drag.y) > 8;
        draw();
      } else if (spot.row >= 0 && spot.row < rows.length) point(Math.floor(spot.row));
    });
    canvas.addEventListener("pointerup", (event) => {
      const spot = under(event), was = drag;
      drag = null;
      if (!was) return;
      if (was.moved) {
        // A flat drag looks into a span of time, an upright one into some of the rows.
        const flat = Math.abs(was.toY - was.y) < 8, upright = Math.abs(was.toX - was.x) < 8;
        look(upright ? view.x0 : Math.min(was.ms, spot.ms), upright ? view.x1 : Math.max(was.ms, spot.ms),
          flat ? view.y0 : Math.min(was.row, spot.row), flat ? view.y1 : Math.max(was.row, spot.row));
      } else point(Math.floor(spot.row));
    });
    canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
    canvas.addEventListener("dblclick", showAll);
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const spot = under(event);
      zoom(event.deltaY < 0 ? 0.8 : 1.25, spot.ms, spot.row);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const width = view.x1 - view.x0, page = Math.max(1, Math.round((view.y1 - view.y0) * 0.9)), from = cursor === null ? -1 : cursor;
      const keys = {
        ArrowDown: () => point(from + 1), ArrowUp: () => point(Math.max(0, from - 1)), PageDown: () => point(from + page), PageUp: () => point(from - page),
        Home: () => point(0), End: () => point(rows.length - 1),
        ArrowRight: () => look(view.x0 + width / 8, view.x1 + width / 8, view.y0, view.y1),
        ArrowLeft: () => look(view.x0 - width / 8, view.x1 - width / 8, view.y0, view.y1),
        "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), 0: showAll, Escape: showAll,
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    zoomIn.addEventListener("click", () => zoom(0.5));
    zoomOut.addEventListener("click", () => zoom(2));
    whole.addEventListener("click", showAll);
    redraws.push(draw);
    arrange();
  }

  const redraws = [];
  const redraw = () => redraws.forEach((draw) => draw());
  // A page of many cases draws each when it comes near.
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watch.unobserve(entry.target);
      timeline(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("figure.timeline").forEach((figure) => watch.observe(figure));
  window.addEventListener("resize", redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
})();
