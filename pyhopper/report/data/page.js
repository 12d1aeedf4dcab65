"use strict";
// The page of a report. Whatever comes from a search reaches the page as text, never as markup.
(() => {
performance.mark("begin");
const DATA = JSON.parse(document.getElementById("data").textContent);
const KEY = "pyhopper-report:" + location.pathname;
const ROW = 26;
const DRAWN = 4000;
const LINES = 1500;
const WORDS = { done: "value", pruned: "pruned", nan: "no value", failed: "failed", cancelled: "cancelled", running: "running" };

let state = { search: 0, by: "steps", sort: "", down: false, filter: "", hidden: null, ranges: {}, notation: "Python", paused: false };
try { Object.assign(state, JSON.parse(sessionStorage.getItem(KEY) || "{}")); } catch { /* a page without storage begins anew */ }
if (!(state.search in DATA.searches)) state.search = 0;

function save() {
  try { sessionStorage.setItem(KEY, JSON.stringify({ ...state, scroll: window.scrollY })); } catch { /* as above */ }
}

// Elements and texts -----------------------------------------------------------------------------

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const clip = (text, most = 28) => (text.length > most ? [...text].slice(0, most - 1).join("") + "…" : text);

function number(value) {
  if (value === null || value === undefined) return "";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  return size && (size < 1e-3 || size >= 1e9) ? String(Number(value.toPrecision(6)).toExponential()) : String(Number(value.toPrecision(6)));
}

function duration(seconds) {
  if (seconds < 0.9995) return Math.round(seconds * 1000) + " ms";
  if (seconds < 9.95) return seconds.toFixed(1) + " s";
  const whole = Math.round(seconds);
  if (whole < 60) return whole + " s";
  if (whole < 3600) return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
  const minutes = Math.round(seconds / 60);
  if (minutes < 2880) return Math.floor(minutes / 60) + " h " + (minutes % 60) + " min";
  return Math.floor(minutes / 1440) + " d " + Math.floor((minutes % 1440) / 60) + " h";
}

const isTime = (seconds) => seconds && Math.abs(seconds) < 8e12;
const when = (seconds) => (isTime(seconds) ? new Date(seconds * 1000).toLocaleString() : "not known");
const plural = (count, thing) => count + " " + thing + (count === 1 ? "" : "s");

function unitOf(longest) {
  const units = [["days", 86400], ["hours", 3600], ["minutes", 60]];
  return units.find((unit) => longest >= 2 * unit[1]) || ["seconds", 1];
}

function cell(column, row) {
  const value = column.values[row];
  if (value === null || value === undefined) return "";
  return column.kind === "category" ? column.options[value] : number(value);
}

// A search ---------------------------------------------------------------------------------------

class Search {
  constructor(data) {
    Object.assign(this, data);
    this.column = (name, group = "evaluation") => this.columns.find((c) => c.name === name && c.group === group);
    const status = this.column("status");
    this.status = status.values.map((value) => status.options[value]);
    this.value = this.column("value").values.slice();
    for (const row of this.unfit) this.value[row] = null;
    this.elapsedOf = this.column("elapsed").values;
    const last = this.column("last estimate");
    this.lastEstimates = last ? last.values : [];
    this.parameters = this.columns.filter((column) => column.group === "parameter");
    this.order = [];
    let ended = 0;
    for (const each of this.status) this.order.push(each === "cancelled" ? null : ++ended);
    const sign = DATA.maximize ? -1 : 1;
    this.ranked = [...this.value.keys()].filter((row) => this.value[row] !== null).sort((a, b) => sign * (this.value[a] - this.value[b]) || a - b);
    this.window = windowOf(this.ranked.map((row) => this.value[row]));
  }
  // The rows that are drawn: the best of them, and of the others an even sample.
  sample(most) {
    const rows = this.order.map((_, row) => row).filter((row) => this.order[row] !== null);
    if (rows.length <= most) return rows;
    const kept = new Set(this.ranked.slice(0, Math.round(most / 10)));
    const step = rows.length / (most - kept.size);
    for (let at = 0; at < rows.length; at += step) kept.add(rows[Math.floor(at)]);
    return [...kept].sort((a, b) => a - b);
  }
}

// The part of values, the best first, that is worth showing.
function windowOf(ranked) {
  if (!ranked.length) return null;
  const best = ranked[0];
  let worst = ranked[ranked.length - 1];
  const ninth = ranked[Math.floor(0.9 * (ranked.length - 1))];
  if (!DATA.maximize && best > 0 && worst > 300 * best) return { low: best / 1.3, high: worst * 1.3, log: true, beyond: 0 };
  let beyond = 0;
  if (Math.abs(worst / 2 - best / 2) > 4 * Math.abs(ninth / 2 - best / 2) && ninth !== best) {
    worst = best + 2 * (ninth - best);
    beyond = ranked.filter((value) => (DATA.maximize ? value < worst : value > worst)).length;
  }
  const [low, high] = [Math.min(best, worst), Math.max(best, worst)];
  const room = 0.06 * (high - low) || 0.05 * Math.max(Math.abs(high), 1);
  return { low: low - room, high: high + room, log: false, beyond };
}

const inside = (window, value) => Math.min(Math.max(value, window.low), window.high);

// A parameter as coordinates along an axis: logarithms, and indices of options.
function axisOf(column, length) {
  const values = column.numbers || column.values;
  const category = column.kind === "category" && !column.numbers;
  const log = Boolean(column.log) && values.every((value) => value === null || value > 0);
  const known = values.filter((value) => value !== null && value !== undefined).map((value) => (log ? Math.log10(value) : value));
  if (!known.length) return null;
  let [low, high] = known.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  if (category) [low, high] = [-0.4, Math.max(column.options.length - 0.6, 0.4)];
  else if (!column.numbers && column.low !== null && column.low !== undefined && column.high !== null) {
    [low, high] = log ? [Math.log10(column.low), Math.log10(column.high)] : [column.low, column.high];
  }
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const off = low - 0.12 * (high - low);
  const hasOff = known.length < length;
  const at = (row) => {
    const value = values[row];
    if (value === null || value === undefined) return off;
    if (category) return value + 0.36 * (((row * 0.6180339887) % 1) - 0.5);
    return log ? Math.log10(value) : value;
  };
  const text = (place) => {
    if (hasOff && place < low - 0.05 * (high - low)) return "inactive";
    if (category) return clip(column.options[Math.round(place)] || "", 12);
    return number(Number((log ? 10 ** place : place).toPrecision(3)));
  };
  return { name: column.summary || column.name, column, low, high, off, hasOff, category, log, at, text, ticks: ticksOf(known, low, high, category, log),
    isKnown: (row) => values[row] !== null && values[row] !== undefined };
}

// Where the labels of an axis stand: at options, at the few values that there are, or at round numbers.
function ticksOf(known, low, high, category, log) {
  const levels = [...new Set(known)].sort((a, b) => a - b);
  if (category) {
    const step = Math.ceil((high - low) / 12);
    return Array.from({ length: Math.floor((high + 0.5) / step) + 1 }, (_, index) => index * step).filter((index) => index < high);
  }
  if (levels.length && levels.length <= 7 && levels.every((level) => Number.isInteger(Number((log ? 10 ** level : level).toPrecision(9))))) return levels;
  if (log && high - low >= 2) {
    const step = Math.ceil((high - low) / 6);
    return Array.from({ length: 400 }, (_, index) => (Math.ceil(low) + index * step)).filter((at) => at <= high + 1e-9);
  }
  const rough = (high - low) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = log ? rough : unit * [1, 2, 5, 10].find((each) => each * unit >= rough * 0.99);
  const found = [];
  for (let at = log ? low : Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step && found.length < 12; at += step) found.push(Math.abs(at) < 1e-9 * step ? 0 : at);
  return found;
}

// Charts -----------------------------------------------------------------------------------------

const charts = new Set();
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { observer.unobserve(entry.target); entry.target.show(); }
}, { rootMargin: "300px" });
const resized = new ResizeObserver((entries) => { for (const entry of entries) if (entry.target.chart) entry.target.chart.resize(); });

