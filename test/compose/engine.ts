import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { REPOSITORY, runProcess } from "../support/process.ts";

const ASK_DEADLINE_MS = 20_000;
const PULL_DEADLINE_MS = 150_000;
const BUILD_DEADLINE_MS = 150_000;
const UP_DEADLINE_MS = 60_000;
const DOWN_DEADLINE_MS = 60_000;

const DOWN = ["down", "--volumes", "--remove-orphans", "--timeout", "3"] as const;

/** How this machine runs containers. */
export interface Engine {
  /** The words that call compose: `docker compose`, or `docker-compose` of the first generation. */
  readonly compose: readonly [command: string, ...args: string[]];
}

/** What the engine says about a container. */
export interface Container {
  readonly service: string;
  readonly id: string;
  readonly name: string;
  readonly health: string;
  readonly restarts: number;
  readonly user: string;
  readonly readOnly: boolean;
  readonly droppedCapabilities: readonly string[];
}

interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly State: { readonly Health?: { readonly Status: string } };
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
  };
}

/** Finds a Docker engine and its compose, or says why there is none. */
export async function findEngine(): Promise<Engine | string> {
  const version = await attempt("docker", ["version"], ASK_DEADLINE_MS);
  if (version !== undefined) return `no Docker engine answers (docker version: ${version})`;
  for (const compose of [["docker", "compose"] as const, ["docker-compose"] as const]) {
    const [command, ...args] = compose;
    if ((await attempt(command, [...args, "version"], ASK_DEADLINE_MS)) === undefined) {
      return { compose };
    }
  }
  return "neither docker compose nor docker-compose is installed";
}

/** One bringing-up of docker-compose.yml, under a name of its own and with ports of its own. */
export class Deployment {
  readonly #engine: Engine;
  readonly #project: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(engine: Engine, project: string, env: Readonly<Record<string, string>>) {
    this.#engine = engine;
    this.#project = project;
    this.#env = env;
  }

  /** Makes the standard images available; says which one cannot be had. */
  async pullImages(): Promise<string | undefined> {
    const { services } = parse(await this.#compose(["config"], ASK_DEADLINE_MS)) as {
      services: Readonly<Record<string, { readonly image: string; readonly build?: unknown }>>;
    };
    const images = Object.values(services).filter(({ build }) => build === undefined);
    for (const image of [...images.map((service) => service.image), baseImage()]) {
      const inspect = ["image", "inspect", image];
      if ((await attempt("docker", inspect, ASK_DEADLINE_MS)) === undefined) continue;
      const reason = await attempt("docker", ["pull", "--quiet", image], PULL_DEADLINE_MS);
      if (reason !== undefined) return `image ${image} cannot be had: ${reason}`;
    }
    return undefined;
  }

  /** Builds the one image of all roles. */
  async build(): Promise<void> {
    await this.#compose(["build", "origin"], BUILD_DEADLINE_MS);
  }

  /** Starts everything; resolves when all containers have been started. */
  async up(): Promise<void> {
    await this.#compose(["up", "--detach", "--no-build"], UP_DEADLINE_MS);
  }

  /** Stops and removes everything, volumes included. */
  async down(): Promise<void> {
    await this.#compose(DOWN, DOWN_DEADLINE_MS);
  }

  /** The same while the process ends, when nothing can be awaited any more. */
  downNow(): void {
    const [command, ...words] = this.#engine.compose;
    spawnSync(command, [...words, "-p", this.#project, ...DOWN], {
      cwd: REPOSITORY,
      env: { ...process.env, ...this.#env },
      timeout: DOWN_DEADLINE_MS,
    });
  }

  /** The last log lines of every container, for a failure to show. */
  logs(): Promise<string> {
    return this.#compose(["logs", "--no-color", "--tail", "8"], ASK_DEADLINE_MS);
  }

  /** Stops or starts one service. */
  async set(service: string, state: "stop" | "start"): Promise<void> {
    await this.#compose([state, service], UP_DEADLINE_MS);
  }

  /** Every container, running or not. */
  async containers(): Promise<readonly Container[]> {
    const ids = (await this.#compose(["ps", "--quiet"], ASK_DEADLINE_MS)).split("\n");
    const wanted = ids.filter((id) => id !== "");
    const text = await output("docker", ["inspect", ...wanted], ASK_DEADLINE_MS);
    return (JSON.parse(text) as InspectedContainer[]).map(readContainer);
  }

  /** Takes the container of a service off the network, as a cut cable does. */
  async cutOff(service: string): Promise<void> {
    const args = ["network", "disconnect", this.#network, await this.#nameOf(service)];
    await output("docker", args, ASK_DEADLINE_MS);
  }

  /** Puts it back, at its old address and name. */
  async reconnect(service: string, address: string): Promise<void> {
    const name = await this.#nameOf(service);
    const args = ["network", "connect", "--ip", address, "--alias", service, this.#network, name];
    await output("docker", args, ASK_DEADLINE_MS);
  }

  get #network(): string {
    return `${this.#project}_internet`;
  }

  async #nameOf(service: string): Promise<string> {
    const found = (await this.containers()).find((container) => container.service === service);
    if (found === undefined) throw new Error(`no container of service ${service}`);
    return found.name;
  }

  #compose(args: readonly string[], withinMs: number): Promise<string> {
    const [command, ...words] = this.#engine.compose;
    return output(command, [...words, "-p", this.#project, ...args], withinMs, this.#env);
  }
}

/** The image that deploy/Dockerfile begins with. */
function baseImage(): string {
  const dockerfile = readFileSync(join(REPOSITORY, "deploy/Dockerfile"), "utf8");
  const image = /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile)?.[1];
  if (image === undefined) throw new Error("deploy/Dockerfile names no NODE_IMAGE");
  return image;
}

function readContainer(inspected: InspectedContainer): Container {
  return {
    service: inspected.Config.Labels["com.docker.compose.service"] ?? "",
    id: inspected.Id,
    name: inspected.Name.replace(/^\//, ""),
    health: inspected.State.Health?.Status ?? "none",
    restarts: inspected.RestartCount,
    user: inspected.Config.User,
    readOnly: inspected.HostConfig.ReadonlyRootfs,
    droppedCapabilities: inspected.HostConfig.CapDrop ?? [],
  };
}

/** Runs a command; undefined if it succeeds, otherwise the last line of what it said. */
async function attempt(
  command: string,
  args: readonly string[],
  withinMs: number,
): Promise<string | undefined> {
  try {
    const { code, stderr } = await runProcess({ command, args }, withinMs);
    return code === 0 ? undefined : (stderr.trim().split("\n").at(-1) ?? `exit code ${code}`);
  } catch (error) {
    return error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
  }
}

/** Runs a command and gives its standard output; rejects with all it said if it fails. */
async function output(
  command: string,
  args: readonly string[],
  withinMs: number,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await runProcess({ command, args, env }, withinMs);
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")}: exit code ${code}\n${stdout}\n${stderr}`);
}
