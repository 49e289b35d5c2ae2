import { type IpBytes, type IpPrefix, parseIp, prefixContains } from "../../common/ip.ts";

/** Who is believed about the address of a client, and where it is said. */
export interface TrustedProxies {
  /** Networks that proxies send from. */
  readonly trust: readonly IpPrefix[];
  /** The one field in which they say it. */
  readonly clientField: "X-Forwarded-For" | "Forwarded";
}

/**
 * The client that a request is from (P): the peer, unless that is a trusted proxy. Then the field
 * is read from its end, where the last proxy has written, as far as those who wrote are trusted:
 * the first address that is none of theirs is the client. What stands before it may be made up.
 *
 * `field`: the value of that field, lines joined with commas; undefined: there is none. Something
 * that is no address (`unknown`, an RFC 7239 section 6.3 identifier) ends the search with the last
 * proxy that is known.
 */
export function clientAddress(
  peer: IpBytes,
  field: string | undefined,
  { trust, clientField }: TrustedProxies,
): IpBytes {
  const isTrusted = (address: IpBytes) => trust.some((prefix) => prefixContains(prefix, address));
  let client = peer;
  if (field === undefined || !isTrusted(peer)) return client;
  const members = splitList(field);
  while (isTrusted(client)) {
    const member = members.pop();
    if (member === undefined) return client;
    const node = clientField === "Forwarded" ? forwardedFor(member) : member.trim();
    const address = nodeAddress(node);
    if (address === undefined) return client;
    client = address;
  }
  return client;
}

/** Members of a list; a comma inside of a quoted string is none of its commas. */
function splitList(field: string): string[] {
  return field.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
}

/** RFC 7239 section 4: the value of the parameter `for` of one element, without its quotes. */
function forwardedFor(element: string): string {
  const value = /(?:^|;)\s*for=("[^"]*"|[^;\s]*)/i.exec(element)?.[1] ?? "";
  return value.replaceAll('"', "");
}

/** An address with or without brackets and port, as proxies write it. */
function nodeAddress(node: string): IpBytes | undefined {
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(node) ?? [];
  const text = bracketed ?? node.replace(/^([\d.]+):\d{1,5}$/, "$1");
  const address = parseIp(text);
  return address.ok ? address.value : undefined;
}