function chart(label, make, size = "") {
  const element = h("div", { class: "chart " + size, role: "img", "aria-label": label });
  element.draw = () => {
    const made = make(colours());
    element.chart.setOption({ animation: false, textStyle: { fontFamily: "system-ui, sans-serif" }, ...made }, { notMerge: true });
    element.chart.getZr().flush();
  };
  element.show = () => {
    if (!element.chart) {
      element.chart = echarts.init(element, null, { renderer: "canvas" });
      element.draw();
      if (element.ready) element.ready(element.chart);
    }
  };
  charts.add(element);
  observer.observe(element);
  resized.observe(element);
  return element;
}

function colours() {
  const style = getComputedStyle(document.body);
  const names = ["paper", "card", "ink", "muted", "line", "done", "best", "pruned", "failed", "shade", "accent"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}

const CYCLE = ["#4178be", "#c8501e", "#2f8f5b", "#8a5bb5", "#b38600", "#c0427d", "#3c97a8", "#7a7a7a"];

function look(c, more = {}) {
  return { axisLine: { onZero: false, lineStyle: { color: c.line } }, axisTick: { lineStyle: { color: c.line } }, axisLabel: { color: c.muted, hideOverlap: true, formatter: number },
    splitLine: { lineStyle: { color: c.line, opacity: 0.6 } }, nameTextStyle: { color: c.muted }, ...more };
}

const tip = (c, formatter) => ({ trigger: "item", renderMode: "richText", confine: true, backgroundColor: c.card, borderColor: c.line,
  textStyle: { color: c.ink, fontSize: 12 }, formatter });
const legend = (c) => ({ icon: "roundRect", itemWidth: 14, itemHeight: 9, top: 0, right: 0, type: "scroll", textStyle: { color: c.ink }, pageTextStyle: { color: c.muted }, pageIconColor: c.muted, formatter: (name) => clip(name, 30), tooltip: { show: false } });

function valueAxis(c, shown) {
  return look(c, { type: shown.log ? "log" : "value", min: shown.low, max: shown.high, name: DATA.maximize ? "value (higher is better)" : "value (lower is better)",
    nameLocation: "middle", nameGap: 52, axisLabel: { color: c.muted, showMinLabel: false, showMaxLabel: false, formatter: number } });
}

function describeRow(search, row) {
  const lines = ["evaluation " + search.column("id").values[row] + ": " + WORDS[search.status[row]]];
  if (search.value[row] !== null) lines.push("value " + number(search.value[row]));
  else if (search.lastEstimates[row] !== null && search.lastEstimates[row] !== undefined) lines.push("last estimate " + number(search.lastEstimates[row]));
  for (const column of search.parameters.slice(0, 14)) {
    const text = cell(column, row);
    if (text) lines.push(clip(column.name, 24) + "  " + clip(text, 30));
  }
  return lines.join("\n");
}

// Values of rows as the points of a scatter plot, by how the evaluations ended.
function scatters(search, rows, x, c, small) {
  const shown = search.window;
  const sets = { done: [], pruned: [], failed: [], nan: [] };
  for (const row of rows) {
    const status = search.status[row];
    const place = x(row);
    if (place === null || place === undefined || !(status in sets)) continue;
    if (status === "done") {
      if (search.value[row] !== null) sets.done.push([place, inside(shown, search.value[row]), row]);
    } else if (status === "pruned" && search.lastEstimates[row] !== null && search.lastEstimates[row] !== undefined) {
      sets.pruned.push([place, inside(shown, search.lastEstimates[row]), row]);
    } else {
      sets[status].push([place, DATA.maximize ? shown.low : shown.high, row]);
    }
  }
  const size = rows.length > 1500 ? 3 : rows.length > 300 ? 5 : small ? 6 : 7;
  const looks = { done: ["values", "circle", c.done, 0.75], pruned: ["pruned", "triangle", c.pruned, 0.7], failed: ["failed", "path://M0,0L10,10M10,0L0,10", c.failed, 0.8], nan: ["no value", "diamond", c.failed, 0.8] };
  return Object.entries(sets).filter(([, data]) => data.length).map(([status, data]) => ({
    name: looks[status][0], type: "scatter", data, symbol: looks[status][1], symbolSize: status === "failed" ? 7 : size,
    itemStyle: status === "failed" ? { color: "none", borderColor: looks[status][2], borderWidth: 1.3, opacity: 0.8 } : { color: looks[status][2], opacity: looks[status][3] },
    clip: false, large: false,
  }));
}

const rowOf = (event) => (Array.isArray(event.value) && event.seriesType === "scatter" ? event.value[2] : undefined);

function noticed(search, element) {
  element.ready = (made) => made.on("click", (event) => { const row = rowOf(event); if (row !== undefined) openRow(search, row); });
  return element;
}

function nothing(search) {
  const counts = Object.entries(search.counts).filter(([, count]) => count).map(([status, count]) => count + " " + WORDS[status]);
  return h("p", { class: "empty" }, search.rows ? "There is no value to draw: " + counts.join(", ") + "." : "Nothing has been evaluated yet.");
}

const drawn = (rows, all) => (rows.length < all ? h("p", { class: "muted" }, "Drawn are " + rows.length + " of " + all + " evaluations, the best among them.") : null);

function progress(search) {
  const box = h("section", { id: "progress" });
  const buttons = ["steps", "time"].map((by) => h("button", { "aria-pressed": String(state.by === by), onclick: () => {
    state.by = by; save();
    for (const each of buttons) each.setAttribute("aria-pressed", String(each.textContent === (by === "steps" ? "evaluations" : "time")));
    for (const each of charts) if (each.byTime && each.chart) each.draw();
  } }, by === "steps" ? "evaluations" : "time"));
  box.append(h("div", { class: "bar" }, h("h2", {}, "Progress"), h("span", { class: "tools bar" }, ...buttons)));
  if (!search.window) { box.append(nothing(search)); return box; }
  const rows = search.sample(DRAWN);
  const element = chart("Value of every evaluation and the best so far", (c) => {
    const byTime = state.by === "time";
    const [unit, scale] = byTime ? unitOf(search.elapsed) : ["evaluations", 1];
    const x = byTime ? (row) => search.elapsedOf[row] / scale : (row) => search.order[row];
    const best = [];
    let top = null, end = 0;
    for (let row = 0; row < search.rows; row++) {
      if (search.order[row] === null) continue;
      end = Math.max(end, x(row));
      const value = search.value[row];
      if (value !== null && (top === null || (DATA.maximize ? value > top : value < top))) { top = value; best.push([x(row), inside(search.window, value)]); }
    }
    best.push([end, inside(search.window, top)]);
    const random = search.phases[state.by].find((phase) => phase[0] === "random");
    const area = random ? [[{ xAxis: 0, name: "random phase" }, { xAxis: random[2] / scale }]] : [];
    return {
      legend: legend(c), grid: { left: 78, right: 16, top: 40, bottom: 44 },
      tooltip: tip(c, (p) => (rowOf(p) === undefined ? "best " + number(p.value[1]) : describeRow(search, rowOf(p)))),
      xAxis: look(c, { type: "value", min: 0, max: end || 1, name: unit, nameLocation: "middle", nameGap: 28, splitLine: { show: false }, axisLabel: { color: c.muted, showMaxLabel: false, hideOverlap: true, formatter: number } }),
      yAxis: valueAxis(c, search.window),
      series: [...scatters(search, rows, x, c), { name: "best", type: "line", step: "end", data: best, showSymbol: false, lineStyle: { color: c.best, width: 2.2 }, itemStyle: { color: c.best }, z: 5,
        markArea: { silent: true, itemStyle: { color: c.shade, opacity: 0.8 }, label: { color: c.muted, position: "insideTopLeft" }, data: area } }],
    };
  });
  element.byTime = true;
  box.append(noticed(search, element));
  const beyond = search.window.beyond ? h("p", { class: "muted" }, plural(search.window.beyond, "worse value") + " at the edge.") : null;
  box.append(...[drawn(rows, search.order.filter((each) => each !== null).length), beyond].filter(Boolean));
  return box;
}

function parameterPlots(search) {
  const box = h("section", { id: "parameters" }, h("h2", {}, "Value against each parameter"));
  if (!search.window || !search.parameters.length) { box.append(nothing(search)); return box; }
  const axes = search.parameters.map((column) => axisOf(column, search.rows)).filter((axis) => axis && !(axis.category && axis.column.options.length < 2));
  const rank = new Map(search.importance.shares.map((share, index) => [share[0], index]));
  axes.sort((a, b) => (rank.get(a.column.name) ?? 1e9) - (rank.get(b.column.name) ?? 1e9));
  const grid = h("div", { class: "grid" });
  const rows = search.sample(1500);
  const add = (some) => grid.append(...some.map((axis) => h("div", {}, h("h3", { class: "chip", title: clip(axis.name, 500) }, clip(axis.name, 40)), noticed(search, chart("Value against " + clip(axis.name, 80), (c) => ({
    grid: { left: 62, right: 12, top: 10, bottom: 30 },
    tooltip: tip(c, (p) => describeRow(search, rowOf(p))),
    xAxis: look(c, { type: "value", min: axis.low, max: axis.high, splitLine: { show: false },
      axisTick: { customValues: axis.ticks, lineStyle: { color: c.line } }, axisLabel: { color: c.muted, hideOverlap: true, customValues: axis.ticks, formatter: axis.text } }),
    yAxis: { ...valueAxis(c, search.window), name: "" },
    series: scatters(search, rows, (row) => (axis.isKnown(row) ? axis.at(row) : null), c, true),
  }), "small")))));
  add(axes.slice(0, 12));
  box.append(grid);
  if (axes.length > 12) {
    const more = h("button", { onclick: () => { more.remove(); add(axes.slice(12)); } }, "Show " + (axes.length - 12) + " more");
    box.append(more);
  }
  const note = drawn(rows, search.order.filter((each) => each !== null).length);
  if (note) box.append(note);
  return box;
}

function parallel(search, table) {
  const box = h("section", { id: "parallel" });
  const clear = h("button", { onclick: () => { state.ranges = {}; save(); element.draw(); table.filter(); } }, "Clear the ranges");
  box.append(h("div", { class: "bar" }, h("h2", {}, "Parallel coordinates"), h("span", { class: "tools" }, clear)));
  const axes = search.parameters.map((column) => axisOf(column, search.rows)).filter((axis) => axis && !(axis.category && axis.column.options.length < 2)).slice(0, 12);
  if (!search.window || !axes.length) { box.append(nothing(search)); table.axes = []; return box; }
  const shown = search.window;
  const place = (value) => (shown.log ? Math.log10(inside(shown, value)) : inside(shown, value));
  const [low, high] = shown.log ? [Math.log10(shown.low), Math.log10(shown.high)] : [shown.low, shown.high];
  axes.push({ name: "value", ticks: ticksOf([], low, high, false, shown.log), low, high, hasOff: false, at: (row) => (search.value[row] === null ? NaN : place(search.value[row])),
    text: (at) => number(Number((shown.log ? 10 ** at : at).toPrecision(4))) });
  table.axes = axes;
  box.append(h("p", { class: "muted" }, "Drag along an axis to choose a range; the table below then shows only evaluations within it. By keyboard, write ranges into the filter: lr>0.001 lr<0.01."));
  const rows = search.sample(LINES).filter((row) => search.value[row] !== null);
  const rank = new Map(search.ranked.map((row, index) => [row, index]));
  rows.sort((a, b) => rank.get(b) - rank.get(a));
  const element = chart("Every evaluation as a line through its parameters to its value", (c) => {
    const narrow = axes.length * 92;
    element.style.minWidth = narrow + "px";
    const opacity = Math.min(0.55, Math.max(0.1, 6 / Math.sqrt(rows.length)));
    const line = (row) => ({ value: axes.map((axis) => axis.at(row)), row, lineStyle: rank.get(row) < 10 ? { color: c.best, opacity: 0.95, width: 2 } : { color: mix(c.line, c.done, 1 - rank.get(row) / search.ranked.length), opacity, width: 1 } });
    return {
      tooltip: tip(c, (p) => (p.data && p.data.row !== undefined ? describeRow(search, p.data.row) : "")),
      parallel: { left: 60, right: 60, top: 44, bottom: 24, axisExpandable: false, parallelAxisDefault: { type: "value", realtime: false, areaSelectStyle: { width: 22, borderColor: c.accent, color: c.accent, opacity: 0.25 } } },
      parallelAxis: axes.map((axis, dim) => look(c, { id: "axis" + dim, dim, name: clip(axis.name, 13), nameLocation: "end", nameTextStyle: { color: c.ink, fontSize: 12 }, nameGap: 14,
        min: axis.hasOff ? axis.off : axis.low, max: axis.high, splitLine: { show: false }, axisLine: { lineStyle: { color: c.muted } }, axisTick: { customValues: marks(axis), lineStyle: { color: c.muted } },
        axisLabel: { color: c.ink, fontSize: 10, customValues: marks(axis), formatter: axis.text, textBorderColor: c.card, textBorderWidth: 2 } })),
      series: [{ type: "parallel", data: rows.map(line), smooth: false, progressive: 500, silent: false, emphasis: { disabled: true }, inactiveOpacity: 0.03, activeOpacity: 1 }],
    };
  });
  element.ready = (made) => {
    axes.forEach((axis, dim) => { if (state.ranges[axis.name]) made.dispatchAction({ type: "axisAreaSelect", parallelAxisId: "axis" + dim, intervals: state.ranges[axis.name] }); });
    made.on("axisareaselected", () => {
      const ranges = {};
      made.getOption().parallelAxis.forEach((axis, dim) => {
        const intervals = made.getModel().getComponent("parallelAxis", dim).activeIntervals;
        if (intervals && intervals.length) ranges[axes[dim].name] = intervals.map((each) => [...each]);
      });
      state.ranges = ranges; save(); table.filter();
    });
  };
  table.redrawParallel = () => { if (element.chart) element.draw(); };
  box.append(h("div", { class: "wide" }, element));
  if (rows.length < search.ranked.length) box.append(h("p", { class: "muted" }, "Drawn are " + rows.length + " of " + search.ranked.length + " evaluations with a value, the best among them; ranges hold for all."));
  return box;
}

const marks = (axis) => (axis.hasOff ? [axis.off, ...axis.ticks] : axis.ticks);

function mix(from, to, share) {
  const parse = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  const [a, b] = [parse(from), parse(to)];
  return "rgb(" + a.map((each, index) => Math.round(each + (b[index] - each) * share)).join(",") + ")";
}

function curves(search) {
  const box = h("section", { id: "curves" }, h("h2", {}, "Estimates on the way"));
  const { lines, all } = search.curves;
  if (!lines.length) return null;
  const finite = lines.filter((line) => line[1] === "done").flatMap((line) => line[2].map((point) => point[1])).filter((value) => value !== null);
  const others = lines.flatMap((line) => line[2].map((point) => point[1])).filter((value) => value !== null);
  const sign = DATA.maximize ? -1 : 1;
  const shown = windowOf((finite.length ? finite : others).sort((a, b) => sign * (a - b)));
  if (!shown) return null;
  box.append(chart("Estimates of every evaluation over its steps", (c) => ({
    grid: { left: 78, right: 16, top: 16, bottom: 44 }, tooltip: tip(c, (p) => "evaluation " + p.seriesName + "\nstep " + p.value[0] + ": " + number(p.value[1])),
    xAxis: look(c, { type: "value", min: 1, name: "step", nameLocation: "middle", nameGap: 28, minInterval: 1, splitLine: { show: false } }),
    yAxis: { ...valueAxis(c, shown), name: DATA.maximize ? "estimate (higher is better)" : "estimate (lower is better)" },
    series: lines.map(([id, status, points], index) => ({ name: String(id), type: "line", data: points.map(([step, value]) => [step, value === null ? null : inside(shown, value)]), showSymbol: false, symbolSize: 4,
      z: index === 0 ? 5 : 2, lineStyle: { color: index === 0 ? c.best : status === "done" ? c.done : status === "failed" ? c.failed : c.pruned, width: index === 0 ? 2.4 : 1, opacity: index === 0 ? 1 : status === "done" ? 0.45 : 0.3 } })),
  })));
  box.append(h("p", { class: "muted" }, "The best one is drawn strongly, pruned ones are faint." + (lines.length < all ? " Drawn are " + lines.length + " of " + all + "." : "")));
  return box;
}

function slots(search) {
  const { lanes, all } = search.lanes;
  if (!lanes.length) return null;
  const box = h("section", { id: "slots" }, h("h2", {}, "Slots"));
  const colour = (c) => ({ done: c.done, pruned: c.pruned, failed: c.failed, nan: c.failed, cancelled: c.muted, running: c.best });
  const [unit, scale] = unitOf(search.elapsed);
  const element = chart("Which slot did what when", (c) => ({
    legend: legend(c), grid: { left: 110, right: 16, top: 36, bottom: 40 },
    tooltip: tip(c, (p) => clip(lanes[p.value[0]][0], 40) + ": " + WORDS[p.seriesName] + (p.value[3] > 1 ? ", " + p.value[3] + " evaluations" : "") + "\n" + duration(p.value[1] * scale) + " to " + duration(p.value[2] * scale)),
    xAxis: look(c, { type: "value", min: 0, max: Math.max(search.elapsed, 1e-9) / scale, name: "time (" + unit + ")", nameLocation: "middle", nameGap: 26, axisLabel: { color: c.muted, showMaxLabel: false, hideOverlap: true, formatter: number } }),
    yAxis: look(c, { type: "category", inverse: true, data: lanes.map((_, index) => index), splitLine: { show: false }, axisLabel: { color: c.muted, formatter: (index) => clip(lanes[index][0], 10) + "  " + Math.round(100 * lanes[index][1]) + "%" } }),
    series: Object.keys(WORDS).map((status) => ({ name: status, type: "custom", itemStyle: { color: colour(c)[status] }, encode: { x: [1, 2], y: 0 },
      data: lanes.flatMap((lane, index) => lane[2].filter((stay) => stay[2] === status).map((stay) => [index, stay[0] / scale, stay[1] / scale, stay[3]])),
      renderItem: (params, api) => {
        const [x, y] = api.coord([api.value(1), api.value(0)]);
        const end = api.coord([api.value(2), api.value(0)])[0];
        const high = Math.min(18, api.size([0, 1])[1] * 0.7);
        const wide = Math.max(1, end - x);
        return { type: "rect", shape: { x, y: y - high / 2, width: wide > 3 ? wide - 1 : wide, height: high }, style: { fill: colour(c)[status] } };
      } })).filter((series) => series.data.length),
  }));
  element.style.height = Math.min(900, 90 + 24 * lanes.length) + "px";
  box.append(element);
  if (lanes.length < all) box.append(h("p", { class: "muted" }, "Drawn are " + lanes.length + " of " + all + "."));
  return box;
}

// Tables -----------------------------------------------------------------------------------------

function plainTable(heads, rows, numbers = []) {
  const align = (index) => (numbers.includes(index) ? { class: "number" } : {});
  return h("div", { class: "wide" }, h("table", { class: "plain" },
    heads ? h("thead", {}, h("tr", {}, ...heads.map((text, index) => h("th", { scope: "col", ...align(index) }, text)))) : null,
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((text, index) => (text instanceof Node ? text : h("td", { ...align(index), ...(typeof text === "string" && text.startsWith("  ") ? { class: "inner" } : {}) }, text))))))));
}

