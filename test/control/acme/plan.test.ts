import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Site, siteSchema } from "../../../common/config/site.ts";
import {
  dueCertificates,
  leftOvers,
  RATE_LIMITED_MS,
  RETRY_MS,
  RETRY_MS_MAX,
  retryPauseMs,
  wantedCertificates,
} from "../../../control/acme/plan.ts";
import { recordMaps } from "../../../state/certificates.ts";
import { aCertificate } from "../../contract/state-contract.ts";

const DAY = 86_400_000;

function site(name: string, hosts: readonly string[], https?: object): Site {
  const origin = { urls: ["http://192.0.2.9"] };
  return siteSchema.parse({ name, hosts, origin, ...(https === undefined ? {} : { https }) });
}

const SHOP = { name: "acme.shop", site: "shop", hosts: ["www.shop.example"] };
const WANTED = [{ ...SHOP, challenge: "http-01" }] as const;

function view(
  certificates: ReturnType<typeof aCertificate>[],
  order?: { readonly hosts?: readonly string[]; readonly nextAt: number },
) {
  const directory = "https://a.test/dir";
  const base = { certificate: "acme.shop", hosts: SHOP.hosts, directory, failures: 1 };
  const orders = order === undefined ? [] : [{ ...base, ...order }];
  return recordMaps({ certificates, orders, challenges: [], accounts: [] });
}

describe("certificates that are wanted", () => {
  it("are those of sites that say so, in one order of hosts, and the CDN's own", () => {
    const sites = [
      site("shop", ["www.shop.example", "a.shop.example"], { certificate: "acme" }),
      site("bare", [], { certificate: "acme", challenge: "dns-01" }),
      site("own", ["own.example"], { certificate: "of-mine" }),
      site("plain", ["plain.example"]),
    ];
    const domain = "kingcdn.test";
    const hosts = ["a.shop.example", "www.shop.example"];
    const two = [
      { name: "acme.shop", site: "shop", hosts, challenge: "http-01" },
      { name: "acme.bare", site: "bare", hosts: ["bare.kingcdn.test"], challenge: "dns-01" },
    ];
    assert.deepEqual(wantedCertificates(sites, { domain, wildcard: false }), two);
    const [wildcard, ...others] = wantedCertificates(sites, { domain, wildcard: true });
    const star = { name: "acme-wildcard", hosts: ["*.kingcdn.test"], challenge: "dns-01" };
    assert.deepEqual([wildcard, others], [star, two]);
  });

  it("are due when absent, for other hosts, or at two thirds of their life; not while they wait", () => {
    const cert = { ...aCertificate("acme.shop", SHOP.hosts), notBefore: 0, notAfter: 90 * DAY };
    const isDue = (now: number, ...of: Parameters<typeof view>) =>
      dueCertificates(view(...of), WANTED, { now }).length === 1;
    assert.equal(isDue(0, []), true);
    assert.equal(isDue(DAY, [cert]), false);
    assert.equal(isDue(60 * DAY, [cert]), true);
    assert.equal(isDue(DAY, [{ ...cert, hosts: ["other.example"] }]), true);
    assert.equal(isDue(5, [], { nextAt: 6 }), false);
    assert.equal(isDue(6, [], { nextAt: 6 }), true);
    assert.equal(isDue(5, [], { nextAt: 6, hosts: ["other.example"] }), true, "it asks for others");
    const early = dueCertificates(view([cert]), WANTED, { now: DAY, renewBeforeMs: 89.5 * DAY });
    assert.equal(early.length, 0, "never in the first third of a life");
  });
});

it("what nobody needs goes: orders at once, challenges and certificates when they have ended", () => {
  const challenge = { token: "t", kind: "http-01", host: "a", value: "v", expiresAt: 10 } as const;
  const gone = { ...aCertificate("acme.gone"), notAfter: 10 };
  const mine = { ...gone, name: "mine", source: "api" } as const;
  const wanted = { ...gone, name: "acme.shop" };
  const { orders } = view([], { nextAt: 0 });
  const full = {
    ...view([gone, mine, wanted]),
    orders,
    challenges: new Map([["t", challenge]]),
  };
  assert.deepEqual(leftOvers(full, WANTED, 9), []);
  assert.deepEqual(leftOvers(full, WANTED, 10), [
    { kind: "challenge-remove", challenge: "t" },
    { kind: "certificate-remove", certificate: "acme.gone" },
  ]);
  assert.deepEqual(leftOvers(full, [], 9), [{ kind: "order-remove", order: "acme.shop" }]);
});

describe("RFC 8555 s.6.6: after failures", () => {
  const plain = { isRateLimit: false };

  it("pauses grow fourfold to half a day, and differ by up to a tenth", () => {
    const pauses = [1, 2, 3, 4].map((failures) => retryPauseMs(failures, plain, 0));
    assert.deepEqual(
      pauses,
      [1, 4, 16, 64].map((factor) => factor * RETRY_MS),
    );
    for (const failures of [6, 60, 600]) {
      assert.equal(retryPauseMs(failures, plain, 0), RETRY_MS_MAX);
    }
    assert.equal(retryPauseMs(1, plain, 1), RETRY_MS * 1.1);
  });

  it("an authority is left alone for as long as it says, at most a week", () => {
    assert.equal(retryPauseMs(1, { ...plain, retryAfterMs: 7_200_000 }, 0), 7_200_000);
    assert.equal(retryPauseMs(1, { ...plain, retryAfterMs: 5_000 }, 0), RETRY_MS);
    assert.equal(retryPauseMs(1, { isRateLimit: true }, 0), RATE_LIMITED_MS);
    assert.equal(retryPauseMs(1, { isRateLimit: true, retryAfterMs: 90_000 }, 0), 90_000);
    assert.equal(retryPauseMs(1, { ...plain, retryAfterMs: 1e12 }, 0), 7 * DAY);
  });
});
