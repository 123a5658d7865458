"use strict";
// Asks for the facts every two seconds and draws them. Text from the server is only ever set as
// text, never as HTML.

const POLL_MS = 2000;
const $ = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function row(...cells) {
  const made = element("tr");
  made.append(...cells.map((cell) => element("td", cell)));
  return made;
}

function seconds(value) {
  if (value === null) return "?";
  if (value < 60) return `${value.toFixed(1)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
}

function share(copied, done, estimate) {
  if (done) return "all";
  return estimate ? `${Math.min(99, Math.floor((100 * copied) / estimate))}%` : "?";
}

function stageOf(one) {
  return one.cleaned_at ? `${one.stage}, cleaned up` : one.stage;
}

function drawList(found) {
  const chosen = location.hash.slice(1);
  $("list").replaceChildren(...found.migrations.map((one) => {
    const copied = share(one.rows_copied, one.copied, one.rows_estimate);
    const made = row(one.id, stageOf(one), copied, one.tables.join(", "));
    made.setAttribute("aria-selected", String(one.id === chosen));
    made.addEventListener("click", () => { location.hash = one.id; });
    return made;
  }));
  if (!chosen && found.migrations.length) location.replace(`#${found.migrations[0].id}`);
}

function drawFacts(one) {
  const place = one.source === one.target ? `on ${one.source}` : `${one.source} → ${one.target}`;
  const since = (new Date(one.now) - new Date(one.since)) / 1000;
  $("title").textContent =
    `${one.kind} ${one.id} ${place}: ${stageOf(one)} for ${seconds(since)}`;
  $("next").textContent = `next: ${one.next}`;
  const facts = one.tables.map((table) =>
    `${table.source}: ${count(table.rows_copied)} of about ${count(table.rows_estimate)} rows copied,` +
    ` ${count(table.chunks_known - table.chunks_unverified)} of ${count(table.chunks_known)} chunks verified`);
  if (one.stage === "copying") facts.push(`${count(Math.round(one.rows_per_s))} rows/s, ETA ${seconds(one.eta_s)}`);
  if (one.stream && one.stream.lag_s !== null) facts.push(`lag ${seconds(one.stream.lag_s)}`);
  if (one.failure) facts.push(`${one.failure.explanation} ${one.failure.remedy}`);
  $("facts").textContent = [...facts, ...one.held_back].join("; ");
}

function drawMaps(cells) {
  $("maps").replaceChildren(...Object.entries(cells).flatMap(([table, found]) => {
    const map = element("div", undefined, { class: "map", "aria-label": table });
    map.append(...found.map((cell) => {
      const state = cell.verified === cell.chunks ? "verified" : cell.done === cell.chunks ? "copied" : "planned";
      return element("i", undefined, {
        class: state, title: `${cell.chunks} chunks, ${cell.done} copied, ${cell.verified} verified`,
      });
    }));
    return [element("div", table), map];
  }));
}

function drawPlot(svg, points) {
  const made = (name, attributes, text) => {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    if (text !== undefined) one.textContent = text;
    return one;
  };
  const known = points.filter(([, value]) => value !== null);
  if (known.length < 2) return svg.replaceChildren(made("text", { x: 8, y: 64 }, "since the dashboard began"));
  const [first, last] = [known[0][0], known[known.length - 1][0]];
  const most = Math.max(...known.map(([, value]) => value), 1);
  const at = ([time, value]) =>
    `${(((time - first) / (last - first || 1)) * 396 + 2).toFixed(1)},${(116 - (value / most) * 100).toFixed(1)}`;
  svg.replaceChildren(
    made("polyline", { points: known.map(at).join(" ") }),
    made("text", { x: 4, y: 12 }, `${count(Math.round(most * 10) / 10)}`),
    made("text", { x: 396, y: 12, "text-anchor": "end" }, `last ${seconds(last - first)}`));
}

function drawRefusals(attempts) {
  if (!attempts.length) return $("refusals").replaceChildren(element("div", "none yet"));
  $("refusals").replaceChildren(...attempts.flatMap((one) => {
    const total = one.parts.reduce((sum, part) => sum + part.ms, 0);
    const bar = element("div", undefined, { class: "bar" });
    bar.append(...one.parts.map((part) => {
      const span = element("span", `${part.part} ${count(Math.round(part.ms))} ms`);
      span.style.flexGrow = String(part.ms);
      return span;
    }));
    return [element("div", `attempt ${one.attempt}: ${count(Math.round(total))} ms`), bar];
  }));
}

function drawOne(one) {
  drawFacts(one);
  drawMaps(one.cells);
  drawPlot($("lag"), one.history.map((sample) => [sample.at, sample.lag_s]));
  drawPlot($("changed"), one.history.map((sample) => [sample.at, sample.rows_changed]));
  drawRefusals(one.cut_overs);
  $("events").replaceChildren(...one.events.toReversed().map((event) =>
    row(event.at.slice(0, 19).replace("T", " "), event.kind, event.message, event.by)));
  $("one").hidden = false;
}

async function ask(path) {
  // A login in the page's address, which a relative path would take over, is refused by fetch.
  const answer = await fetch(location.origin + location.pathname.replace(/[^/]*$/, path));
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.trouble);
  return found;
}

async function refresh() {
  try {
    const found = await ask("migrations");
    drawList(found);
    if (location.hash) drawOne(await ask(`migrations/${location.hash.slice(1)}`));
    $("trouble").textContent = found.problems.join(" ");
  } catch (error) {
    $("trouble").textContent = `Not up to date: ${error.message}`;
  }
}

async function watch() {
  await refresh();
  setTimeout(watch, POLL_MS);
}

addEventListener("hashchange", refresh);
watch();