function importanceTable(search) {
  const box = h("section", { id: "importance" }, h("h2", {}, "Which parameters matter"));
  const { shares, unexplained, notes } = search.importance;
  if (shares.length) {
    const percent = (share) => (share === null ? "" : (100 * share).toFixed(share < 0.095 ? 1 : 0) + "%");
    const bar = (low, share, high) => {
      const middle = h("i"), range = h("b");
      middle.style.left = "0"; middle.style.width = 100 * share + "%";
      range.style.left = 100 * low + "%"; range.style.width = 100 * (high - low) + "%";
      return h("td", { class: "share", "aria-hidden": "true" }, middle, range);
    };
    const rows = shares.slice(0, 30).map(([name, share, low, high, where]) => [clip(name, 80) + (where ? " (where " + clip(where, 60) + ")" : ""), bar(low, share, high), percent(share), percent(low) + " – " + percent(high)]);
    rows.push(["(unexplained)", bar(0, unexplained || 0, 0), percent(unexplained), ""]);
    box.append(plainTable(["Parameter", "", "Share", "90% range"], rows, [2, 3]));
    box.append(h("p", { class: "muted" }, "Share of the variation of the value that each parameter explains by itself, or a pair beyond that, over the whole space."));
  }
  for (const note of notes) box.append(h("p", { class: "muted" }, clip(note, 600)));
  return box;
}

