import { createHash } from "node:crypto";
import { z } from "zod";
import { invariant } from "../../common/assert.ts";
import type { EpochMs } from "../../common/clock.ts";
import { label } from "../../common/config/fields.ts";
import { systemRandom } from "../../common/random.ts";
import { seal, unseal } from "../../common/sealed.ts";
import type { CertificateRecord } from "../../state/certificates.ts";
import { CERTIFICATES_MAX, CHAIN_BYTES_MAX } from "../../state/limits.ts";
import type { Snapshot } from "../../state/records.ts";
import { certificateFacts, checkPair } from "../certificates/pair.ts";
import { renewalTime } from "../certificates/schedule.ts";
import { appliedBy } from "./applied.ts";
import { type ApiContext, type ApiServer, decideChange, waitMs } from "./context.ts";
import { differences } from "./differences.ts";
import { ApiError } from "./errors.ts";
import type {
  CertificateBody,
  CertificateListBody,
  CertificatePutBody,
  CertificateRemovedBody,
  CertificateSummary,
  DryRunBody,
} from "./shapes.ts";
import { checkConditions } from "./site-versions.ts";

/** A key of RSA 16384 fits. */
const KEY_BYTES_MAX = 16 * 1024;

const certificate = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
    "must be lower-case letters, digits, inner dots and hyphens, at most 253",
  );
const params = z.strictObject({ certificate });
const change = z.strictObject({ dryRun: z.stringbool().default(false), wait: waitMs });
const putBody = z.strictObject({
  chain: z
    .string()
    .max(CHAIN_BYTES_MAX)
    .describe("PEM: the certificate, then the one that signed it, and so on."),
  key: z
    .string()
    .max(KEY_BYTES_MAX)
    .describe("PEM: its private key. It is sealed, and never shown."),
  site: label.optional().describe("The site that it belongs to, for people."),
});

/** `/v1/certificates`: what edges prove with that they are who they are called. */
export function addCertificateRoutes(app: ApiServer, context: ApiContext): void {
  const read = { need: { scope: "read", about: "cdn" } } as const;
  const config = { need: { scope: "admin", about: "cdn" } } as const;

  app.get("/v1/certificates", { config: read }, async (): Promise<CertificateListBody> => {
    const snapshot = await context.store.snapshot();
    const bodies = snapshot.certificates.map((record) =>
      certificateBody(record, context, snapshot),
    );
    const orders = snapshot.orders.filter(
      (order) => !snapshot.certificates.some(({ name }) => name === order.certificate),
    );
    return {
      version: snapshot.version,
      certificates: bodies,
      awaited: orders.map((order) => ({ name: order.certificate, ...orderBody(order) })),
    };
  });

  app.get(
    "/v1/certificates/:certificate",
    { schema: { params }, config: read },
    async (call, reply) => {
      const snapshot = await context.store.snapshot();
      const record = knownCertificate(snapshot, call.params.certificate);
      const body: CertificateBody = certificateBody(record, context, snapshot);
      return reply.header("etag", body.etag).send(body);
    },
  );

  app.put(
    "/v1/certificates/:certificate",
    { schema: { params, body: putBody, querystring: change }, config },
    async (call, reply) => {
      const name = call.params.certificate;
      const startedAt = context.clock.monotonic();
      const record = readRecord(context, name, call.body);
      const done = await decideCertificate(context, call, (snapshot) => {
        const { certificates } = snapshot;
        if (!certificates.some((one) => one.name === name)) refuseMore(certificates.length);
        return { kind: "certificate-put", certificate: record };
      });
      if ("dryRun" in done) return reply.send(done);
      const { version } = done;
      const progress = await appliedBy(context, { call, startedAt, version });
      const none = { certificates: [], orders: [] };
      const body = certificateBody(record, context, none);
      const answer: CertificatePutBody = { ...body, version, ...progress };
      return reply.header("etag", body.etag).send(answer);
    },
  );

  app.delete(
    "/v1/certificates/:certificate",
    { schema: { params, querystring: change }, config },
    async (call): Promise<CertificateRemovedBody | DryRunBody> => {
      const name = call.params.certificate;
      const startedAt = context.clock.monotonic();
      const done = await decideCertificate(context, call, (snapshot) => {
        knownCertificate(snapshot, name);
        return { kind: "certificate-remove", certificate: name };
      });
      if ("dryRun" in done) return done;
      const { version } = done;
      return {
        removed: name,
        version,
        ...(await appliedBy(context, { call, startedAt, version })),
      };
    },
  );
}

/** What a call that changes a certificate says beside it. */
interface CertificateCall {
  readonly caller: { readonly name: string };
  readonly params: { readonly certificate: string };
  readonly headers: Parameters<typeof checkConditions>[0];
  readonly query: { readonly dryRun: boolean };
}

type CertificateChange =
  | { readonly kind: "certificate-put"; readonly certificate: CertificateRecord }
  | { readonly kind: "certificate-remove"; readonly certificate: string };

/** Appends what `decide` makes, if the conditions of the call hold; a dry run only says what. */
async function decideCertificate(
  context: ApiContext,
  call: CertificateCall,
  decide: (snapshot: Snapshot) => CertificateChange,
): Promise<{ readonly version: number } | DryRunBody> {
  let dryRun: DryRunBody | undefined;
  const done = await decideChange(context, call.caller.name, (snapshot) => {
    const present = snapshot.certificates.find(({ name }) => name === call.params.certificate);
    const tag = present === undefined ? undefined : certificateTag(present);
    checkConditions(call.headers, { tag, what: "certificate" });
    const body = decide(snapshot);
    if (!call.query.dryRun) return body;
    const before = present === undefined ? undefined : publicPart(present, context);
    const after =
      body.kind === "certificate-put" ? publicPart(body.certificate, context) : undefined;
    const { version } = snapshot;
    dryRun = { dryRun: true, version, differences: differences(before, after) };
    return undefined;
  });
  const answer = done ?? dryRun;
  invariant(answer !== undefined, "a call that is no dry run appends a change");
  return answer;
}

