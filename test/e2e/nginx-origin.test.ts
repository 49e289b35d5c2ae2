import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import type { SocketAddress } from "../../common/address.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { type FetchedResponse, fetchAt } from "../support/http.ts";
import { runProcess, startMeridian, startProcess } from "../support/process.ts";
import { suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Nothing of ours made these answers: validators, ranges and codings are as the world has them. */
describe("an edge in front of nginx", () => {
  const scope = suiteScope();
  const film = randomBytes(3_000_000);
  const page = "<p>one</p>\n".repeat(500);
  let edge: SocketAddress;
  /** With --compress. */
  let encoding: SocketAddress;
  let folder: string;

  before(async () => {
    folder = tempDir(scope);
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, "www"));
    writeFileSync(join(folder, "www", "film.bin"), film);
    writeFileSync(join(folder, "www", "page.html"), page);
    const port = await freePort();
    const file = join(folder, "nginx.conf");
    writeFileSync(file, configuration(folder, port));
    startProcess(scope, { command: "nginx", args: ["-p", folder, "-c", file] });
    const at = { host: "127.0.0.1", port };
    await eventually("nginx answers", () => fetchAt("http://x.test/page.html", { at }));
    const args = ["edge", "--listen=127.0.0.1:0", `--origin=http://127.0.0.1:${port}`];
    const { ready } = await startMeridian(scope, args);
    edge = (ready["addresses"] as { http: SocketAddress }).http;
    const other = await startMeridian(scope, [...args, "--compress"]);
    encoding = (other.ready["addresses"] as { http: SocketAddress }).http;
  });

  function get(path: string, headers: Record<string, string> = {}): Promise<FetchedResponse> {
    return fetchAt(`http://x.test${path}`, { at: edge, headers });
  }

  /** What nginx was asked for a path, as the codes of its answers; it logs just after them. */
  function wasAsked(path: string, codes: readonly string[]): Promise<void> {
    return eventually(`nginx logs ${path}`, () => {
      const lines = readFileSync(join(folder, "access.log"), "utf8").split("\n");
      const own = lines.filter((line) => line.startsWith(`${path} `));
      assert.deepEqual(
        own.map((line) => line.split(" ")[1]),
        codes,
      );
    });
  }

  it("serves what it got, and asks once", async () => {
    const first = await get("/film.bin");
    const second = await get("/film.bin");
    for (const { status, body } of [first, second]) {
      assert.equal(status, 200);
      assert.ok(body.equals(film));
    }
    assert.match(field(first, "cache-status"), /fwd=uri-miss; fwd-status=200; stored/);
    assert.match(field(second, "cache-status"), /; hit; ttl=/);
    await wasAsked("/film.bin", ["200"]);
  });

  it("RFC 9110 s.14: cuts ranges out of it and answers conditions itself", async () => {
    const whole = await get("/film.bin");
    const part = await get("/film.bin", { range: "bytes=1000000-1999999" });
    assert.equal(part.status, 206);
    assert.equal(field(part, "content-range"), `bytes 1000000-1999999/${film.length}`);
    assert.ok(part.body.equals(film.subarray(1_000_000, 2_000_000)));
    const etag = field(whole, "etag");
    assert.equal((await get("/film.bin", { "if-none-match": etag })).status, 304);
    await wasAsked("/film.bin", ["200"]);
  });

  it("RFC 9111 s.4.3: validates with nginx's own validators, and notices a change", async () => {
    await get("/validate/page.html");
    const validated = await get("/validate/page.html");
    assert.equal(validated.body.toString(), page);
    assert.match(field(validated, "cache-status"), /fwd=stale; fwd-status=304/);
    const changed = page.replaceAll("one", "two");
    writeFileSync(join(folder, "www", "page.html"), changed);
    utimesSync(join(folder, "www", "page.html"), 1_700_000_000, 1_700_000_000);
    assert.equal((await get("/validate/page.html")).body.toString(), changed);
    await wasAsked("/validate/page.html", ["200", "304", "200"]);
  });

  it("--compress: curl decodes every coding to the bytes that nginx has", async () => {
    const url = `http://127.0.0.1:${encoding.port}/coded/page.html`;
    const before = readFileSync(join(folder, "www", "page.html"));
    const curl = async (accept: string) => {
      const output = join(folder, "got");
      const write = "%header{content-encoding} %header{cache-status} %{size_download}";
      const headers = ["-H", `Accept-Encoding: ${accept}`];
      const args = ["-s", "--compressed", ...headers, "-o", output, "-w", write, url];
      const { code, stdout } = await runProcess({ command: "curl", args });
      assert.equal(code, 0);
      assert.ok(readFileSync(output).equals(before), `${accept}: ${stdout}`);
      return stdout;
    };
    assert.match(await curl("gzip, br, zstd"), /^ \S+; fwd=uri-miss; fwd-status=200; stored \d+$/);
    for (const coding of ["gzip", "br", "zstd"]) {
      await eventually(`there is a form in ${coding}`, async () => {
        const written = await curl(coding);
        assert.match(written, new RegExp(`^${coding} \\S+; hit; ttl=`));
        assert.ok(Number(written.split(" ").at(-1)) < before.length / 4, written);
      });
    }
    await wasAsked("/coded/page.html", ["200"]);
  });

  it("--compress: what nginx has encoded is not encoded again", async () => {
    const at = encoding;
    const headers = { "accept-encoding": "br, gzip" };
    for (const expected of [/fwd=uri-miss/, /; hit/, /; hit/]) {
      const answer = await fetchAt("http://x.test/gzip/page.html?again", { at, headers });
      assert.match(field(answer, "cache-status"), expected);
      assert.equal(field(answer, "content-encoding"), "gzip");
      const plain = readFileSync(join(folder, "www", "page.html"));
      assert.ok(gunzipSync(answer.body).equals(plain));
    }
  });

  it("RFC 9111 s.4.1: keeps what nginx compressed apart from what it did not", async () => {
    const packed = await get("/gzip/page.html", { "accept-encoding": "gzip" });
    const plain = await get("/gzip/page.html");
    assert.equal(field(packed, "content-encoding"), "gzip");
    assert.equal(field(plain, "content-encoding"), "");
    assert.ok(packed.body.length < plain.body.length / 4);
    const again = await get("/gzip/page.html", { "accept-encoding": "gzip" });
    assert.match(field(again, "cache-status"), /; hit/);
    assert.ok(again.body.equals(packed.body));
    await wasAsked("/gzip/page.html", ["200", "200"]);
  });
});

function field(answer: FetchedResponse, name: string): string {
  return answer.fields.find(([other]) => other === name)?.[1] ?? "";
}

/** Everything below `folder`: nothing of the machine's own nginx is touched. */
function configuration(folder: string, port: number): string {
  const log = join(folder, "access.log");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(folder, kind)};`)
    .join(" ");
  return `daemon off; worker_processes 1; pid ${join(folder, "nginx.pid")};
error_log ${join(folder, "error.log")};
events {}
http {
  ${temporary}
  types { text/html html; }
  log_format path '$uri_asked $status';
  map $request_uri $uri_asked { default $request_uri; }
  access_log ${log} path;
  gzip_types text/html; gzip_vary on; gzip_proxied any; gzip_min_length 100;
  server {
    listen 127.0.0.1:${port};
    root ${join(folder, "www")};
    location / { add_header Cache-Control max-age=600; }
    location /validate/ { alias ${join(folder, "www")}/; add_header Cache-Control no-cache; }
    location /coded/ { alias ${join(folder, "www")}/; add_header Cache-Control max-age=600; }
    location /gzip/ { alias ${join(folder, "www")}/; gzip on; add_header Cache-Control max-age=600; }
  }
}
`;
}