// What a filter asks of a row: words, and comparisons such as lr<0.01 or "my name"=3.
function parse(search, text) {
  const pattern = /(?:"([^"]+)"|([^\s<>=!"]+))\s*(<=|>=|!=|=|<|>)\s*(?:"([^"]*)"|(\S+))|"([^"]*)"|(\S+)/g;
  const tests = [];
  const problems = [];
  for (const [, quoted, name, how, quotedTo, to, phrase, word] of text.matchAll(pattern)) {
    if (!how) { tests.push(contains(search, (phrase ?? word).toLowerCase())); continue; }
    const wanted = (quoted ?? name).toLowerCase();
    const column = search.columns.find((each) => each.name.toLowerCase() === wanted);
    if (!column) { problems.push("There is no column " + clip(quoted ?? name, 40) + "."); continue; }
    const made = compare(column, how, quotedTo ?? to);
    if (made) tests.push(made); else problems.push(clip(column.name, 40) + " " + how + " needs a number.");
  }
  return { tests, problems };
}

function compare(column, how, text) {
  const target = Number(text);
  const values = column.kind === "category" && !column.numbers ? column.values : column.numbers || column.values;
  if (column.kind === "category" && (how === "=" || how === "!=")) {
    const wanted = new Set();
    column.options.forEach((option, index) => { if (option.toLowerCase() === text.toLowerCase()) wanted.add(index); });
    return (row) => wanted.has(column.values[row]) === (how === "=") && (how === "=" || column.values[row] !== null);
  }
  if (text === "" || Number.isNaN(target)) return null;
  const number = column.kind === "category" && !column.numbers ? (row) => (values[row] === null ? NaN : Number(column.options[values[row]])) : (row) => values[row] ?? NaN;
  return { "<": (row) => number(row) < target, ">": (row) => number(row) > target, "<=": (row) => number(row) <= target, ">=": (row) => number(row) >= target,
    "=": (row) => number(row) === target, "!=": (row) => number(row) !== target && !Number.isNaN(number(row)) }[how];
}

function contains(search, word) {
  const found = search.columns.filter((column) => column.kind === "category").map((column) => {
    const wanted = column.options.map((option) => option.toLowerCase().includes(word));
    return wanted.includes(true) ? [column.values, wanted] : null;
  }).filter(Boolean);
  const id = word !== "" && Number.isInteger(Number(word)) ? Number(word) : null;
  const ids = search.column("id").values;
  return (row) => (id !== null && ids[row] === id) || found.some(([values, wanted]) => values[row] !== null && wanted[values[row]]);
}

function evaluationTable(search) {
  const usual = new Set(["id", "status", "value", "seconds", "reason"]);
  const columns = search.columns;
  const keyOf = (column) => column.group + "." + column.name;
  const hidden = new Set(state.hidden || columns.filter((c, index) => (c.group === "evaluation" && !usual.has(c.name)) || (c.group !== "evaluation" && index > 30)).map(keyOf));
  const table = { axes: [], rows: [], active: -1 };
  const count = h("span", { class: "muted", role: "status", id: "count" });
  const chips = h("span", { class: "bar tools" });
  const problems = h("span", { class: "failed" });
  const input = h("input", { type: "search", id: "filter", placeholder: "Filter: failed   lr<0.01   opt=adam", "aria-label": "Filter the evaluations", autocomplete: "off", spellcheck: "false" });
  input.value = state.filter;
  input.addEventListener("input", () => { state.filter = input.value; save(); table.filter(); });
  const body = h("tbody");
  const head = h("tr");
  const group = h("colgroup");
  const grid = h("table", { role: "grid", "aria-label": "Evaluations" }, group, h("thead", {}, head), body);
  const scroll = h("div", { class: "scroll", id: "table", tabindex: "0", "aria-label": "Evaluations; arrow keys move, Enter shows details" }, grid);

  const shownColumns = () => columns.filter((column) => !hidden.has(keyOf(column)));
  const widthOf = (column) => (column.name === "id" ? 64 : column.name === "reason" ? 300 : column.kind === "number" ? 108 : 124);

  table.heads = () => {
    const shown = shownColumns();
    group.replaceChildren(...shown.map((column) => { const made = h("col"); made.style.width = widthOf(column) + "px"; return made; }));
    grid.style.width = shown.reduce((sum, column) => sum + widthOf(column), 0) + "px";
    head.replaceChildren(...shown.map((column) => {
      const key = keyOf(column), sorted = state.sort === key;
      return h("th", { scope: "col", class: column.kind === "number" ? "number" : null, "aria-sort": sorted ? (state.down ? "descending" : "ascending") : "none" },
        h("button", { title: clip(column.name, 300), "data-column": column.name.length < 60 ? column.name : null, onclick: () => {
          if (!sorted) { state.sort = key; state.down = false; } else if (!state.down) state.down = true; else { state.sort = ""; state.down = false; }
          save(); table.heads(); table.sort();
          const again = [...head.querySelectorAll("button")][shown.indexOf(column)];
          if (again) again.focus();
        } }, clip(column.name, 40) + (sorted ? (state.down ? " ▼" : " ▲") : "")));
    }));
  };

  table.filter = () => {
    performance.mark("filter");
    const { tests, problems: found } = parse(search, state.filter);
    for (const axis of table.axes) {
      const ranges = state.ranges[axis.name];
      if (ranges) tests.push((row) => { const at = axis.at(row); return ranges.some(([low, high]) => at >= low && at <= high); });
    }
    table.rows = [];
    for (let row = 0; row < search.rows; row++) if (tests.every((test) => test(row))) table.rows.push(row);
    problems.textContent = found.join(" ");
    count.textContent = (table.rows.length === search.rows ? "" : table.rows.length + " of ") + plural(search.rows, "evaluation");
    chips.replaceChildren(...table.axes.filter((axis) => state.ranges[axis.name]).map((axis) => h("button", { class: "chip", title: "Remove this range", onclick: () => {
      delete state.ranges[axis.name]; save(); table.filter(); if (table.redrawParallel) table.redrawParallel();
    } }, clip(axis.name, 20) + ": " + state.ranges[axis.name].map(([low, high]) => (axis.category ? axis.column.options.filter((_, index) => index >= low - 0.2 && index <= high + 0.2).map((text) => clip(text, 14)).join(", ") : axis.text(low) + " – " + axis.text(high))).join(" or ") + " ×")));
    table.sort();
    performance.measure("filtered", "filter");
  };

  table.sort = () => {
    const column = columns.find((each) => keyOf(each) === state.sort);
    if (!column) table.rows.sort((a, b) => a - b);
    else {
      // Options in their own order; what is missing comes last either way.
      const order = column.kind === "category" && !column.fixed ? ranksOf(column.options) : null;
      const key = (row) => { const value = column.values[row]; return value === null || value === undefined ? null : order ? order[value] : value; };
      const sign = state.down ? -1 : 1;
      table.rows.sort((a, b) => { const x = key(a), y = key(b); return x === y ? a - b : x === null ? 1 : y === null ? -1 : sign * (x - y); });
    }
    table.active = -1;
    scroll.scrollTop = 0;
    table.draw();
  };

  table.draw = () => {
    const printing = document.body.classList.contains("printing");
    const shown = shownColumns();
    const first = printing ? 0 : Math.max(0, Math.floor(scroll.scrollTop / ROW) - 8);
    const last = printing ? Math.min(50, table.rows.length) : Math.min(table.rows.length, first + Math.ceil(scroll.clientHeight / ROW || 20) + 18);
    const space = (height) => { const made = h("tr", { class: "space", "aria-hidden": "true" }, h("td", { colspan: shown.length })); made.firstChild.style.height = height + "px"; return made; };
    const rows = [];
    for (let at = first; at < last; at++) {
      const row = table.rows[at];
      rows.push(h("tr", { "aria-rowindex": at + 2, class: [at === table.active ? "active" : "", row === search.ranked[0] ? "best" : ""].join(" ").trim() || null, onclick: () => { table.active = at; table.draw(); openRow(search, row); } },
        ...shown.map((column) => h("td", { class: column.kind === "number" ? "number" : column.name === "status" && search.status[row] === "failed" ? "failed" : null }, clip(cell(column, row), 120)))));
    }
    grid.setAttribute("aria-rowcount", table.rows.length + 1);
    body.replaceChildren(...(first ? [space(first * ROW)] : []), ...rows, ...(last < table.rows.length && !printing ? [space((table.rows.length - last) * ROW)] : []));
  };
  let waiting = false;
  scroll.addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; table.draw(); }); } });
  scroll.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(scroll.clientHeight / ROW) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (event.target !== scroll) return;
    if (event.key in moves && table.rows.length) {
      event.preventDefault();
      table.active = Math.min(table.rows.length - 1, Math.max(0, table.active + moves[event.key]));
      const top = table.active * ROW;
      if (top < scroll.scrollTop) scroll.scrollTop = top;
      else if (top + ROW > scroll.scrollTop + scroll.clientHeight - 34) scroll.scrollTop = top + ROW - scroll.clientHeight + 34;
      table.draw();
    } else if (event.key === "Enter" && table.active >= 0) {
      event.preventDefault(); // else the same key would close it
      openRow(search, table.rows[table.active]);
    }
  });

  const boxes = columns.map((column) => {
    const box = h("input", { type: "checkbox" });
    box.checked = !hidden.has(keyOf(column));
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(keyOf(column)); else hidden.add(keyOf(column));
      state.hidden = [...hidden]; save(); table.heads(); table.draw();
    });
    return h("label", { title: clip(column.name, 300) }, box, " ", clip(column.name, 40));
  });
  table.box = h("section", { id: "evaluations" }, h("div", { class: "bar" }, h("h2", {}, "Evaluations"), count),
    h("div", { class: "bar tools" }, input, h("details", { class: "columns" }, h("summary", {}, "Columns"), h("div", {}, ...boxes))), chips, problems, scroll,
    h("p", { class: "muted" }, "Click a row, or press Enter on it, for all that is known of an evaluation and the last output of a failed one."));
  table.start = () => { table.heads(); table.filter(); };
  return table;
}

