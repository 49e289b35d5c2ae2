import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { unseal } from "../../../common/sealed.ts";
import type {
  CertificateBody,
  CertificateListBody,
  CertificatePutBody,
  DryRunBody,
  ErrorBody,
  LogBody,
} from "../../../control/api/shapes.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { issueCertificate } from "../../support/authority.ts";
import { runMeridian } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestControl, TEST_SEALING_KEY } from "../support.ts";

const NAME = "www.shop.example";

async function start(t: TestContext) {
  const store = openEmbeddedState({ file: ":memory:" });
  t.after(() => store.close());
  const dir = tempDir(t);
  const [control, issued] = await Promise.all([
    startTestControl(t, store),
    issueCertificate(dir, { hosts: [NAME, "*.shop.example"] }),
  ]);
  const { chain, key } = issued;
  return { ...control, store, issued, dir, pair: { chain, key } };
}

describe("certificates in the API", () => {
  it("are put, listed, shown and removed, and their keys are shown nowhere", async (t) => {
    const { call, store, pair, base } = await start(t);
    const path = `/certificates/${NAME}`;
    const put = await call<CertificatePutBody>("PUT", path, pair);
    assert.equal(put.status, 200, JSON.stringify(put.body));
    assert.deepEqual(put.body.hosts, [NAME, "*.shop.example"]);
    assert.deepEqual(
      [put.body.source, put.body.expired, put.body.renewal],
      ["api", false, undefined],
    );
    const [record] = (await store.snapshot()).certificates;
    assert.ok(record !== undefined);
    const opened = unseal(TEST_SEALING_KEY, NAME, record.key);
    assert.ok(opened.ok && opened.value.startsWith("-----BEGIN PRIVATE KEY-----"));

    const shown = await call<CertificateBody>("GET", path);
    const { version: _, ...same } = put.body;
    assert.deepEqual(shown.body, same);
    const list = await call<CertificateListBody>("GET", "/certificates");
    assert.deepEqual(list.body.certificates, [shown.body]);
    const log = await call<LogBody>("GET", "/log");
    assert.equal(log.body.changes[0]?.body.kind, "certificate-put");
    const keyLines = record.key.slice(60, 100);
    const answers = await Promise.all(
      [path, "/certificates", "/log", "/changes", "/status"].map(async (one) => {
        return (await fetch(`${base}/v1${one}`)).text();
      }),
    );
    for (const text of answers) {
      assert.doesNotMatch(text, /PRIVATE KEY/);
      assert.equal(text.includes(keyLines), false, "the sealed key is not shown either");
    }
    assert.equal((await call("DELETE", path)).status, 200);
    assert.equal((await call("GET", path)).status, 404);
    assert.deepEqual((await store.snapshot()).certificates, []);
  });

  it("are changed only by who has seen what is in force", async (t) => {
    const { call, base, pair, store } = await start(t);
    const path = `/certificates/${NAME}`;
    const { body } = await call<CertificatePutBody>("PUT", path, pair);
    const put = (match: string, query = "") =>
      fetch(`${base}/v1${path}${query}`, {
        method: "PUT",
        headers: { "if-match": match, "content-type": "application/json" },
        body: JSON.stringify({ ...pair, site: "netcinema" }),
      });
    assert.equal((await put('"something-else"')).status, 412);
    const dry = (await (await put(body.etag, "?dryRun=true")).json()) as DryRunBody;
    assert.deepEqual(dry.differences, [{ path: "site", after: "netcinema" }]);
    assert.equal((await store.snapshot()).version, body.version);
    assert.equal((await put(body.etag)).status, 200);
    assert.equal((await put(body.etag)).status, 412);
  });

  it("are refused when they could not be served, with the field and without effect", async (t) => {
    const { call, pair, store, issued } = await start(t);
    const { version } = await store.snapshot();
    const bad: readonly (readonly [string, unknown, RegExp])[] = [
      [NAME, { ...pair, key: "nonsense" }, /^key: is no private key/],
      [NAME, { ...pair, chain: issued.root }, /^key: is not the key of the first/],
      [
        NAME,
        { chain: issued.intermediate + issued.leaf, key: pair.key },
        /^chain: is not in order/,
      ],
      [NAME, { chain: pair.chain }, /^key: is required/],
      ["-bad-", pair, /^certificate: must be/],
      ["UPPER", pair, /^certificate: must be/],
    ];
    for (const [name, body, expected] of bad) {
      const { status, body: answer } = await call<ErrorBody>("PUT", `/certificates/${name}`, body);
      const { field, message } = answer.error;
      assert.match(`${field}: ${message}`, expected);
      assert.equal(status, 400);
    }
    assert.equal((await store.snapshot()).version, version);
  });

  it("say when their key was sealed with another sealing key", async (t) => {
    const { call, pair, store } = await start(t);
    await call("PUT", `/certificates/${NAME}`, pair);
    const [record] = (await store.snapshot()).certificates;
    assert.ok(record !== undefined);
    const certificate = { ...record, key: record.key.replace(/^v1\.\w+/, "v1.0123456789abcdef") };
    await store.append({ kind: "certificate-put", certificate }, "test");
    const { body } = await call<CertificateBody>("GET", `/certificates/${NAME}`);
    assert.match(body.problem ?? "", /^its key was sealed with the key 0123456789abcdef/);
  });
});

describe("meridian certificate", () => {
  it("puts files, lists, shows and removes", async (t) => {
    const { base, dir, pair } = await start(t);
    const [chain, key] = [join(dir, "fullchain.pem"), join(dir, "privkey.pem")];
    writeFileSync(chain, pair.chain);
    writeFileSync(key, pair.key);
    const run = (...args: string[]) => runMeridian(["certificate", ...args, "--api", base]);
    const files = ["--chain", chain, "--key", key];
    const dry = await run("put", NAME, ...files, "--dry-run");
    assert.match(dry.stdout, /would differ from version \d+; nothing has been changed:\n.*hosts/);
    const put = await run("put", NAME, ...files);
    assert.match(put.stdout, /is in force for www\.shop\.example \*\.shop\.example until 20/);
    assert.match((await run("list")).stdout, /www\.shop\.example +www\.shop.* api +20\d\d-/);
    assert.match((await run("show", NAME)).stdout, /SHA-256 +([0-9A-F]{2}:){31}/);
    const swapped = await run("put", NAME, "--chain", key, "--key", key);
    assert.equal(swapped.code, 1);
    assert.match(swapped.stderr, /no certificate in PEM/);
    const missing = await run("put", NAME, "--chain", join(dir, "nowhere"), "--key", key);
    assert.match(missing.stderr, /nowhere: no such file/);
    assert.match((await run("remove", NAME)).stdout, /is removed/);
    assert.match((await run("list")).stdout, /No certificates/);
  });
});
