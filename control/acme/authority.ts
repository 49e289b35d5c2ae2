import { type Authorization, Client, crypto, type Order } from "acme-client";
import { Agent } from "undici";
import { AuthorityError, withTransport } from "./http.ts";

/** Which authority, and as whom. */
export interface AuthorityOptions {
  /** URL of its ACME directory. */
  readonly directory: string;
  /** PEM of a private authority's own HTTPS certificate; left out: those that everybody trusts. */
  readonly ca?: string | undefined;
  /** PEM. */
  readonly accountKey: string;
  /** Left out: the account has to be made first. */
  readonly accountUrl?: string | undefined;
  readonly eab?: { readonly kid: string; readonly hmacKey: string } | undefined;
  /** Ends whatever is under way. */
  readonly signal: AbortSignal;
}

/** One host of an order, as the authority sees it (RFC 8555 section 7.1.4). */
export interface HostState {
  readonly host: string;
  readonly status: Authorization["status"];
  /** What it wants to see, by the type of the challenge. */
  readonly challenges: Authorization["challenges"];
  /** Why it does not believe that the host is ours. */
  readonly reason: string | undefined;
}

/** A certificate authority that speaks ACME (RFC 8555), as one account sees it. */
export class Authority {
  readonly #options: AuthorityOptions;
  readonly #agent: Agent;
  readonly #client: Client;

  constructor(options: AuthorityOptions) {
    this.#options = options;
    const { directory, ca, accountKey, accountUrl, eab } = options;
    this.#agent = new Agent(ca === undefined ? {} : { connect: { ca } });
    this.#client = new Client({
      directoryUrl: directory,
      accountKey,
      ...(accountUrl === undefined ? {} : { accountUrl }),
      ...(eab === undefined ? {} : { externalAccountBinding: eab }),
    });
  }

  /** Makes the account, or finds the one of this key; gives its URL (section 7.3). */
  register(email: string | undefined): Promise<string> {
    return this.#ask(async () => {
      await this.#client.createAccount({
        termsOfServiceAgreed: true,
        ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
      });
      return this.#client.getAccountUrl();
    });
  }

  /** Orders a certificate for hosts (section 7.4). */
  order(hosts: readonly string[]): Promise<Order> {
    const identifiers = hosts.map((value) => ({ type: "dns", value }));
    return this.#ask(() => this.#client.createOrder({ identifiers }));
  }

  /** An order as it is now. */
  orderAt(url: string): Promise<Order> {
    // The library wants an order where its URL is enough.
    return this.#ask(() => this.#client.getOrder({ url } as Order));
  }

  /** How far each host of an order is. */
  hosts(order: Order): Promise<HostState[]> {
    return this.#ask(async () => {
      const found = await this.#client.getAuthorizations(order);
      return found.map(({ identifier, status, challenges }) => ({
        host: identifier.value,
        status,
        challenges,
        reason: reasonOf(challenges),
      }));
    });
  }

  /** What has to be shown for a challenge: the HTTP body or the text of the TXT record. */
  answerTo(challenge: Authorization["challenges"][number]): Promise<string> {
    return this.#ask(() => this.#client.getChallengeKeyAuthorization(challenge));
  }

  /** Tells the authority to come and look (section 7.5.1). */
  async ready(challenge: Authorization["challenges"][number]): Promise<void> {
    await this.#ask(() => this.#client.completeChallenge(challenge));
  }

  /** Asks for the certificate of a key, all hosts being believed (section 7.4). */
  async finalize(
    order: Order,
    { hosts, key }: { readonly hosts: readonly string[]; readonly key: string },
  ): Promise<void> {
    const [, request] = await crypto.createCsr({ altNames: [...hosts] }, key);
    await this.#ask(() => this.#client.finalizeOrder(order, request));
  }

  /** The chain of a valid order, in PEM (section 7.4.2). */
  chain(order: Order): Promise<string> {
    return this.#ask(() => this.#client.getCertificate(order));
  }

  /** Lets go of connections. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    try {
      return await withTransport({ dispatcher: this.#agent, signal }, work);
    } catch (error) {
      if (error instanceof AuthorityError) throw error;
      // What the library itself found wrong with an answer.
      const reason = error instanceof Error ? error.message : String(error);
      throw new AuthorityError(`${new URL(this.#options.directory).host}: ${reason}`, {
        cause: error,
      });
    }
  }
}

/** A new private key for an account or a certificate: ECDSA P-256, PEM. */
export async function newKey(): Promise<string> {
  return (await crypto.createPrivateEcdsaKey("P-256")).toString();
}

function reasonOf(challenges: Authorization["challenges"]): string | undefined {
  for (const { error } of challenges) {
    if (error === undefined || error === null) continue;
    const { detail } = error as { readonly detail?: unknown };
    if (typeof detail === "string") return detail;
  }
  return undefined;
}