function ranksOf(options) {
  const ranks = [];
  [...options.keys()].sort((a, b) => options[a].localeCompare(options[b], undefined, { numeric: true })).forEach((index, rank) => { ranks[index] = rank; });
  return ranks;
}

function openRow(search, row) {
  const rows = search.columns.filter((column) => column.values[row] !== null && column.values[row] !== undefined && column.name !== "reason").map((column) => [clip(column.name, 200), column.kind === "category" ? clip(column.options[column.values[row]], 11000) : String(column.values[row])]);
  const reason = search.column("reason");
  const text = reason && reason.values[row] !== null ? reason.options[reason.values[row]] : "";
  const details = search.detailsOf[row];
  const dialog = h("dialog", { "aria-label": "Details of an evaluation", onclose: () => dialog.remove(), onclick: (event) => { if (event.target === dialog) dialog.close(); } },
    h("div", { class: "bar" }, h("h2", {}, "Evaluation " + search.column("id").values[row]), h("button", { autofocus: true, onclick: () => dialog.close() }, "Close")),
    text ? h("p", { class: "failed" }, text) : null,
    details === undefined ? null : h("pre", { class: "output" }, search.details[details]),
    plainTable(null, rows));
  document.body.append(dialog);
  dialog.showModal();
}

// Headline, comparison and the rest ----------------------------------------------------------------

