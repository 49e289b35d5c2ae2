// The console page: asks /v1/status once a second and shows it. Everything it can do is a call of
// the same API that the command line uses.
import { arc, drawLand, project, shape } from "./map.js";

const POLL_MS = 1000;
const CLIENTS = [
  ["Sydney", "129.94.0.1", [-33.87, 151.21]],
  ["Frankfurt", "5.9.0.1", [50.11, 8.68]],
  ["Virginia", "3.208.0.1", [39.04, -77.49]],
  ["Tokyo", "133.11.0.1", [35.69, 139.69]],
  ["São Paulo", "200.144.0.1", [-23.55, -46.63]],
];

const $ = (id) => document.getElementById(id);
const rows = new Map();
const pops = new Map();
let status;
let sitesShown = "";
/** Of each site: what the edges told last, and where it is written. */
let traffic = new Map();
const siteTraffic = new Map();
let route;

/** Where this tab keeps the token that the API asks for. */
const TOKEN = "meridian-token";

/** The API asks for a token: there is none yet, or the one that was shown does not count. */
class SignInNeeded extends Error {
  constructor(refused) {
    super(refused ? "That token is not known, has been revoked or has expired." : "");
  }
}

async function api(path, options = {}) {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const token = sessionStorage.getItem(TOKEN);
  const response = await fetch(`/v1${path}`, {
    method: options.method ?? "GET",
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  if (response.status === 401) throw new SignInNeeded(token !== null);
  throw new Error([answer.error.message, answer.error.remedy].filter(Boolean).join(" "));
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Changes text only when it differs, so that selections and screen readers are left in peace. */
function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function alarm(text) {
  $("alarm").hidden = text === "";
  write($("alarm"), text);
}

/** Nothing fails in silence: what nobody expected ends up in the alarm line. */
function carryOut(promise) {
  promise.catch((error) => alarm(`This page has a mistake: ${error.message}`));
}

async function refresh() {
  try {
    const [now, live] = await Promise.all([api("/status"), api("/live")]);
    status = now;
    showLive(live);
    alarm(status.state.up ? "" : STATE_DOWN);
    showStatus();
  } catch (error) {
    if (error instanceof SignInNeeded) return askForToken(error.message);
    alarm(`The control server does not answer (${error.message}). What you see is old.`);
  }
  setTimeout(() => carryOut(refresh()), POLL_MS);
}

/** Asks for a token instead of showing what cannot be read. */
function askForToken(reason) {
  sessionStorage.removeItem(TOKEN);
  document.body.classList.add("signed-out");
  $("sign-in").hidden = false;
  $("sign-in").elements.token.focus();
  alarm(reason);
}

function signIn() {
  const { token } = $("sign-in").elements;
  sessionStorage.setItem(TOKEN, token.value.trim());
  token.value = "";
  document.body.classList.remove("signed-out");
  $("sign-in").hidden = true;
  alarm("");
  carryOut(refresh());
}

const STATE_DOWN =
  "The state store does not answer. Edges go on serving; nothing can be changed until it is back.";

function showStatus() {
  const edges = status.pops.flatMap((pop) => pop.edges);
  const up = edges.filter((edge) => edge.health === "up").length;
  const perSecond = sum(edges.map((edge) => edge.heartbeat?.requestsPerSecond ?? 0));
  write($("domain"), status.cdn.domain);
  write($("state"), status.state.up ? `${status.state.kind}, up` : `${status.state.kind}, DOWN`);
  write($("version"), status.state.up ? String(status.state.version) : "?");
  write($("dns"), status.dns.map(({ host, port }) => `${host}:${port}`).join(" "));
  write($("ttl"), `${status.cdn.ttlSeconds} s`);
  write($("up"), `${up} of ${edges.length}`);
  write($("requests"), `${perSecond.toFixed(1)}/s`);
  for (const pop of status.pops) showPop(pop);
  for (const edge of edges) showEdge(edge);
  showEdgeChoice(edges);
  showSites();
}

/** What the caches did during the last seconds, for all edges together. */
function showLive({ total, sites }) {
  write($("hits"), partText(total.hitRatio));
  write($("byte-hits"), partText(total.byteHitRatio));
  const { firstByteP50Seconds: half, firstByteP99Seconds: most } = total;
  write($("first-byte"), half === undefined ? "–" : `${timeText(half)}, ${timeText(most)}`);
  write($("queries"), `${total.queriesPerSecond.toFixed(1)}/s`);
  traffic = new Map(sites.map((site) => [site.name, site.traffic]));
  for (const [name, target] of siteTraffic) write(target, siteText(traffic.get(name)));
}

function siteText(figures) {
  if (figures === undefined) return "no requests just now";
  const { requestsPerSecond, hitRatio, byteHitRatio } = figures;
  const hits = `${partText(hitRatio)} hits, ${partText(byteHitRatio)} of bytes`;
  return `${requestsPerSecond.toFixed(1)} requests/s, ${hits}`;
}

function partText(part) {
  return part === undefined ? "–" : `${(100 * part).toFixed(1)} %`;
}

function timeText(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  return `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** A PoP is as well as the best of its edges. */
function popHealth(pop) {
  const best = ["up", "draining", "unknown", "down"];
  return best.find((health) => pop.edges.some((edge) => edge.health === health)) ?? "unknown";
}

function showPop(pop) {
  if (!pops.has(pop.name)) pops.set(pop.name, drawPop(pop));
  const { group, halo, load } = pops.get(pop.name);
  const health = popHealth(pop);
  group.setAttribute("class", `pop ${health}`);
  const perSecond = popRate(pop);
  // By area: twice the traffic looks like twice as much.
  const busiest = Math.max(1, ...status.pops.map(popRate));
  halo.setAttribute("r", (4 + 5 * Math.sqrt(perSecond / busiest)).toFixed(1));
  const rate = `${perSecond.toFixed(1)} req/s`;
  write(load, health === "up" ? rate : `${health}, ${rate}`);
}

function popRate(pop) {
  return sum(pop.edges.map((edge) => edge.heartbeat?.requestsPerSecond ?? 0));
}

function drawPop(pop) {
  const [x, y] = project(pop.location);
  const group = shape("g", { class: "pop" });
  const left = x > 330;
  const label = { x: left ? x - 5 : x + 5, "text-anchor": left ? "end" : "start" };
  const name = shape("text", { ...label, y: y + 0.2 });
  const load = shape("text", { ...label, y: y + 4.8, class: "load" });
  name.textContent = pop.name;
  const halo = shape("circle", { cx: x, cy: y, r: 4, class: "halo" });
  group.append(halo, shape("circle", { cx: x, cy: y, r: 2.1 }), name, load);
  $("map").append(group);
  return { group, halo, load };
}

function showEdge(edge) {
  if (!rows.has(edge.name)) rows.set(edge.name, makeRow(edge.name));
  const row = rows.get(edge.name);
  const beat = edge.heartbeat;
  row.health.setAttribute("class", `health ${edge.health}`);
  const stopped = edge.running === false ? " (stopped)" : "";
  write(row.health, `${edge.drained ? "drained" : edge.health}${stopped}`);
  write(row.address, `${edge.pop} · ${edge.address}:${edge.port}`);
  const probe = edge.routers[0];
  write(row.probe, probe === undefined ? "no report" : `${probe.detail}, for ${ago(probe.since)}`);
  write(row.requests, beat === undefined ? "–" : beat.requestsPerSecond.toFixed(1));
  write(row.bits, beat === undefined ? "–" : (beat.bitsPerSecond / 1e6).toFixed(1));
  write(row.clients, beat === undefined ? "–" : String(beat.connections));
  write(row.cache, beat === undefined ? "no heartbeat" : cacheText(beat));
  write(row.version, edge.version === undefined ? "–" : versionText(edge));
  row.version.classList.toggle("behind", edge.lag > 0);
  write(row.drain, edge.drained ? "Undrain" : "Drain");
  row.stop.hidden = !status.demo;
  write(row.stop, edge.running === false ? "Start" : "Stop");
}

/** The edges that can be asked; they are those of the configuration, and do not change. */
function showEdgeChoice(edges) {
  const { edge: select, url } = $("why").elements;
  if (select.options.length === edges.length) return;
  select.replaceChildren(...edges.map(({ name }) => element("option", { value: name }, name)));
  const [first] = status.sites;
  const host = first?.site.hosts[0] ?? first?.cdnHost;
  if (url.value === "" && host !== undefined) url.value = `http://${host}/`;
}

function versionText({ version, lag }) {
  return lag > 0 ? `${version} (${lag} behind)` : String(version);
}

function cacheText(beat) {
  const share = (100 * beat.storeBytes) / Math.max(1, beat.storeBytesMax);
  const objects = beat.objects === 1 ? "1 object" : `${beat.objects} objects`;
  return `${objects}, ${bytesText(beat.storeBytes)} (${share.toFixed(0)} % full)`;
}

function bytesText(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

function ago(since) {
  const seconds = Math.max(0, Math.round((status.now - since) / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function makeRow(name) {
  const cells = {};
  for (const key of [
    "health",
    "address",
    "probe",
    "requests",
    "bits",
    "clients",
    "cache",
    "version",
  ]) {
    cells[key] = element("span");
  }
  cells.address.className = "soft";
  cells.drain = element("button", { type: "button", "aria-label": `Drain or undrain ${name}` });
  cells.stop = element("button", { type: "button", "aria-label": `Stop or start ${name}` });
  act(cells.drain, () => `/edges/${name}/${edgeNamed(name).drained ? "undrain" : "drain"}`);
  act(cells.stop, () => `/demo/edges/${name}/${edgeNamed(name).running ? "stop" : "start"}`);
  const number = (cell) => element("td", { class: "number" }, cell);
  $("edges").append(
    element(
      "tr",
      {},
      element("td", {}, element("strong", {}, name), " ", cells.address),
      element("td", {}, cells.health),
      element("td", { class: "soft" }, cells.probe),
      number(cells.requests),
      number(cells.bits),
      number(cells.clients),
      element("td", {}, cells.cache),
      number(cells.version),
      element("td", {}, cells.drain, cells.stop),
    ),
  );
  return cells;
}

function edgeNamed(name) {
  return status.pops.flatMap((pop) => pop.edges).find((edge) => edge.name === name);
}

function act(button, path) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await api(path(), { method: "POST" });
      alarm("");
    } catch (error) {
      alarm(error.message);
    }
    button.disabled = false;
  });
}

function showSites() {
  const shown = JSON.stringify(status.sites);
  if (shown === sitesShown) return;
  sitesShown = shown;
  const select = $("purge").elements.site;
  const chosen = select.value;
  select.replaceChildren(
    ...status.sites.map(({ site }) => element("option", { value: site.name }, site.name)),
  );
  if (chosen !== "") select.value = chosen;
  if ($("ask").elements.name.value === "") {
    const [first] = status.sites;
    $("ask").elements.name.value = first?.site.hosts[0] ?? first?.cdnHost ?? "";
  }
  siteTraffic.clear();
  $("sites").replaceChildren(
    ...(status.sites.length === 0
      ? [element("p", { class: "hint" }, "None yet: meridian site add NAME --origin URL")]
      : status.sites.map(drawSite)),
  );
}

function drawSite({ site, cdnHost, records }) {
  const figures = element("p", { class: "figures" }, siteText(traffic.get(site.name)));
  siteTraffic.set(site.name, figures);
  return element(
    "article",
    { class: "site" },
    element("h3", {}, site.name),
    figures,
    element("p", { class: "soft" }, `served at ${cdnHost}, from ${site.origin.urls.join(", ")}`),
    ...records.map(({ text }) => element("code", { class: "record" }, text)),
  );
}

async function ask() {
  const form = $("ask").elements;
  const client = form.client.value.trim();
  const query = new URLSearchParams({ name: form.name.value.trim(), client });
  try {
    const { decision } = await api(`/explain/dns?${query}`);
    showDecision(decision, client);
  } catch (error) {
    route?.remove();
    $("decision").replaceChildren(element("p", { class: "wrong" }, error.message));
  }
}

function showDecision(decision, client) {
  const chosen = chosenEdge(decision);
  const place = clientPlace(decision, client);
  drawRoute(place, chosen);
  const answer = element("p", { class: "answer" });
  if (chosen === undefined) answer.append("No edge of this CDN.");
  else answer.append("To ", element("strong", {}, chosen.name), ` at ${chosen.address}`);
  $("decision").replaceChildren(
    answer,
    drawRanking(decision.decision?.ranking ?? []),
    element(
      "details",
      {},
      element("summary", {}, "The whole decision"),
      element("pre", { tabindex: "0" }, JSON.stringify(decision, null, 2)),
    ),
  );
}

/** The candidates, closest first, and why each was taken or not. */
function drawRanking(ranking) {
  const cell = (text, attributes = {}) => element("td", attributes, text);
  return element(
    "table",
    { class: "ranking" },
    ...ranking.map(({ pop, km, note, chosen }) =>
      element(
        "tr",
        chosen ? { class: "chosen" } : {},
        cell(pop),
        cell(km === null ? "" : `${km} km`, { class: "number" }),
        cell(note),
      ),
    ),
  );
}

function drawRoute(place, edge) {
  route?.remove();
  const pop = status.pops.find((candidate) => candidate.name === edge?.pop);
  if (place === undefined || pop === undefined) return;
  const [x, y] = project(place);
  route = shape("g", {});
  route.append(
    shape("path", { class: "route", d: arc(place, pop.location) }),
    shape("circle", { class: "client-dot", cx: x, cy: y, r: 3.4 }),
  );
  $("map").append(route);
}

async function why() {
  const { url, edge } = $("why").elements;
  const query = new URLSearchParams({ url: url.value.trim(), edge: edge.value });
  try {
    const { decision } = await api(`/explain/http?${query}`);
    showReason(decision, edge.value);
  } catch (error) {
    $("reason").replaceChildren(element("p", { class: "wrong" }, error.message));
  }
}

/** What an edge would do, in a line; what it has stored; and everything else it said. */
function showReason(told, edge) {
  const { kind, reason } = told.decision;
  const answer = element("p", { class: "answer" }, element("strong", {}, kind));
  if (reason !== undefined) answer.append(`: ${reason}`);
  const stored = (told.stored ?? []).map(({ status, bytes, ageSeconds, ttlSeconds }) => {
    const left = ttlSeconds >= 0 ? `fresh for ${ttlSeconds.toFixed(0)} s` : "stale";
    return `${status}, ${bytesText(bytes)}, ${ageSeconds.toFixed(0)} s old, ${left}`;
  });
  const nothing = `Nothing is stored for it on ${edge}.`;
  $("reason").replaceChildren(
    answer,
    ...(stored.length === 0 ? [nothing] : stored).map((text) =>
      element("p", { class: "soft" }, text),
    ),
    element(
      "details",
      {},
      element("summary", {}, "The whole decision"),
      element("pre", { tabindex: "0" }, JSON.stringify(told, null, 2)),
    ),
  );
}

async function purge() {
  const form = $("purge").elements;
  const what = form.what.value;
  const names = form.names.value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  const path = `/sites/${encodeURIComponent(form.site.value)}/purge?wait=5000`;
  const button = $("purge").querySelector("button");
  button.disabled = true;
  try {
    const body = { [what]: what === "all" ? true : names, soft: form.soft.checked };
    showPurged(await api(path, { method: "POST", body }));
  } catch (error) {
    $("purged").replaceChildren(element("p", { class: "wrong" }, error.message));
  }
  button.disabled = false;
}

/** What a line of the purge form looks like, for each choice of what to purge. */
const PURGE_EXAMPLES = {
  urls: "http://www.example.com/style.css",
  prefixes: "http://www.example.com/images/",
  tags: "a word of Surrogate-Key or Cache-Tag",
};

function showPurgeChoice() {
  const { what, names } = $("purge").elements;
  const example = PURGE_EXAMPLES[what.value];
  $("purge-names").hidden = example === undefined;
  names.required = example !== undefined;
  names.placeholder = example ?? "";
}

function showPurged({ version, acknowledged, pending }) {
  const item = (edge, text) =>
    element("li", {}, element("strong", {}, edge), " ", element("span", { class: "soft" }, text));
  $("purged").replaceChildren(
    element("p", { class: "hint" }, `Version ${version}. Which edges have applied it:`),
    element(
      "ul",
      {},
      ...acknowledged.map(({ edge, ms }) => item(edge, `in ${ms} ms`)),
      ...pending.map(({ edge, live }) => item(edge, live ? "pending" : "not running")),
    ),
  );
}

/** The edge that the router would answer with. */
function chosenEdge(decision) {
  const ranked = (decision.decision?.ranking ?? []).flatMap((candidate) => candidate.edges);
  const answered = ranked.find((candidate) => candidate.answered);
  return answered === undefined ? undefined : edgeNamed(answered.edge);
}

/** Where the router believes the client to be; for our own examples, where we know it is. */
function clientPlace(decision, client) {
  const place = decision.decision?.location?.place;
  if (place) return [place.latitude, place.longitude];
  return CLIENTS.find(([, address]) => address === client)?.[2];
}

for (const [place, address] of CLIENTS) {
  const choose = () => {
    $("ask").elements.client.value = address;
    carryOut(ask());
  };
  $("picks").append(element("button", { type: "button", onclick: choose }, place));
}
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  carryOut(ask());
});
$("why").addEventListener("submit", (event) => {
  event.preventDefault();
  carryOut(why());
});
$("purge").elements.what.addEventListener("change", showPurgeChoice);
showPurgeChoice();
$("purge").addEventListener("submit", (event) => {
  event.preventDefault();
  carryOut(purge());
});
$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn();
});
drawLand($("map"));
carryOut(refresh());
