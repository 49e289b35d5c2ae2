import type { Route } from "./answer.ts";

/** The style sheet of all pages: no fonts, scripts or images from elsewhere. */
export const STYLE = `:root { color-scheme: light dark; --ink: #1c2333; --paper: #fbfaf7;
  --line: #d9d5ca; --accent: #b3261e; --quiet: #656d80; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e3da; --paper: #14171f; --line: #343a49;
  --accent: #ff8a80; --quiet: #98a1b5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
header { display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap;
  border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; }
h1 { font-size: 1.5rem; letter-spacing: -.01em; margin: .5rem 0; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
a { color: var(--accent); }
.quiet { color: var(--quiet); }
img.poster { width: 100%; height: auto; border-radius: .5rem; display: block; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0;
  border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
code, pre, dd { font: .875rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .375rem;
  overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { color: var(--quiet); } dd { margin: 0; }
@media (max-width: 40rem) { td { display: block; padding-right: 0; } td:first-child { border: 0;
  padding-bottom: 0; white-space: normal; } }
`;

/** The page at `/`: what the site is, and every route with what it shows (P). */
export function indexPage(routes: readonly Route[]): string {
  const rows = routes.map(({ examples, explains }) => {
    const links = examples.map((link) => `<a href="${escape(link)}">${escape(link)}</a>`);
    return `<tr><td>${links.join("<br>")}</td><td>${escape(explains)}</td></tr>`;
  });
  return page(
    "NetCinema",
    `<header><h1>NetCinema</h1><span class="quiet">an origin to try a CDN on</span></header>
<a href="/6Y7B23V"><img class="poster" src="/poster.svg" width="960" height="400"
 alt="Tonight: The Long Way to the Edge"></a>
<p>Every answer of this origin carries <code>X-Origin-Request</code>, the number of the request that
made it. Through an edge the number stands still while the edge answers from its store, and
<code>Cache-Status</code> and <code>Age</code> say what the edge did.</p>
<pre>curl -i http://video.netcinema.test/fresh?s=60</pre>
<h2>One route for each thing a cache must get right</h2>
<table>
${rows.join("\n")}
</table>`,
  );
}

/**
 * The page of the film in the story (P). Its script asks for its own address again and shows the
 * fields that the edge added, since a page cannot read the ones that it came with. It does not ask
 * to bypass caches, which would reach the edge too: the page is never fresh in a browser.
 */
export function videoPage(): string {
  return page(
    "The Long Way to the Edge",
    `<header><h1>The Long Way to the Edge</h1>
<span class="quiet">NetCinema, 6Y7B23V</span></header>
<img class="poster" src="/poster.svg" width="960" height="400" alt="A light crosses the sea">
<p>Edges may keep this page for 5 seconds, the picture for a day, and the film
(<a href="/big.bin">20 MiB of it</a>) for a day too.</p>
<h2>How this page got here</h2>
<dl id="fields"><dt>waiting</dt><dd>for the next answer</dd></dl>
<p class="quiet">Asked again every two seconds. <a href="/">All that this origin can show</a></p>
<script>
const absent = { "cache-status": "none: straight from the origin" };
const names = ["cache-status", "age", "via", "x-origin-request", "date"];
async function look() {
  const list = document.getElementById("fields");
  try {
    const answer = await fetch(location.href);
    list.replaceChildren(...names.flatMap((name) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = name;
      dd.textContent = answer.headers.get(name) ?? absent[name] ?? "none";
      return [dt, dd];
    }));
  } catch (error) {
    list.lastElementChild.textContent = String(error);
  }
}
look();
setInterval(look, 2000);
</script>`,
  );
}

/** The film poster: a light that travels from one shore to the other. */
export const POSTER = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 400" role="img">
<title>The Long Way to the Edge</title>
<defs>
<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#0c1230"/>
<stop offset=".62" stop-color="#3a2a5e"/><stop offset="1" stop-color="#e0684b"/></linearGradient>
<radialGradient id="glow"><stop offset="0" stop-color="#fff6d6"/>
<stop offset="1" stop-color="#ffd27a" stop-opacity="0"/></radialGradient>
</defs>
<rect width="960" height="400" fill="url(#sky)"/>
<g fill="#fff" opacity=".8"><circle cx="96" cy="60" r="1.5"/><circle cx="214" cy="116" r="1"/>
<circle cx="355" cy="44" r="1.6"/><circle cx="522" cy="92" r="1"/><circle cx="688" cy="38" r="1.4"/>
<circle cx="804" cy="120" r="1"/><circle cx="893" cy="66" r="1.6"/></g>
<rect y="290" width="960" height="110" fill="#101630"/>
<path d="M0 290 60 232 118 268 170 220 232 290Z M728 290 792 214 846 262 906 226 960 290Z"
 fill="#1b1f3d"/>
<path id="way" d="M150 268 Q480 40 810 262" fill="none" stroke="#ffd27a" stroke-dasharray="2 9"
 stroke-linecap="round" stroke-width="2"/>
<circle r="26" fill="url(#glow)"><animateMotion dur="4s" repeatCount="indefinite"
 path="M150 268 Q480 40 810 262"/></circle>
<text x="480" y="352" fill="#fff6d6" font-family="Georgia, serif" font-size="34" letter-spacing="2"
 text-anchor="middle">The Long Way to the Edge</text>
</svg>
`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css">
</head><body>
${body}
</body></html>
`;
}

function escape(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
}