function readRecord(
  { clock, sealingKey }: ApiContext,
  name: string,
  given: z.infer<typeof putBody>,
): CertificateRecord {
  const pair = checkPair(given, clock.now());
  if (!pair.ok) {
    const { field, message } = pair.error;
    throw new ApiError("invalid", { field, message, remedy: "Nothing has changed." });
  }
  const { key: pem, ...shown } = pair.value;
  const key = seal(sealingKey, name, { pem, random: systemRandom });
  const { site } = given;
  return { name, ...shown, key, source: "api", ...(site === undefined ? {} : { site }) };
}

function refuseMore(count: number): void {
  if (count < CERTIFICATES_MAX) return;
  throw new ApiError("invalid", {
    message: `there are ${CERTIFICATES_MAX} certificates, which is all that edges keep`,
    remedy: "Remove those that nobody uses, or put several hosts into one.",
  });
}

function knownCertificate({ certificates, orders }: Snapshot, name: string): CertificateRecord {
  const record = certificates.find((one) => one.name === name);
  if (record !== undefined) return record;
  const order = orders.find((one) => one.certificate === name);
  if (order !== undefined) {
    throw new ApiError("not-found", {
      field: "certificate",
      message: `"${name}" is ordered and has not come: ${order.error ?? "the order is under way"}`,
      remedy: `It is tried again at ${new Date(order.nextAt).toISOString()}.`,
    });
  }
  const names = certificates.map((one) => one.name).sort();
  throw new ApiError("not-found", {
    field: "certificate",
    message: `there is no certificate "${name}"`,
    remedy: names.length === 0 ? "There are none yet." : `Certificates: ${names.join(", ")}.`,
  });
}

/** A certificate as the API shows it (P, but for the clock): never its key. */
export function certificateBody(
  record: CertificateRecord,
  context: Pick<ApiContext, "clock" | "sealingKey" | "config">,
  { orders }: Pick<Snapshot, "orders">,
): CertificateBody {
  const order = orders.find(({ certificate }) => certificate === record.name);
  const opened = unseal(context.sealingKey, record.name, record.key);
  return {
    name: record.name,
    ...publicPart(record, context),
    expired: context.clock.now() >= record.notAfter,
    etag: certificateTag(record),
    ...(opened.ok ? {} : { problem: `its key ${opened.error}` }),
    ...(order === undefined ? {} : { order: orderBody(order) }),
  };
}

/** All certificates in a few words (P, but for the clock); nothing while the store is away. */
export function certificateSummary(
  snapshot: Pick<Snapshot, "certificates" | "orders"> | undefined,
  { clock, sealingKey }: Pick<ApiContext, "clock" | "sealingKey">,
): CertificateSummary {
  const { certificates = [], orders = [] } = snapshot ?? {};
  const problems = new Map<string, string>();
  for (const { certificate, error } of orders) {
    if (error !== undefined) problems.set(certificate, `does not come: ${error}`);
  }
  for (const { name, key, notAfter } of certificates) {
    const opened = unseal(sealingKey, name, key);
    if (!opened.ok) problems.set(name, `its key ${opened.error}`);
    else if (notAfter <= clock.now()) problems.set(name, `has ended on ${iso(notAfter)}`);
  }
  const good = certificates.filter(({ name, notAfter }) => {
    return notAfter > clock.now() && !(problems.get(name)?.startsWith("its key") ?? false);
  });
  return {
    good: good.length,
    problems: [...problems].map(([name, problem]) => ({ name, problem })),
  };
}

/** What tells two certificates of one name apart, for people (P). */
function publicPart(
  record: CertificateRecord,
  { config }: Pick<ApiContext, "config">,
): Omit<CertificateBody, "name" | "expired" | "etag" | "problem" | "order"> {
  const { hosts, source, site, notBefore, notAfter, chain } = record;
  const facts = certificateFacts(chain);
  return {
    hosts,
    source,
    ...(site === undefined ? {} : { site }),
    notBefore: iso(notBefore),
    notAfter: iso(notAfter),
    ...(source === "acme" ? { renewal: iso(renewalTime(record, config.renewBeforeMs)) } : {}),
    issuer: facts?.issuer ?? "",
    serial: facts?.serial ?? "",
    fingerprint: facts?.fingerprint ?? "",
  };
}

function orderBody(order: Snapshot["orders"][number]): NonNullable<CertificateBody["order"]> {
  const { hosts, site, failures, error, nextAt } = order;
  return {
    hosts,
    ...(site === undefined ? {} : { site }),
    failures,
    next: iso(nextAt),
    ...(error === undefined ? {} : { error }),
  };
}

/** Names one content of a certificate (P). A key that is sealed anew is the same content. */
function certificateTag({ chain, site = "" }: CertificateRecord): string {
  const digest = createHash("sha256").update(`${site} ${chain}`).digest("base64url");
  return `"${digest.slice(0, 22)}"`;
}

function iso(time: EpochMs): string {
  return new Date(time).toISOString();
}
