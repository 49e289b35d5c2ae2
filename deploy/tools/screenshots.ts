import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, chromium } from "playwright-core";

/*
 * Takes the pictures of the console that stand in docs/images: starts the demo, loads two regions,
 * stops an edge, asks where its clients go. Run: npm run docs:screenshots. Needs Debian's chromium;
 * the variable CHROMIUM names another one.
 */

const REPOSITORY = join(import.meta.dirname, "..", "..");
const IMAGES = join(REPOSITORY, "docs", "images");
const CONSOLE = "http://127.0.0.1:9090";
const EDGES = { syd: "127.0.10.1", iad: "127.0.10.3" } as const;
const EDGE_PORT = 8_080;
const STOPPED = "gru-1";
const CLIENT = "200.144.0.1";

/** Requests that each loaded edge is sent, a few at a time, while pictures are taken. */
const PATHS = ["/poster.svg", "/style.css", "/", "/poster.svg?again"];
const PAUSE_MS = 20;

/** What is photographed. */
const VIEWS = [
  { name: "console", width: 1_280, height: 900, colorScheme: "light" },
  { name: "console-dark", width: 1_280, height: 900, colorScheme: "dark" },
  { name: "console-phone", width: 390, height: 844, colorScheme: "light" },
] as const;

await main();

async function main(): Promise<void> {
  mkdirSync(IMAGES, { recursive: true });
  const args = ["bin/meridian.mjs", "demo", "--json"];
  const demo = spawn(process.execPath, args, {
    cwd: REPOSITORY,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ending = new AbortController();
  try {
    const lines = createInterface({ input: demo.stdout });
    const started = await Promise.race([once(lines, "line"), once(demo, "exit")]);
    if (typeof started[0] !== "string") throw new Error("the demo does not start: is it running?");
    demo.stderr.resume();
    const loads = Object.values(EDGES).map((host) => load(host, ending.signal));
    const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    try {
      await stopEdge(browser);
      for (const view of VIEWS) await photograph(browser, view);
    } finally {
      await browser.close();
    }
    ending.abort();
    await Promise.all(loads);
  } finally {
    ending.abort();
    demo.kill("SIGTERM");
  }
}

/** Asks an edge for the same few objects until it is told to end. */
async function load(host: string, signal: AbortSignal): Promise<void> {
  for (let i = 0; !signal.aborted; i += 1) {
    await get(host, PATHS[i % PATHS.length] ?? "/");
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function get(host: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { host: "video.netcinema.test" };
    const asked = request({ host, port: EDGE_PORT, path, headers }, (response) => {
      response.resume();
      response.once("close", resolve);
    });
    asked.once("error", reject);
    asked.end();
  });
}

/** As a visitor of the page does it. */
async function stopEdge(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  await page.goto(`${CONSOLE}/`);
  const row = page.locator("#edges tr", { hasText: STOPPED });
  await row.getByRole("button", { name: "Stop" }).click();
  await row.filter({ hasText: "down" }).waitFor();
  await page.close();
}

async function photograph(browser: Browser, view: (typeof VIEWS)[number]): Promise<void> {
  const { name, width, height, colorScheme } = view;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.goto(`${CONSOLE}/`);
  // Its script runs once there are rows.
  await page.locator("#edges tr", { hasText: STOPPED }).waitFor();
  await page.locator("#ask input[name=name]").fill("video.netcinema.test");
  await page.locator("#ask input[name=client]").fill(CLIENT);
  await page.locator("#ask button[type=submit]").click();
  await page.locator("#decision", { hasText: "iad" }).waitFor();
  await page.locator("#hits", { hasText: /\d %$/ }).waitFor();
  await page.evaluate("window.scrollTo(0, 0)");
  const path = join(IMAGES, `${name}.png`);
  await page.screenshot({ path });
  await page.close();
  process.stdout.write(`${path}\n`);
}
