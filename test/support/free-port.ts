import { createSocket, type Socket } from "node:dgram";
import { createServer } from "node:net";

/** How often a port that UDP has and TCP lacks is given up for another one. */
const ATTEMPTS_MAX = 50;

/**
 * A port of `host` that was free a moment ago, for UDP and for TCP. Meant for peers that cannot
 * report the port that they got; our own daemons are started on port 0 instead.
 */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = await freeTcpPort(host);
    if (await isUdpFree(host, port)) return port;
  }
  throw new Error(`no port of ${host} is free for both UDP and TCP`);
}

/** True if `port` can be bound on `host` now, for UDP and for TCP. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  const tcp = await freeTcpPort(host, port).then(
    () => true,
    () => false,
  );
  return tcp && (await isUdpFree(host, port));
}

function freeTcpPort(host: string, wanted = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(wanted, host, () => {
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : wanted;
      server.close(() => resolve(port));
    });
  });
}

function isUdpFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.once("error", () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });
}