function copyBox(copies) {
  const text = h("pre", { tabindex: "0", id: "copies" });
  const tabs = Object.keys(copies).map((name) => h("button", { role: "tab", onclick: () => choose(name) }, name));
  const copy = h("button", { onclick: async () => {
    try { await navigator.clipboard.writeText(copies[state.notation]); } catch {
      getSelection().selectAllChildren(text); document.execCommand("copy");
    }
    copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  } }, "Copy");
  function choose(name) {
    state.notation = name; save(); text.textContent = copies[name];
    for (const tab of tabs) tab.setAttribute("aria-selected", String(tab.textContent === name));
  }
  choose(state.notation in copies ? state.notation : "Python");
  return h("div", {}, h("div", { class: "bar tools" }, h("span", { role: "tablist", class: "bar", "aria-label": "Notation" }, ...tabs), copy), text);
}

function headline(search) {
  const box = h("section", { id: "headline" });
  const side = DATA.maximize ? "highest" : "lowest";
  const counts = Object.entries(search.counts).filter(([, each]) => each).map(([status, each]) => each + " " + (status === "done" ? "with a value" : WORDS[status]));
  if (search.running) counts.push(search.running + " running");
  const told = h("div", {}, h("h2", {}, search.front ? "Compromise of the front" : "Best (" + side + ") value"));
  if (search.best && search.front) {
    const entry = search.front.entries.find((each) => each[0] === search.best.id);
    told.append(h("div", { class: "value several", id: "best" }, ...search.front.names.map((name, index) => h("div", {}, number(entry ? entry[index + 1] : null) + " ", h("small", {}, name)))));
    told.append(h("p", {}, "Evaluation " + search.best.id + ", " + "nearest to the best of each objective, of " + plural(search.front.entries.length, "candidate") + " that no other one beats."));
    told.append(h("p", { class: "muted" }, search.front.objectives));
  } else if (search.best) {
    told.append(h("div", { class: "value", id: "best" }, String(search.best.value)));
    told.append(h("p", {}, search.best.id < 0 ? "Known before the search." : "Evaluation " + search.best.id + "."));
    if (search.best.trust) told.append(h("p", {}, search.best.trust));
    else if (search.counts.done > 1) told.append(h("p", { class: "muted" }, "No evaluation was repeated, so that it is not known how much of this value is luck."));
  } else told.append(h("p", { class: "value" }, "none yet"), nothing(search));
  if (search.outlook && !search.front) for (const line of search.outlook.split("\n")) told.append(h("p", {}, line));
  told.append(h("p", { class: "muted" }, plural(search.rows, "evaluation") + (counts.length ? " (" + counts.join(", ") + ")" : "") + " in " + duration(search.elapsed) + "."));
  for (const note of search.notes) told.append(h("p", { class: "failed" }, note));
  box.append(h("div", { class: "pair" }, told, search.best ? copyBox(search.best.copies) : h("div")));
  return box;
}

