// Asks a daemon of this container whether it is ready; exit code 0 if so. The image has no curl.
// Plain JavaScript and node:http only: it starts every few seconds in every container.
import { get } from "node:http";

const [url = "http://127.0.0.1:9100/readyz"] = process.argv.slice(2);

const request = get(url, { timeout: 2_000 }, (response) => {
  response.resume();
  process.exitCode = response.statusCode === 200 ? 0 : 1;
});
request.on("timeout", () => request.destroy(new Error("no answer within 2 s")));
request.on("error", (error) => {
  process.stderr.write(`${url}: ${error.message}\n`);
  process.exitCode = 1;
});
