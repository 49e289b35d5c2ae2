import { parse } from "yaml";
import { z } from "zod";
import { ipPrefix, label, socketAddress } from "../../common/config/fields.ts";
import { type IpPrefix, parseIp, prefixContains, unmapIpv4 } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";

const milliseconds = z.number().min(0).max(5_000);

const planSchema = z.strictObject({
  /** Places, by short name, and the networks that stand for them. */
  regions: z.record(
    label,
    z.strictObject({ title: z.string(), networks: z.array(ipPrefix).min(1) }),
  ),
  /** Round trip of every pair, written once: `roundTripMs.syd.fra` is also fra to syd. */
  roundTripMs: z.record(label, z.record(label, milliseconds)),
  /** Round trip between two machines of one region. */
  insideRegionMs: milliseconds.default(2),
  /** Services that other regions reach through the relay: who asks tells how far away. */
  relays: z.array(z.strictObject({ listen: socketAddress, to: socketAddress })).default([]),
  /** Proxies (HTTP CONNECT) that let a client on the host stand in a region. */
  vantages: z.array(z.strictObject({ region: label, listen: socketAddress })).default([]),
});

/** The plan of a wide area network: places, distances, and what goes through the relay. */
export type WanPlan = z.infer<typeof planSchema>;

/** Reads a plan from YAML (P). All problems at once, each with its path. */
export function parsePlan(text: string): Result<WanPlan, readonly string[]> {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    return fail([error instanceof Error ? error.message : String(error)]);
  }
  const parsed = planSchema.safeParse(value);
  if (!parsed.success) {
    return fail(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
  }
  const problems = planProblems(parsed.data);
  return problems.length > 0 ? fail(problems) : ok(parsed.data);
}

/** The region that an address stands in; undefined for one that the plan does not know (P). */
export function regionOf(plan: WanPlan, address: string): string | undefined {
  const bytes = parseIp(address);
  if (!bytes.ok) return undefined;
  const inside = (network: IpPrefix) => prefixContains(network, unmapIpv4(bytes.value));
  return Object.entries(plan.regions).find(([, { networks }]) => networks.some(inside))?.[0];
}

/**
 * Round trip between two regions in ms (P). A machine outside of all regions, such as the host,
 * counts as standing beside the other one.
 */
export function roundTripMs(
  plan: WanPlan,
  from: string | undefined,
  to: string | undefined,
): number {
  if (from === undefined || to === undefined || from === to) return plan.insideRegionMs;
  return plan.roundTripMs[from]?.[to] ?? plan.roundTripMs[to]?.[from] ?? plan.insideRegionMs;
}

function planProblems(plan: WanPlan): string[] {
  const names = Object.keys(plan.regions);
  const problems: string[] = [];
  for (const [from, row] of Object.entries(plan.roundTripMs)) {
    for (const to of Object.keys(row)) {
      const path = `roundTripMs.${from}.${to}`;
      if (!names.includes(from) || !names.includes(to) || from === to) {
        problems.push(`${path}: not a pair of two regions`);
      } else if (plan.roundTripMs[to]?.[from] !== undefined && from < to) {
        problems.push(`${path}: is also given as roundTripMs.${to}.${from}`);
      }
    }
  }
  for (const [index, from] of names.entries()) {
    for (const to of names.slice(index + 1)) {
      const known = plan.roundTripMs[from]?.[to] ?? plan.roundTripMs[to]?.[from];
      if (known === undefined) problems.push(`roundTripMs: ${from} to ${to} is missing`);
    }
  }
  for (const [index, { region }] of plan.vantages.entries()) {
    if (!names.includes(region)) problems.push(`vantages.${index}.region: no region ${region}`);
  }
  return problems;
}