// The candidates that no other one beats, among all evaluations: a picture for two objectives each.
function front(search) {
  const made = search.front;
  if (!made || !made.entries.length) return null;
  const box = h("section", { id: "front" }, h("h2", {}, "Front"));
  const pairs = made.names.flatMap((_, x) => made.names.map((_, y) => [x, y])).filter(([x, y]) => x < y).slice(0, 6);
  const members = new Set(made.entries.map((each) => each[0]));
  const title = (index) => made.names[index] + (made.maximize[index] ? " (higher is better)" : " (lower is better)");
  // A front may have candidates far off: the axes show what lies around it and the middle of the rest.
  const span = (index) => {
    const own = made.entries.map((each) => each[index + 1]);
    const rest = made.all.map((each) => each[index + 2]).filter((each) => each !== null).sort((a, b) => a - b);
    const low = Math.min(...own, rest[Math.floor(0.05 * rest.length)]), high = Math.max(...own, rest[Math.ceil(0.95 * rest.length) - 1]);
    const edge = 0.05 * (high - low || Math.abs(high) || 1);
    return [low - edge, high + edge];
  };
  const picture = ([x, y]) => noticed(search, chart("Front of " + made.names[x] + " and " + made.names[y], (c) => {
    const [left, right] = span(x), [bottom, top] = span(y);
    const rows = made.all.filter((each) => each[x + 2] !== null && each[y + 2] !== null);
    const point = (each) => [each[x + 2], each[y + 2], each[0]];
    const on = rows.filter((each) => members.has(each[1])).sort((a, b) => a[x + 2] - b[x + 2]);
    const axis = (index, low, high, more) => look(c, { type: "value", min: low, max: high, name: title(index), nameLocation: "middle", axisLabel: { color: c.muted, showMinLabel: false, showMaxLabel: false, hideOverlap: true, formatter: number }, ...more });
    return { legend: legend(c), grid: { left: 78, right: 16, top: 40, bottom: 44 }, tooltip: tip(c, (p) => (rowOf(p) === undefined ? "" : made.names.map((name, index) => name + "  " + number(made.all.find((each) => each[0] === rowOf(p))[index + 2])).join("\n") + "\n" + describeRow(search, rowOf(p)))),
      xAxis: axis(x, left, right, { nameGap: 28, splitLine: { show: false } }), yAxis: axis(y, bottom, top, { nameGap: 52 }),
      series: [{ name: "evaluations", type: "scatter", data: rows.filter((each) => !members.has(each[1])).map(point), symbolSize: rows.length > 1500 ? 3 : 6, itemStyle: { color: c.done, opacity: 0.7 } },
        { name: "front", type: "scatter", data: on.map(point), symbolSize: 9, z: 4, itemStyle: { color: c.best } },
        ...(made.names.length === 2 ? [{ name: "front", type: "line", step: made.maximize[x] ? "start" : "end", data: on.map((each) => [each[x + 2], each[y + 2]]), showSymbol: false, silent: true, lineStyle: { color: c.best, width: 2 } }] : []),
        { name: "compromise", type: "scatter", data: on.filter((each) => each[1] === made.knee).map(point), symbolSize: 19, z: 5, itemStyle: { color: "none", borderColor: c.ink, borderWidth: 1.6 } }] };
  }));
  const rows = made.entries.map((each) => [h("td", {}, h("button", { class: "chip", onclick: () => openRow(search, made.all.find((one) => one[1] === each[0])[0]) }, String(each[0]))), ...each.slice(1).map(number), each[0] === made.knee ? "compromise" : ""]);
  const table = plainTable(["Evaluation", ...made.names, ""], rows, made.names.map((_, index) => index + 1));
  const pictures = pairs.map(picture);
  box.append(pictures.length === 1 ? h("div", { class: "pair" }, pictures[0], table) : h("div", {}, h("div", { class: "pair" }, ...pictures), table));
  return box;
}

