import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Browser, chromium } from "playwright-core";
import { formatSocketAddress } from "../../common/address.ts";
import { hashToken } from "../../control/access/token.ts";
import { openEmbeddedState } from "../../state/embedded.ts";
import { startTestControl } from "../control/support.ts";
import { edgeOf, startDemo } from "../support/demo.ts";
import { answerData, dig } from "../support/dig.ts";
import { fetchAt } from "../support/http.ts";
import { findProgram } from "../support/peers.ts";
import { atEnd, type Scope } from "../support/scope.ts";

const BROWSER = "chromium";

async function startBrowser(scope: Scope): Promise<Browser> {
  const executablePath = findProgram(BROWSER);
  assert.ok(executablePath !== undefined, `${BROWSER} is not installed`);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  atEnd(scope, () => browser.close());
  return browser;
}

describe("the console page in a real browser", () => {
  it("loads without complaint, shows five edges up, and answers a question", async (t) => {
    const demo = await startDemo(t);
    await fetchAt("http://video.netcinema.test/", { at: edgeOf(demo, "syd").http });
    const page = await (await startBrowser(t)).newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
    page.on("response", (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    });

    await page.goto(`http://${formatSocketAddress(demo.api)}/`);
    const rows = page.locator("#edges tr");
    await rows.nth(4).waitFor();
    const texts = await rows.allInnerTexts();
    assert.equal(texts.length, 5, texts.join("\n"));
    for (const { name } of demo.edges) {
      const row = texts.find((text) => text.includes(name));
      assert.match(row ?? "", /\bup\b/i, `${name}: ${row}`);
    }
    await page.locator("#up", { hasText: /^5/ }).waitFor();

    const again = { at: edgeOf(demo, "syd").http };
    await fetchAt("http://video.netcinema.test/", again);
    await page.locator("#hits", { hasText: /^\d+\.\d %$/ }).waitFor();
    await page.locator("#first-byte", { hasText: /ms/ }).waitFor();
    await page.locator("#sites .figures", { hasText: /requests\/s, \d+\.\d % hits/ }).waitFor();

    await page.locator("#ask input[name=name]").fill("video.netcinema.test");
    await page.locator("#ask button[type=submit]").click();
    await page.locator("#decision", { hasText: "syd" }).waitFor();

    await page.locator("#why input[name=url]").fill("http://video.netcinema.test/poster.svg");
    await page.locator("#why select").selectOption("syd-1");
    await page.locator("#why button").press("Enter");
    await page.locator("#reason", { hasText: "Nothing is stored for it on syd-1." }).waitFor();
    await fetchAt("http://video.netcinema.test/poster.svg", again);
    await page.locator("#why button").click();
    await page.locator("#reason", { hasText: /200, .* old, fresh for \d+ s/ }).waitFor();

    const purge = page.locator("#purge");
    await purge.locator("select[name=what]").selectOption("prefixes");
    await purge.locator("textarea").fill("http://video.netcinema.test/");
    await purge.locator("input[name=soft]").check();
    await purge.locator("button[type=submit]").click();
    await page.locator("#purged li", { hasText: "in" }).nth(4).waitFor();
    await purge.locator("select[name=what]").selectOption("all");
    assert.equal(await purge.locator("textarea").isVisible(), false);
    assert.deepEqual(complaints, []);
  });

  it("shows an edge that dies, in words too, and sends clients where DNS does", async (t) => {
    const demo = await startDemo(t);
    const page = await (await startBrowser(t)).newPage();
    await page.goto(`http://${formatSocketAddress(demo.api)}/`);
    const map = page.locator("#map");
    await map.locator(".pop.up").nth(4).waitFor();
    const name = "video.netcinema.test";
    await page.locator("#ask input[name=name]").fill(name);

    const stop = page.getByRole("button", { name: "Stop or start syd-1" });
    await stop.focus();
    await page.keyboard.press("Enter");
    await map.locator(".pop.down .load", { hasText: /^down, / }).waitFor();
    await page.locator("#edges tr", { hasText: "syd-1" }).getByText("down (stopped)").waitFor();

    const { host: server, port } = demo.dns;
    const told = await dig({ server, port, name, subnet: "129.94.0.0/24" });
    const [address] = answerData(told, "A");
    await page.locator("#ask input[name=client]").fill("129.94.0.1");
    await page.keyboard.press("Enter");
    const answer = page.locator("#decision .answer");
    await answer.filter({ hasText: `at ${address}` }).waitFor();
    assert.doesNotMatch(await answer.innerText(), /syd/);
  });

  it("asks for a token where the API does, and shows nothing without", async (t) => {
    const store = openEmbeddedState({ file: ":memory:" });
    atEnd(t, () => store.close());
    const secret = "the-operator-of-this-page-0123456789";
    const access = { kind: "tokens", operatorHash: hashToken(secret) } as const;
    const { base } = await startTestControl(t, store, { access });
    const page = await (await startBrowser(t)).newPage();
    await page.goto(`${base}/`);
    const token = page.locator("#sign-in input[name=token]");
    await token.waitFor();
    assert.equal(await page.locator("main").isVisible(), false);
    await token.fill("not-a-token");
    await page.locator("#sign-in button").click();
    await page.locator("#alarm", { hasText: "not known" }).waitFor();
    await token.fill(secret);
    await page.locator("#sign-in button").click();
    await page.locator("#edges tr").nth(1).waitFor();
    assert.equal(await page.locator("#sign-in").isVisible(), false);
    await page.reload();
    await page.locator("#edges tr").nth(1).waitFor();
  });
});