function compared() {
  const made = DATA.compared;
  const names = DATA.searches.map((each) => each.title);
  const box = h("section", { id: "compared" }, h("h2", {}, "Searches side by side"));
  const draw = (by) => chart("Best value of each search over " + (by === "steps" ? "evaluations" : "time"), (c) => {
    const { best, bands } = made[by];
    const all = best.flat();
    const longest = Math.max(0, ...all.map((point) => point[0]));
    const [unit, scale] = by === "time" ? unitOf(longest) : ["evaluations", 1];
    const sign = DATA.maximize ? -1 : 1;
    const shown = windowOf(all.map((point) => point[1]).sort((a, b) => sign * (a - b))) || { low: 0, high: 1, log: false };
    const at = (points, column) => points.map((point) => [point[0] / scale, inside(shown, point[column])]);
    const series = best.map((points, index) => ({ name: names[index], type: "line", step: "end", data: at(points, 1), showSymbol: false, lineStyle: { width: bands.length ? 1 : 2, opacity: bands.length ? 0.6 : 1, color: CYCLE[index % CYCLE.length] }, itemStyle: { color: CYCLE[index % CYCLE.length] } }));
    for (const [first, count, points] of bands) {
      if (!points.length) continue;
      const colour = bands.length > 1 ? CYCLE[first % CYCLE.length] : c.best;
      const name = "mean of " + count + (bands.length > 1 ? " like " + names[first] : "");
      series.push({ name, type: "line", step: "end", data: at(points, 1), showSymbol: false, z: 6, lineStyle: { width: 2.6, color: colour }, itemStyle: { color: colour } });
      series.push({ name: name + " (range)", type: "custom", silent: true, z: 1, tooltip: { show: false }, itemStyle: { color: colour, opacity: 0.3 }, data: [[points[0][0] / scale, inside(shown, points[0][1])]], encode: { x: 0, y: 1 }, renderItem: (params, api) => ({ type: "polygon",
        shape: { points: outline(points, scale, shown).map((point) => api.coord(point)) }, style: { fill: colour, opacity: 0.15 } }), clip: true });
    }
    return { legend: legend(c), grid: { left: 78, right: 16, top: 40, bottom: 44 }, tooltip: tip(c, (p) => clip(p.seriesName, 40) + "\n" + number(p.value[0]) + " " + unit + ": " + number(p.value[1])),
      xAxis: look(c, { type: "value", min: 0, max: longest / scale || 1, name: unit, nameLocation: "middle", nameGap: 28, splitLine: { show: false }, axisLabel: { color: c.muted, showMaxLabel: false, hideOverlap: true, formatter: number } }), yAxis: valueAxis(c, shown), series };
  });
  box.append(h("div", { class: "pair" }, draw("steps"), draw("time")));
  const rows = DATA.searches.map((each, index) => [h("td", {}, h("button", { class: "chip", "aria-pressed": String(index === state.search), onclick: () => { state.search = index; state.ranges = {}; state.hidden = null; state.sort = ""; state.filter = ""; save(); render(); document.getElementById("headline").scrollIntoView(); } }, clip(each.title, 60))),
    each.best ? number(each.best.value) : "", String(each.rows), String(each.counts.failed), String(each.counts.pruned), duration(each.elapsed), clip(String(each.seed), 24)]);
  box.append(plainTable(["Search", "Best", "Evaluations", "Failed", "Pruned", "Time", "Seed"], rows, [1, 2, 3, 4, 5]));
  const same = made.alike.every((each) => each === 0);
  box.append(h("p", { class: "muted" }, (same ? "They have the same space and count as seeds of it: drawn is their mean, and the range from the worst to the best." : "Searches of the same space count as seeds of it.") + " Below is the one that is chosen here."));
  return box;
}

// The edge of a band whose values hold until the next point.
function outline(points, scale, shown) {
  const steps = (column) => points.flatMap((point, index) => { const value = inside(shown, point[column]); return index ? [[point[0] / scale, inside(shown, points[index - 1][column])], [point[0] / scale, value]] : [[point[0] / scale, value]]; });
  return [...steps(2), ...steps(3).reverse()];
}

function bill(search) {
  return h("section", { id: "bill" }, h("h2", {}, "Where the time went"), plainTable(null, search.bill, [1]));
}

function space(search) {
  const where = search.space.some((row) => row[2]);
  return h("section", { id: "space" }, h("h2", {}, "The space"), plainTable(["Parameter", "What it may be", ...(where ? ["Where"] : [])], search.space.map((row) => [row[0], clip(row[1], 11000), ...(where ? [row[2]] : [])])));
}

function origin(search) {
  const licence = JSON.parse(document.getElementById("licence").textContent);
  return h("section", { id: "origin" }, h("h2", {}, "Where this comes from"), plainTable(null, [
    ["Search written by pyhopper", search.version], ["Seed", search.seed || "not known"], ["First evaluation began", search.began === null ? "" : when(search.began)], ["Last sign of life", when(search.last)], ["Report written", when(DATA.written)]]),
  h("details", {}, h("summary", {}, "Licence of the plots"), h("p", {}, "The plots are drawn by Apache ECharts " + echarts.version + ", which is part of this file under the Apache License 2.0."), h("pre", { tabindex: "0" }, licence)));
}

function header(search) {
  const made = h("header", {}, h("h1", {}, DATA.searches.length > 1 ? "pyhopper: " + DATA.searches.length + " searches" : "pyhopper: " + clip(search.title, 200)), h("span", { class: "muted" }, "Written " + when(DATA.written)));
  if (DATA.refresh) {
    const stop = h("button", { id: "pause", "aria-pressed": String(Boolean(state.paused)), onclick: () => { state.paused = !state.paused; stop.setAttribute("aria-pressed", String(state.paused)); save(); } }, "Pause");
    made.append(h("span", { class: "live" }, "The search runs; this page loads itself again every " + duration(DATA.refresh) + ". ", stop));
  }
  return made;
}

// A dialog that is read, or a filter that is written, is not interrupted.
function refresh() {
  const busy = state.paused || document.querySelector("dialog") || (document.activeElement && document.activeElement.id === "filter");
  if (busy) { setTimeout(refresh, 1000); return; }
  save(); location.reload();
}

let current = null;

function render() {
  for (const element of charts) { if (element.chart) element.chart.dispose(); observer.unobserve(element); resized.unobserve(element); }
  charts.clear();
  const search = new Search(DATA.searches[state.search]);
  const table = current = evaluationTable(search);
  document.title = "pyhopper: " + clip(search.title, 80);
  const pair = (...boxes) => { const some = boxes.filter(Boolean); return some.length > 1 ? h("div", { class: "pair" }, ...some) : some[0]; };
  const parts = [header(search), DATA.compared ? compared() : null, headline(search), front(search), progress(search), parallel(search, table), table.box, pair(importanceTable(search), bill(search)), parameterPlots(search), curves(search), slots(search), space(search), origin(search)];
  document.getElementById("page").replaceChildren(...parts.filter(Boolean));
  table.start();
}

render();
if (state.scroll) window.scrollTo(0, state.scroll);
if (DATA.refresh) setTimeout(refresh, 1000 * DATA.refresh);
addEventListener("pagehide", save);
const redraw = () => { for (const element of charts) if (element.chart) element.draw(); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", () => { document.body.classList.add("printing"); for (const element of charts) element.show(); redraw(); current.draw(); });
addEventListener("afterprint", () => { document.body.classList.remove("printing"); redraw(); current.draw(); });
performance.measure("opened", "begin");
document.body.dataset.ready = "yes";
})();
